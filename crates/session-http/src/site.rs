//! Which hosts belong together: those below the same name that somebody registered. Source: the
//! Public Suffix List.

use url::{Host, Url};

/// Whether both are of one site.
pub(crate) fn same_site(one: &Url, other: &Url) -> bool {
    match (one.host(), other.host()) {
        (Some(Host::Domain(one)), Some(Host::Domain(other))) => {
            registered(one) == registered(other)
        }
        (one, other) => one == other,
    }
}

/// Whether names below this one belong to different people, as below `com` and `co.uk`.
pub(crate) fn is_public_suffix(host: &str) -> bool {
    psl::suffix_str(host) == Some(host)
}

/// The name that was registered; the whole name where it is a suffix itself.
fn registered(host: &str) -> &str {
    let host = host.trim_end_matches('.');
    psl::domain_str(host).unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("https://a.nordlys.no/", "http://b.c.nordlys.no:8080/", true)]
    #[case("https://nordlys.no/", "https://nordlys.se/", false)]
    #[case("https://a.co.uk/", "https://b.co.uk/", false)]
    #[case("https://a.github.io/", "https://b.github.io/", false)]
    #[case("http://127.0.0.1:1/", "http://127.0.0.1:2/", true)]
    #[case("http://127.0.0.1/", "http://127.0.0.2/", false)]
    #[case("http://localhost/", "http://localhost:1/", true)]
    fn a_site_is_what_one_owner_registered(
        #[case] one: &str,
        #[case] other: &str,
        #[case] expected: bool,
    ) {
        let (one, other) = (Url::parse(one).unwrap(), Url::parse(other).unwrap());

        assert_eq!(same_site(&one, &other), expected);
    }
}
