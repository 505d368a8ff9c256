//! Where an answer leads on, and what of a request may go there. Source: RFC 9110, 15.4; the Fetch
//! standard, "HTTP-redirect fetch".

use std::borrow::Cow;

use percent_encoding::{CONTROLS, percent_encode};
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Method, StatusCode};
use url::Url;

use crate::fetch::{Request, host};
use crate::site::same_site;
use crate::trouble::Trouble;

/// As many as browsers follow.
pub(crate) const MAX_REDIRECTS: usize = 20;

/// Where the answer leads; None where it is the end.
pub(crate) fn target(
    status: StatusCode,
    headers: &HeaderMap,
    url: &Url,
) -> Result<Option<Url>, Trouble> {
    let redirects = matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let Some(location) = headers.get(LOCATION).filter(|_| redirects) else {
        return Ok(None);
    };
    // What is no UTF-8 is asked for in the bytes that it was written in.
    let location = match std::str::from_utf8(location.as_bytes()) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => Cow::from(percent_encode(location.as_bytes(), CONTROLS)),
    };
    let Ok(mut target) = url.join(location.trim()) else {
        let message = format!("{} redirects to an address that cannot be read", host(url));
        return Err(Trouble::source(message));
    };
    if target.fragment().is_none() {
        target.set_fragment(url.fragment());
    }
    Ok(Some(target))
}

/// 307 and 308 repeat the request; the others ask for the page to see next.
///
/// # Errors
/// What was typed would go to another site, which the person who typed it has not seen.
pub(crate) fn redirected(
    request: Request,
    status: StatusCode,
    target: Url,
) -> Result<Request, Trouble> {
    if !matches!(status.as_u16(), 307 | 308) {
        return Ok(Request {
            method: Method::GET,
            url: target,
            body: None,
            has_fields: false,
            ..request
        });
    }
    if request.body.is_some() && !same_site(&request.url, &target) {
        let (from, to) = (host(&request.url), host(&target));
        let message = format!("{from} would send a form on to another site: {to}");
        return Err(Trouble::source(message));
    }
    Ok(Request {
        // The query is the target's.
        has_fields: request.body.is_some(),
        url: target,
        ..request
    })
}

/// What was typed on a page that came encrypted does not leave in clear text.
pub(crate) fn refuse_downgrade(before: &Url, request: &Request) -> Result<(), Trouble> {
    if before.scheme() == "https" && request.has_fields && request.url.scheme() != "https" {
        let host = host(&request.url);
        return Err(Trouble::source(format!(
            "a form of an https page would go to {host} over http"
        )));
    }
    Ok(())
}

/// The page's address within its own origin, the origin alone beyond it (Referrer Policy,
/// `strict-origin-when-cross-origin`).
pub(crate) fn referrer(from: &Url, to: &Url) -> Option<String> {
    if from.scheme() == "https" && to.scheme() != "https" {
        return None;
    }
    if from.origin() != to.origin() {
        return Some(format!("{}/", from.origin().ascii_serialization()));
    }
    let mut page = from.clone();
    page.set_fragment(None);
    Some(page.into())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::click::Click;
    use crate::form::FormBody;
    use crate::page::Page;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn post(to: &str) -> Request {
        Request {
            method: Method::POST,
            url: url(to),
            body: Some(FormBody::of_fields("password=x")),
            has_fields: true,
            from: None,
            top: None,
            file_name: None,
        }
    }

    #[test]
    fn a_form_of_an_encrypted_page_never_goes_out_in_clear_text() {
        let form = post("https://x.example/login");
        let target = url("http://x.example/in");

        let repeated = redirected(form, StatusCode::TEMPORARY_REDIRECT, target).unwrap();

        assert!(refuse_downgrade(&url("https://x.example/login"), &repeated).is_err());
    }

    #[rstest]
    #[case("get", "http://x.example/in", true)]
    #[case("post", "http://x.example/in", true)]
    #[case("get", "https://x.example/in", false)]
    fn what_was_typed_leaves_an_encrypted_page_in_no_form(
        #[case] method: &str,
        #[case] action: &str,
        #[case] is_refused: bool,
    ) {
        let from = url("https://x.example/login");
        let text =
            format!("<form method={method} action={action}><input type=password name=p><button>In");
        let mut page = Page::parse(from.clone(), StatusCode::OK, text, encoding_rs::UTF_8).unwrap();
        let password = page.css("input")[0];
        page.change(password, "secret".into()).unwrap();
        let button = page.css("button")[0];
        let Ok(Click::Submit(submission)) = page.click(button) else {
            panic!("the button submits");
        };

        let request = Request::submit(submission, Some(from.clone()));

        assert_eq!(refuse_downgrade(&from, &request).is_err(), is_refused);
    }

    #[test]
    fn a_link_of_an_encrypted_page_may_lead_out_of_it() {
        let link = Request::get(url("http://x.example/in?a=b"), None);

        assert!(refuse_downgrade(&url("https://x.example/"), &link).is_ok());
    }

    #[rstest]
    #[case(301, Method::GET, false)]
    #[case(302, Method::GET, false)]
    #[case(303, Method::GET, false)]
    #[case(307, Method::POST, true)]
    #[case(308, Method::POST, true)]
    fn a_redirect_repeats_the_form_only_where_it_says_so(
        #[case] status: u16,
        #[case] method: Method,
        #[case] has_body: bool,
    ) {
        let status = StatusCode::from_u16(status).unwrap();

        let next = redirected(
            post("https://a.x.example/"),
            status,
            url("https://b.x.example/"),
        );

        let next = next.unwrap();
        assert_eq!((next.method, next.body.is_some()), (method, has_body));
    }

    #[test]
    fn a_form_is_not_sent_on_to_another_site() {
        let status = StatusCode::PERMANENT_REDIRECT;

        assert!(redirected(post("https://x.example/"), status, url("https://x.test/")).is_err());
    }

    #[rstest]
    #[case(
        "https://x.example/a?b#c",
        "https://x.example/d",
        Some("https://x.example/a?b")
    )]
    #[case(
        "https://x.example/a?b",
        "https://y.example/d",
        Some("https://x.example/")
    )]
    #[case("https://x.example/a?b", "http://x.example/d", None)]
    fn other_sites_learn_no_more_than_the_origin(
        #[case] from: &str,
        #[case] to: &str,
        #[case] expected: Option<&str>,
    ) {
        assert_eq!(referrer(&url(from), &url(to)).as_deref(), expected);
    }

    #[rstest]
    #[case(302, "/b", "https://x.example/b#top")]
    #[case(308, "//y.example/å?ä#c", "https://y.example/%C3%A5?%C3%A4#c")]
    #[case(303, " ?q ", "https://x.example/a?q#top")]
    fn a_target_is_seen_from_where_it_was_named(
        #[case] status: u16,
        #[case] location: &str,
        #[case] expected: &str,
    ) {
        let mut headers = HeaderMap::new();
        headers.insert(
            LOCATION,
            reqwest::header::HeaderValue::from_bytes(location.as_bytes()).unwrap(),
        );
        let status = StatusCode::from_u16(status).unwrap();

        let target = target(status, &headers, &url("https://x.example/a#top")).unwrap();

        assert_eq!(target.unwrap().as_str(), expected);
    }

    #[test]
    fn a_target_that_is_no_utf_8_is_asked_for_as_it_was_written() {
        let location = reqwest::header::HeaderValue::from_bytes(b"/s\xf8k%20a?q=bl\xe5").unwrap();
        let headers = HeaderMap::from_iter([(LOCATION, location)]);

        let target = target(StatusCode::FOUND, &headers, &url("https://x.example/")).unwrap();

        assert_eq!(
            target.unwrap().as_str(),
            "https://x.example/s%F8k%20a?q=bl%E5"
        );
    }

    #[test]
    fn an_address_that_cannot_be_read_is_an_error() {
        let headers = HeaderMap::from_iter([(LOCATION, "http://[".parse().unwrap())]);

        assert!(target(StatusCode::FOUND, &headers, &url("https://x.example/")).is_err());
    }
}
