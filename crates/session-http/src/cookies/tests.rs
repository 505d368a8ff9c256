//! Which cookies are kept and sent.

use rstest::rstest;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn received(set: &[&str], from: &str) -> Cookies {
    let mut cookies = Cookies::default();
    let mut headers = HeaderMap::new();
    for text in set {
        headers.append(SET_COOKIE, text.parse().unwrap());
    }
    cookies.receive(&headers, &url(from));
    cookies
}

fn sent(cookies: &Cookies, to: &str) -> String {
    cookies
        .header(&Method::GET, &url(to), None, None)
        .unwrap_or_default()
}

#[rstest]
#[case::host_only("a=1", "https://www.nordlys.no/", "https://x.www.nordlys.no/", "")]
#[case::domain(
    "a=1; Domain=nordlys.no",
    "https://www.nordlys.no/",
    "https://b.nordlys.no/",
    "a=1"
)]
#[case::leading_dot(
    "a=1; Domain=.NORDLYS.no",
    "https://www.nordlys.no/",
    "https://nordlys.no/",
    "a=1"
)]
#[case::foreign_domain("a=1; Domain=other.no", "https://nordlys.no/", "https://other.no/", "")]
#[case::suffix("a=1; Domain=no", "https://nordlys.no/", "https://nordlys.no/", "")]
#[case::suffix_of_two("a=1; Domain=co.uk", "https://a.co.uk/", "https://a.co.uk/", "")]
#[case::private_suffix(
    "a=1; Domain=github.io",
    "https://a.github.io/",
    "https://b.github.io/",
    ""
)]
#[case::suffix_itself(
    "a=1; Domain=github.io",
    "https://github.io/",
    "https://b.github.io/",
    ""
)]
#[case::suffix_for_itself(
    "a=1; Domain=github.io",
    "https://github.io/",
    "https://github.io/",
    "a=1"
)]
#[case::address(
    "a=1; Domain=127.0.0.1",
    "http://127.0.0.1/",
    "http://127.0.0.1:81/",
    "a=1"
)]
#[case::secure("a=1; Secure", "https://x.no/", "http://x.no/", "")]
#[case::secure_in_clear("a=1; Secure", "http://x.no/", "https://x.no/", "")]
#[case::secure_on_this_machine("a=1; Secure", "http://127.0.0.1/", "http://127.0.0.1/", "a=1")]
#[case::path("a=1; Path=/in", "https://x.no/", "https://x.no/inside", "")]
#[case::path_below("a=1; Path=/in", "https://x.no/", "https://x.no/in/side", "a=1")]
#[case::expired("a=1; Max-Age=0", "https://x.no/", "https://x.no/", "")]
#[case::past_date_in_old_words(
    "a=1; Expires=Thursday, 01-Jan-70 0:00:00 UTC",
    "https://x.no/",
    "https://x.no/",
    ""
)]
#[case::last_date_counts(
    "a=1; expires=Thu, 1 Jan 1970 00:00:00 GMT; Expires=Fri, 1 Jan 2100 00:00:00 GMT",
    "https://x.no/",
    "https://x.no/",
    "a=1"
)]
#[case::rubbish_date("a=1; Expires=tomorrow", "https://x.no/", "https://x.no/", "a=1")]
#[case::prefix_secure("__Secure-a=1", "https://x.no/", "https://x.no/", "")]
#[case::prefix_secure_right(
    "__Secure-a=1; Secure; Domain=x.no",
    "https://x.no/",
    "https://y.x.no/",
    "__Secure-a=1"
)]
#[case::prefix_host_with_domain(
    "__Host-a=1; Secure; Path=/; Domain=x.no",
    "https://x.no/",
    "https://x.no/",
    ""
)]
#[case::prefix_host_with_path("__Host-a=1; Secure; Path=/b", "https://x.no/", "https://x.no/b", "")]
#[case::prefix_host_small("__host-a=1", "https://x.no/", "https://x.no/", "")]
#[case::prefix_host_right(
    "__Host-a=1; Secure; Path=/",
    "https://x.no/",
    "https://x.no/b",
    "__Host-a=1"
)]
#[case::http_only("a=1; HttpOnly", "https://x.no/", "https://x.no/", "a=1")]
#[case::no_cookie("=", "https://x.no/", "https://x.no/", "")]
fn a_cookie_goes_where_it_may(
    #[case] set: &str,
    #[case] from: &str,
    #[case] to: &str,
    #[case] expected: &str,
) {
    assert_eq!(sent(&received(&[set], from), to), expected);
}

#[test]
fn longer_paths_come_first_and_then_what_is_older() {
    let set = [
        "b=1; Path=/",
        "c=2; Path=/",
        "a=3; Path=/in",
        "b=4; Path=/in/x",
    ];
    let cookies = received(&set, "https://x.no/");

    assert_eq!(sent(&cookies, "https://x.no/in/x/y"), "b=4; a=3; b=1; c=2");
}

#[rstest]
#[case("a=1", Method::POST, true)]
#[case("a=1; SameSite=None; Secure", Method::POST, true)]
#[case("a=1; SameSite=Lax", Method::GET, true)]
#[case("a=1; SameSite=Lax", Method::POST, false)]
#[case("a=1; SameSite=Strict", Method::GET, false)]
fn another_site_leads_to_what_its_links_may(
    #[case] set: &str,
    #[case] method: Method,
    #[case] expected: bool,
) {
    let cookies = received(&[set], "https://x.no/");
    let to = url("https://x.no/");

    let from_another = cookies.header(&method, &to, Some(&url("https://y.no/")), None);
    let from_the_same = cookies.header(&method, &to, Some(&url("https://login.x.no/")), None);

    assert_eq!(from_another.is_some(), expected);
    assert!(from_the_same.is_some());
}

#[rstest]
#[case("a=1", true)]
#[case("a=1; SameSite=None; Secure", true)]
#[case("a=1; SameSite=Lax", false)]
#[case("a=1; SameSite=Strict", false)]
fn a_frame_in_a_page_of_another_site_is_no_place_for_what_is_lax(
    #[case] set: &str,
    #[case] expected: bool,
) {
    let cookies = received(&[set], "https://x.no/");
    let (to, own, other) = (
        url("https://x.no/"),
        url("https://x.no/in"),
        url("https://y.no/"),
    );
    let sent = |top| cookies.header(&Method::GET, &to, Some(&own), Some(top));

    assert_eq!(sent(&other).is_some(), expected);
    assert!(sent(&own).is_some());
}

#[test]
fn clear_text_does_not_cover_what_came_encrypted() {
    let mut cookies = received(&["a=1; Secure"], "https://x.no/");
    let headers = HeaderMap::from_iter([(SET_COOKIE, "a=2".parse().unwrap())]);

    cookies.receive(&headers, &url("http://x.no/"));

    assert_eq!(sent(&cookies, "https://x.no/"), "a=1");
}

#[test]
fn cookies_are_bounded_in_count_and_size_and_those_that_are_there_can_change() {
    let mut cookies = Cookies::default();
    let from = url("https://x.no/");
    let receive = |cookies: &mut Cookies, text: String| {
        let headers = HeaderMap::from_iter([(SET_COOKIE, text.parse().unwrap())]);
        cookies.receive(&headers, &from);
    };
    for number in 0..5000 {
        receive(&mut cookies, format!("c{number}=x"));
    }
    assert_eq!(cookies.store.iter_any().count(), MAX_COOKIES);

    receive(&mut cookies, "c7=changed".to_owned());
    receive(&mut cookies, format!("c8={}", "x".repeat(5000)));
    for number in 10..40 {
        receive(&mut cookies, format!("c{number}={}", "x".repeat(4000)));
    }

    let header = sent(&cookies, "https://x.no/");
    assert!(header.contains("c7=changed") && header.contains("c8=x;"));
    let bytes: usize = cookies.store.iter_any().map(bytes_of).sum();
    assert!((60_000..=MAX_BYTES).contains(&bytes), "{bytes}");
}

#[test]
fn a_cookie_that_was_deleted_makes_room() {
    let mut cookies = Cookies::default();
    let from = url("https://x.no/");
    for number in 0..MAX_COOKIES * 2 {
        let name = format!("c{}", number % MAX_COOKIES);
        let text = if number < MAX_COOKIES {
            format!("{name}=x")
        } else {
            format!("{name}=; Max-Age=0")
        };
        let headers = HeaderMap::from_iter([(SET_COOKIE, text.parse().unwrap())]);
        cookies.receive(&headers, &from);
    }
    let headers = HeaderMap::from_iter([(SET_COOKIE, "new=1".parse().unwrap())]);

    cookies.receive(&headers, &from);

    assert_eq!(sent(&cookies, "https://x.no/"), "new=1");
}
