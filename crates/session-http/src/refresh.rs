//! Pages that lead on by themselves: `<meta http-equiv=refresh>` and the `Refresh` header. Source: the
//! HTML standard, "Shared declarative refresh steps".

use std::time::Duration;

use url::Url;

/// How long a page shows that only says that it leads on: no person does anything in that time.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);

/// The longest wait that a step makes for a page to lead on. What waits longer logs out, or looks for
/// news.
pub(crate) const MAX_WAIT: Duration = Duration::from_secs(30);

/// How often pages may lead on by themselves within one step.
pub(crate) const MAX_REFRESHES: usize = 20;

/// Where a page leads by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refresh {
    pub(crate) after: Duration,
    pub(crate) url: Url,
}

impl Refresh {
    /// Reads `5; url='next'`, seen from a page.
    pub(crate) fn read(
        text: &str,
        page: &Url,
        resolve: impl Fn(&str) -> Option<Url>,
    ) -> Option<Self> {
        let text = text.trim_ascii_start();
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (seconds, rest) = text.split_at(digits);
        if seconds.is_empty() && !rest.starts_with('.') {
            return None;
        }
        // A number that is too large is a very long wait.
        let seconds = match seconds {
            "" => 0,
            digits => digits.parse().unwrap_or(u32::MAX),
        };
        let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.');
        let separated = rest.trim_ascii_start();
        if !rest.is_empty() && separated.len() == rest.len() && !rest.starts_with([';', ',']) {
            return None;
        }
        let target = separated.strip_prefix([';', ',']).unwrap_or(separated);
        let url = match address(target.trim_ascii()) {
            "" => page.clone(),
            address => resolve(address).filter(|url| matches!(url.scheme(), "http" | "https"))?,
        };
        Some(Self {
            after: Duration::from_secs(u64::from(seconds)),
            url,
        })
    }
}

/// The address behind `url=`, without its quotes.
fn address(text: &str) -> &str {
    let named = text
        .get(..3)
        .filter(|start| start.eq_ignore_ascii_case("url"));
    let after = named.and_then(|_| text[3..].trim_ascii_start().strip_prefix('='));
    let text = after.map_or(text, str::trim_ascii_start);
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split(quote).next().unwrap_or(""),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    fn read(text: &str) -> Option<(u64, String)> {
        let page = Url::parse("https://x.example/a/b").unwrap();
        let refresh = Refresh::read(text, &page, |address| page.join(address).ok())?;
        Some((refresh.after.as_secs(), refresh.url.into()))
    }

    #[rstest]
    #[case("0; url=c", 0, "https://x.example/a/c")]
    #[case("5;URL = 'c d'rest", 5, "https://x.example/a/c%20d")]
    #[case(" 3.5 , url=\"/c", 3, "https://x.example/c")]
    #[case("2 /c", 2, "https://x.example/c")]
    #[case("900", 900, "https://x.example/a/b")]
    #[case("99999999999;url=c", 4_294_967_295, "https://x.example/a/c")]
    #[case(".5; urls", 0, "https://x.example/a/urls")]
    #[case("1;", 1, "https://x.example/a/b")]
    fn refreshes_are_read(#[case] text: &str, #[case] seconds: u64, #[case] url: &str) {
        assert_eq!(read(text), Some((seconds, url.to_owned())));
    }

    #[rstest]
    #[case("")]
    #[case("soon")]
    #[case("-1; url=c")]
    #[case("5x; url=c")]
    #[case("0; url=javascript:alert(1)")]
    #[case("0; url=http://[")]
    fn what_leads_nowhere_is_no_refresh(#[case] text: &str) {
        assert_eq!(read(text), None);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([0-9.]|;|,|url|URL|=|'|\"| |å|//|:){0,12}") {
            read(&text);
        }
    }
}
