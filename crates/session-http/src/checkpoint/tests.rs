//! What comes back of what was kept.

use std::collections::HashSet;

use encoding_rs::UTF_8;
use reqwest::header::{HeaderMap, SET_COOKIE};
use reqwest::{Method, StatusCode};
use rstest::rstest;
use secrecy::SecretString;
use serde_json::json;
use url::Url;
use windlass_playbook::Template;

use super::*;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// What is sent to this address once the cookies were kept and restored.
fn sent(given: &[(&str, &str)], to: &str) -> Vec<String> {
    let mut cookies = Cookies::default();
    for (cookie, from) in given {
        let headers = HeaderMap::from_iter([(SET_COOKIE, cookie.parse().unwrap())]);
        cookies.receive(&headers, &url(from));
    }
    let kept = serde_json::to_vec(&cookies.keep()).unwrap();
    let kept: Vec<KeptCookie> = serde_json::from_slice(&kept).unwrap();
    let restored = Cookies::restore(&kept);
    let header = restored.header(&Method::GET, &url(to), None, None);
    let mut sent: Vec<_> = header
        .iter()
        .flat_map(|header| header.split("; "))
        .map(str::to_owned)
        .collect();
    sent.sort();
    sent
}

#[rstest]
#[case("https://a.nordlys.example/in/x", &["all=2", "b=\"q\"", "deep=3", "host=1", "safe=5"])]
#[case("http://a.nordlys.example/in/x", &["all=2", "b=\"q\"", "deep=3", "host=1"])]
#[case("https://a.nordlys.example/", &["all=2", "b=\"q\"", "host=1", "safe=5"])]
#[case("https://b.nordlys.example/in/x", &["all=2"])]
#[case("https://other.example/in/x", &[])]
fn a_cookie_is_sent_where_it_was_and_nowhere_else(#[case] to: &str, #[case] expected: &[&str]) {
    let from = "https://a.nordlys.example/in/form";
    let given = [
        ("host=1; Path=/", from),
        ("all=2; Path=/; Domain=nordlys.example", from),
        ("deep=3", from),
        ("safe=5; Path=/; Secure; HttpOnly", from),
        ("b=\"q\"; Path=/", from),
    ];

    assert_eq!(sent(&given, to), expected);
}

#[rstest]
#[case("http://127.0.0.1:8080/")]
#[case("http://[::1]/")]
fn an_address_without_name_has_cookies_too(#[case] address: &str) {
    assert_eq!(sent(&[("a=1; Path=/", address)], address), ["a=1"]);
}

#[test]
fn a_cookie_expires_when_it_would_have() {
    let mut cookies = Cookies::default();
    let headers = HeaderMap::from_iter([(SET_COOKIE, "a=1; Max-Age=3600".parse().unwrap())]);
    cookies.receive(&headers, &url("https://x.example/"));
    let mut kept = serde_json::to_value(cookies.keep()).unwrap();
    let in_an_hour = kept[0]["expires_at"].as_i64().unwrap();
    let now = time::OffsetDateTime::now_utc().unix_timestamp();
    assert!((now + 3590..=now + 3600).contains(&in_an_hour));

    kept[0]["expires_at"] = json!(now - 1);
    let kept: Vec<KeptCookie> = serde_json::from_value(kept).unwrap();

    assert!(Cookies::restore(&kept).keep().is_empty());
}

#[tokio::test]
async fn what_was_changed_in_fields_is_kept_but_for_what_is_of_the_credential() {
    let text = "<form method=post action=/in><input id=user><input id=pass><input id=stay \
                type=checkbox><select id=plan><option>a<option>b</select><select id=some multiple>\
                <option>c<option>d</select><select id=none multiple><option selected>e</select></form>";
    let mut page = Page::parse(
        url("https://x.example/"),
        StatusCode::OK,
        text.to_owned(),
        UTF_8,
    )
    .unwrap();
    let one = |page: &Page, css: &str| page.css(css)[0];
    let (user, pass) = (one(&page, "#user"), one(&page, "#pass"));
    let (stay, plan) = (one(&page, "#stay"), one(&page, "#plan"));
    page.change(user, SecretString::from("kari")).unwrap();
    page.change(pass, SecretString::from("hunter2")).unwrap();
    let template = Template::parse("{{credential.password}}").unwrap();
    page.fields.from_credential.insert(pass, template);
    page.toggle(stay).unwrap();
    page.change(plan, SecretString::from("b")).unwrap();
    let (some, none) = (one(&page, "#some"), one(&page, "#none"));
    for value in ["c", "d"] {
        page.change(some, SecretString::from(value)).unwrap();
    }
    page.choose(none, one(&page, "#none option"));

    let kept = serde_json::to_string(&KeptPage::of(&page)).unwrap();
    let read: KeptPage = serde_json::from_str(&kept).unwrap();
    let loaded = read.load().await.unwrap().unwrap();

    assert!(kept.contains("kari") && kept.contains("{{credential.password}}"));
    assert!(!kept.contains("hunter2"), "{kept}");
    assert_eq!(**loaded.text(), *text);
    assert_eq!(
        loaded.fields.checked.get(&one(&loaded, "#stay")),
        Some(&true)
    );
    assert_eq!(
        loaded.fields.chosen.get(&one(&loaded, "#plan")),
        Some(&[one(&loaded, "option:nth-child(2)")].into())
    );
    let chosen = |css: &str| loaded.fields.chosen[&one(&loaded, css)].clone();
    assert_eq!(
        chosen("#some"),
        HashSet::from_iter(loaded.css("#some option"))
    );
    assert!(chosen("#none").is_empty());
}

#[rstest]
#[case::other_version(json!({"version": 2, "step": 1, "cookies": [], "page": null, "answers": {}, "output": {}, "used_credential": false, "started": true}))]
#[case::other_shape(json!({"version": 1, "step": 1}))]
#[case::nothing(json!(null))]
fn what_another_version_left_is_not_read(#[case] left: Value) {
    let bytes = SecretSlice::from(serde_json::to_vec(&left).unwrap());

    assert_eq!(Checkpoint::read(&bytes).err(), Some(Unreadable));
}
