//! Where `navigate` may lead: to a website, and nowhere else.

use url::Url;

use crate::placeholder::{Placeholder, Template};

/// What a page's address is seen from while a playbook is checked.
const SOMEWHERE: &str = "https://source.invalid/";

/// The longest scheme that an error repeats, in characters.
const MAX_SCHEME_CHARACTERS: usize = 20;

/// Where a `navigate` leads, as far as its text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    Website,
    /// The empty page that a recording starts on.
    NewTab,
}

/// Reads the address of a `navigate`.
///
/// # Errors
/// Why it leads to no website, to follow its place.
pub(crate) fn destination(address: &Template) -> Result<Destination, String> {
    let filled = address.filled_by(|placeholder| match placeholder {
        Placeholder::SourceUrl => SOMEWHERE,
        Placeholder::Input(_) | Placeholder::Credential(_) | Placeholder::Interaction(_) => "x",
    });
    let somewhere = Url::parse(SOMEWHERE).ok();
    let url = Url::options()
        .base_url(somewhere.as_ref())
        .parse(&filled)
        .map_err(|_| "is no address of a website".to_owned())?;
    match url.scheme() {
        "http" | "https" if url.username().is_empty() && url.password().is_none() => {
            Ok(Destination::Website)
        }
        "http" | "https" => Err("must not hold a user name or password".to_owned()),
        "about" | "chrome" | "edge" if is_new_tab(&url) => Ok(Destination::NewTab),
        scheme => {
            let scheme: String = scheme.chars().take(MAX_SCHEME_CHARACTERS).collect();
            Err(format!(
                "must lead to a website, by http: or https:, not {scheme}:"
            ))
        }
    }
}

fn is_new_tab(url: &Url) -> bool {
    let address = url.as_str().trim_end_matches('/');
    matches!(
        address,
        "about:blank" | "chrome://newtab" | "chrome://new-tab-page" | "edge://newtab"
    )
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn of(address: &str) -> Result<Destination, String> {
        destination(&Template::parse(address).unwrap())
    }

    #[rstest]
    #[case("https://nordlys.example/bills?x=1")]
    #[case("HTTP://127.0.0.1:8080")]
    #[case("{{source.url}}")]
    #[case("{{source.url}}bills/{{input.month}}")]
    #[case("{{input.address}}")]
    #[case("/bills")]
    #[case("?page=2")]
    #[case("//other.example/")]
    fn websites_are_led_to(#[case] address: &str) {
        assert_eq!(of(address), Ok(Destination::Website));
    }

    #[rstest]
    #[case("about:blank")]
    #[case("chrome://newtab/")]
    #[case("chrome://new-tab-page/")]
    #[case("edge://newtab/")]
    fn a_recording_may_start_on_an_empty_page(#[case] address: &str) {
        assert_eq!(of(address), Ok(Destination::NewTab));
    }

    #[rstest]
    #[case("file:///etc/passwd", "not file:")]
    #[case("javascript:alert(1)", "not javascript:")]
    #[case(" JaVa\tScript:alert(1)", "not javascript:")]
    #[case("data:text/html,x", "not data:")]
    #[case("chrome://settings", "not chrome:")]
    #[case("about:config", "not about:")]
    #[case("{{input.scheme}}://x", "not x:")]
    #[case("https://kari:secret@nordlys.example/", "user name or password")]
    #[case("https://", "no address")]
    #[case("http://a b/", "no address")]
    #[case("http://[::1/", "no address")]
    fn what_is_no_website_is_refused(#[case] address: &str, #[case] reason: &str) {
        let refused = of(address).unwrap_err();

        assert!(refused.contains(reason), "{refused}");
        assert!(!refused.contains("secret"));
    }
}
