//! HTTP authentication: Basic and Digest, for one origin. Source: RFC 9110, 11; RFC 7617; RFC 7616.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use digest_auth::{Algorithm, AuthContext, Charset, HttpMethod, Qop, WwwAuthenticateHeader};
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use secrecy::{ExposeSecret, SecretString};
use url::{Origin, Url};

/// A user name and password for one origin. They go nowhere else, and only once they are asked for.
pub(crate) struct HttpLogin {
    origin: Origin,
    username: SecretString,
    password: SecretString,
    /// What the origin asked for last.
    challenge: Option<Challenge>,
    /// Whether it was sent and not refused.
    pub(crate) was_taken: bool,
}

enum Challenge {
    Basic,
    Digest(Box<WwwAuthenticateHeader>),
}

/// What an answer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Nothing that this login can give.
    Nothing,
    /// The login, which was not sent with the request.
    Login,
    /// The same again, with a newer nonce.
    Again,
    /// It was sent and is wrong.
    Other,
}

impl HttpLogin {
    /// A login for the origin of this address.
    pub(crate) fn new(url: &Url, username: SecretString, password: SecretString) -> Self {
        Self {
            origin: url.origin(),
            username,
            password,
            challenge: None,
            was_taken: false,
        }
    }

    /// What to send with a request; None to another origin, and before anybody has asked.
    pub(crate) fn header(&mut self, method: &Method, url: &Url) -> Option<HeaderValue> {
        if url.origin() != self.origin {
            return None;
        }
        let (username, password) = (self.username.expose_secret(), self.password.expose_secret());
        let text = match self.challenge.as_mut()? {
            Challenge::Basic => {
                let pair = STANDARD.encode(format!("{username}:{password}"));
                format!("Basic {pair}")
            }
            Challenge::Digest(prompt) => {
                let uri = match url.query() {
                    Some(query) => format!("{}?{query}", url.path()),
                    None => url.path().to_owned(),
                };
                let method = HttpMethod(method.as_str().into());
                let context =
                    AuthContext::new_with_method(username, password, uri, None::<&[u8]>, method);
                prompt.respond(&context).ok()?.to_string()
            }
        };
        let mut header = HeaderValue::try_from(text).ok()?;
        header.set_sensitive(true);
        Some(header)
    }

    /// Takes up what a 401 from this address asks for.
    pub(crate) fn asked(&mut self, url: &Url, headers: &HeaderMap, was_sent: bool) -> Asked {
        if url.origin() != self.origin {
            return Asked::Nothing;
        }
        let Some(challenge) = strongest(headers) else {
            return Asked::Nothing;
        };
        let stale = matches!(&challenge, Challenge::Digest(prompt) if prompt.stale);
        match was_sent {
            true if !stale => Asked::Other,
            _ => {
                self.challenge = Some(challenge);
                if was_sent { Asked::Again } else { Asked::Login }
            }
        }
    }
}

/// Digest before Basic, as each answer may ask for several.
fn strongest(headers: &HeaderMap) -> Option<Challenge> {
    let mut basic = None;
    for value in headers.get_all(WWW_AUTHENTICATE) {
        let text = String::from_utf8_lossy(value.as_bytes());
        for (scheme, parameters) in challenges(&text) {
            match scheme.as_str() {
                "digest" => {
                    if let Some(prompt) = digest(&parameters) {
                        return Some(Challenge::Digest(Box::new(prompt)));
                    }
                }
                "basic" => basic = Some(Challenge::Basic),
                _ => {}
            }
        }
    }
    basic
}

fn digest(parameters: &[(String, String)]) -> Option<WwwAuthenticateHeader> {
    let value = |name: &str| {
        let found = parameters.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str())
    };
    let algorithm = match value("algorithm") {
        None => Algorithm::default(),
        Some(name) => name.parse().ok()?,
    };
    let qop = match value("qop") {
        None => None,
        Some(offered) if offered.split(',').any(|one| one.trim() == "auth") => {
            Some(vec![Qop::AUTH])
        }
        // It would have to prove the body too.
        Some(_) => return None,
    };
    let is_true = |name| value(name).is_some_and(|text| text.eq_ignore_ascii_case("true"));
    Some(WwwAuthenticateHeader {
        domain: None,
        realm: value("realm")?.to_owned(),
        nonce: value("nonce")?.to_owned(),
        opaque: value("opaque").map(str::to_owned),
        stale: is_true("stale"),
        algorithm,
        qop,
        userhash: is_true("userhash"),
        charset: Charset::UTF8,
        nc: 0,
    })
}

/// The schemes of a header, in small letters, each with its parameters.
fn challenges(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut found: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for part in parts(text) {
        let part = part.trim();
        let (before, value) = part.split_once('=').unwrap_or((part, ""));
        let mut words = before.split_ascii_whitespace();
        let (first, second) = (words.next(), words.next());
        let name = match (first, second) {
            (Some(scheme), name) if name.is_some() || !part.contains('=') => {
                found.push((scheme.to_ascii_lowercase(), Vec::new()));
                name
            }
            (name, _) => name,
        };
        if let (Some(name), Some((_, parameters))) = (name, found.last_mut()) {
            parameters.push((name.to_ascii_lowercase(), unquoted(value.trim())));
        }
    }
    found
}

/// The parts between commas that stand in no quotes.
fn parts(text: &str) -> Vec<&str> {
    let (mut quoted, mut escaped) = (false, false);
    text.split(|letter: char| {
        let was_escaped = escaped;
        escaped = quoted && letter == '\\' && !was_escaped;
        if letter == '"' && !was_escaped {
            quoted = !quoted;
        }
        letter == ',' && !quoted
    })
    .collect()
}

fn unquoted(value: &str) -> String {
    let Some(inner) = value.strip_prefix('"') else {
        return value.to_owned();
    };
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut letters = inner.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => text.extend(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn login() -> HttpLogin {
        HttpLogin::new(&url("https://x.example/"), "Kari å".into(), "p:ä".into())
    }

    fn asking(challenge: &str) -> HeaderMap {
        let value = HeaderValue::from_bytes(challenge.as_bytes()).unwrap();
        HeaderMap::from_iter([(WWW_AUTHENTICATE, value)])
    }

    #[test]
    fn nothing_is_sent_before_it_is_asked_for_and_nothing_to_another_origin() {
        let mut login = login();
        let (here, get) = (url("https://x.example/a"), Method::GET);
        assert_eq!(login.header(&get, &here), None);
        let asks = asking("Basic realm=\"x\"");
        let elsewhere = url("https://y.example/");
        assert_eq!(login.asked(&elsewhere, &asks, false), Asked::Nothing);

        assert_eq!(login.asked(&here, &asks, false), Asked::Login);

        let header = login.header(&get, &here).unwrap();
        assert_eq!(header.to_str().unwrap(), "Basic S2FyaSDDpTpwOsOk");
        assert!(header.is_sensitive());
        for other in [
            "http://x.example/a",
            "https://x.example:444/",
            "https://a.x.example/",
        ] {
            assert_eq!(login.header(&get, &url(other)), None, "{other}");
        }
        assert_eq!(login.asked(&here, &asks, true), Asked::Other);
    }

    #[test]
    fn digest_is_taken_before_basic_and_a_stale_nonce_is_no_refusal() {
        let mut login = login();
        let here = url("https://x.example/a?b=c");
        let asks = "Basic realm=\"a, b\", Digest realm=\"r\\\"1\", qop=\"auth-int, auth\", nonce=n1, algorithm=SHA-256";
        assert_eq!(login.asked(&here, &asking(asks), false), Asked::Login);

        let header = login.header(&Method::GET, &here).unwrap();

        let text = String::from_utf8_lossy(header.as_bytes()).into_owned();
        for part in [
            "Digest ",
            "nonce=\"n1\"",
            "uri=\"/a?b=c\"",
            "qop=auth",
            "nc=00000001",
            "algorithm=SHA-256",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        let stale = asking("Digest realm=r, nonce=n2, stale=TRUE");
        assert_eq!(login.asked(&here, &stale, true), Asked::Again);
    }

    #[rstest]
    #[case("")]
    #[case("Negotiate")]
    #[case("Bearer realm=\"x\"")]
    #[case("Digest realm=r, nonce=n, qop=\"auth-int\"")]
    #[case("Digest realm=r")]
    #[case("Digest realm=r, nonce=n, algorithm=rot13")]
    fn what_cannot_be_answered_asks_for_nothing(#[case] challenge: &str) {
        let here = url("https://x.example/");

        assert_eq!(
            login().asked(&here, &asking(challenge), false),
            Asked::Nothing
        );
    }

    proptest! {
        #[test]
        fn rubbish_is_no_danger(text in "(Digest|Basic| |,|=|\"|\\\\|realm|nonce|qop|auth|stale|true|å){0,24}") {
            let here = url("https://x.example/");
            let mut login = login();
            login.asked(&here, &asking(&text), false);
            login.header(&Method::POST, &here);
        }
    }
}
