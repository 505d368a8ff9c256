//! A saved login: the cookies that a website knows a logged-in person by. The server seals it with
//! the credential. Source: docs/workers.md, "The built-in agent".

use serde::{Deserialize, Serialize};
use windlass_worker::Login;

use crate::cookies::{Cookies, KeptCookie};

/// Which shape this is. A change that another version would misread gets the next number.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct SavedLogin {
    version: u32,
    cookies: Vec<KeptCookie>,
}

/// The login that these cookies are; None where there are none, or they cannot be written.
pub(crate) fn save(cookies: &Cookies) -> Option<Login> {
    let cookies = cookies.keep();
    if cookies.is_empty() {
        return None;
    }
    let saved = SavedLogin {
        version: VERSION,
        cookies,
    };
    serde_json::to_vec(&saved).ok().map(Login::new)
}

/// The cookies of a login; None where another version has saved it in another shape: the playbook
/// then logs in.
pub(crate) fn restore(login: &Login) -> Option<Cookies> {
    let saved: SavedLogin = serde_json::from_slice(login.bytes()).ok()?;
    (saved.version == VERSION).then(|| Cookies::restore(&saved.cookies))
}

#[cfg(test)]
mod tests {
    use reqwest::Method;
    use reqwest::header::{HeaderMap, SET_COOKIE};
    use url::Url;

    use super::*;

    #[test]
    fn what_was_saved_is_sent_again() {
        let url = Url::parse("https://x.example/").unwrap();
        let mut cookies = Cookies::default();
        let set = "session=1; Path=/; HttpOnly".parse().unwrap();
        cookies.receive(&HeaderMap::from_iter([(SET_COOKIE, set)]), &url);

        let login = save(&cookies).unwrap();
        let restored = restore(&login).unwrap();

        let sent = restored.header(&Method::GET, &url, None, None);
        assert_eq!(sent.as_deref(), Some("session=1"));
        assert!(!format!("{login:?}").contains("session"));
    }

    #[test]
    fn no_cookies_are_no_login_and_what_another_version_saved_is_left_aside() {
        assert_eq!(save(&Cookies::default()), None);
        for text in [r#"{"version": 2, "cookies": []}"#, "{}", ""] {
            assert!(restore(&Login::new(text.into())).is_none(), "{text}");
        }
    }
}
