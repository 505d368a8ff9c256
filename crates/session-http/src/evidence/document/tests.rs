//! Hostile pages, and what is left of them.

use encoding_rs::UTF_8;
use reqwest::StatusCode;
use rstest::rstest;
use secrecy::SecretString;
use url::Url;
use windlass_playbook::{Template, Values};

use super::*;

fn page(text: &str) -> Page {
    let url = Url::parse("https://x.example/a").unwrap();
    Page::parse(url, StatusCode::OK, text.to_owned(), UTF_8).unwrap()
}

fn secrets() -> Secrets {
    let mut secrets = Secrets::default();
    let answers = [("code", "421337"), ("account", "7"), ("row", "12")];
    let answers = answers.map(|(name, answer)| (name.to_owned(), SecretString::from(answer)));
    secrets.learn(
        &Values {
            password: Some("hunter2<&>".into()),
            answers: answers.into(),
            ..Values::default()
        },
        |_| true,
    );
    secrets
}

/// What is written between the head and the tail.
fn body(page: &Page) -> String {
    let document = document(page, &secrets());
    let body = document.strip_prefix(HEAD).unwrap();
    body.strip_suffix(TAIL).unwrap().to_owned()
}

#[rstest]
#[case("<script>alert(1)</script><p>a", "<p>a</p>")]
#[case("<p onclick=alert(1) onmouseover='x'>a", "<p>a</p>")]
#[case("<img src=x onerror=alert(1)>", "")]
#[case(
    "<img src=x alt='The <b> bill' onerror=alert(1)>",
    "<span role=\"img\">[The &lt;b&gt; bill]</span>"
)]
#[case(
    "<a href='javascript:alert(1)' ping=/p target=_top>Next</a>",
    "<span>Next</span>"
)]
#[case("<a href='https://evil.example/'>Next</a>", "<span>Next</span>")]
#[case(
    "<svg onload=alert(1)><style>*{}</style><script>x</script><a href=x>y</a></svg><p>b",
    "<p>b</p>"
)]
#[case(
    "<math><mtext><style><img src=x onerror=alert(1)></style></mtext></math>b",
    "b"
)]
#[case("<style>@import 'https://evil.example/x.css';</style>b", "b")]
#[case("<style>p{background:url(//evil.example/x)}</style>b", "b")]
#[case("<style>p{background:\\75rl(//evil.example/x)}</style>b", "b")]
#[case("<style>p{color:red}</style>b", "<style>p{color:red}</style>b")]
#[case("<p style='color:red'>b", "<p style=\"color:red\">b</p>")]
#[case("<p style='background:URL(x)'>b", "<p>b</p>")]
#[case(
    "<meta http-equiv=refresh content='0;url=//evil.example'><p>b",
    "<p>b</p>"
)]
#[case(
    "<base href=//evil.example/><link rel=stylesheet href=/x.css><p>b",
    "<p>b</p>"
)]
#[case("<iframe src=/x srcdoc='<script>x</script>'></iframe>b", "b")]
#[case("<object data=/x><embed src=/y><p>in</object>b", "b")]
#[case(
    "<video src=x poster=y><source src=z></video><audio src=x></audio>b",
    "b"
)]
#[case("<template><script>x</script><p>t</template>b", "b")]
#[case(
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>b",
    "&#39;&gt;b"
)]
#[case(
    "<form action=//evil.example method=post><button formaction=/x>Pay</button></form>",
    "<div><button type=\"button\">Pay</button></div>"
)]
#[case(
    "<input type=submit formaction=/x value=Go><input type=image src=x alt=Go>",
    "<input type=\"button\" value=\"Go\"><input alt=\"Go\" type=\"button\" value=\"Go\">"
)]
#[case("<x-app src=x onfoo=y><p>b</x-app>", "<span><p>b</p></span>")]
#[case("<!-- a --><p>b<!-- c -->", "<p>b</p>")]
#[case(
    "<p title='\"><script>x</script>'>b",
    "<p title=\"&quot;&gt;&lt;script&gt;x&lt;/script&gt;\">b</p>"
)]
#[case("<textarea></textarea><script>x</script>", "<textarea></textarea>")]
#[case(
    "<textarea>&lt;/textarea&gt;&lt;script&gt;</textarea>",
    "<textarea>&lt;/textarea&gt;&lt;script&gt;</textarea>"
)]
#[case(
    "<title>A &lt;/title&gt;&lt;script&gt;</title>",
    "<title>A &lt;/title&gt;&lt;script&gt;</title>"
)]
#[case(
    "<xmp><script>x</script></xmp>",
    "<pre>&lt;script&gt;x&lt;/script&gt;</pre>"
)]
#[case("<input name=token type=hidden value=csrf>b", "b")]
#[case(
    "<div><template><div><iframe srcdoc='<svg onload=x>'></iframe></div></template><div><p onclick=x>d",
    "<div><div><p>d</p></div></div>"
)]
fn nothing_of_a_hostile_page_runs_loads_or_leaves(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(body(&page(text)), expected);
}

#[rstest]
#[case(
    "<p>Hello ada.lund, your code is 421337.",
    "<p>Hello ada.lund, your code is ••••.</p>"
)]
#[case("<p title='421337'>a", "<p title=\"••••\">a</p>")]
#[case("<input value=421337>", "<input type=\"text\" value=\"••••\">")]
#[case(
    "<input type=password value=any>",
    "<input type=\"password\" value=\"••••\">"
)]
#[case("<input type=password>", "<input type=\"password\" value=\"\">")]
#[case(
    "<input autocomplete='section-a one-time-code' value=9>",
    "<input type=\"text\" value=\"••••\">"
)]
#[case("<p>hunter2&lt;&amp;&gt;", "<p>••••</p>")]
#[case("<textarea>hunter2<&></textarea>", "<textarea>••••</textarea>")]
#[case(
    "<style>.ada\\.lund{}</style><style>p::after{content:'421337'}</style>",
    "<style>p::after{content:'••••'}</style>"
)]
#[case("<title>421337</title>", "<title>••••</title>")]
#[case("<img alt='421337'>", "<span role=\"img\">[••••]</span>")]
#[case(
    "<select><option value=421337>421337",
    "<select><option>••••</option></select>"
)]
#[case("<p>4<b>21</b>337", "<p>••••<b></b></p>")]
#[case("<p>My 421<i> 337</i> kr", "<p>My ••••<i></i> kr</p>")]
#[case(
    "<p>HUN<wbr>TER2<!-- x -->&lt;<script>x</script>&amp;&shy;&gt; <b>x",
    "<p>••••<wbr> <b>x</b></p>"
)]
#[case("<p>hunter2%3C%26%3E", "<p>••••</p>")]
#[case(
    "<p title='hunter2&amp;lt;&amp;amp;&amp;gt;'>a",
    "<p title=\"••••\">a</p>"
)]
#[case(
    "<p>421<span hidden>x<i>4213</i>37</span>337",
    "<p>••••<span hidden=\"\">x<i>••••</i></span></p>"
)]
#[case(
    "<p>421<span style='display: none'>x</span>337",
    "<p>••••<span style=\"display: none\">x</span></p>"
)]
#[case("<p>421</p><p>337", "<p>421</p><p>337</p>")]
#[case("<td>421<br>337", "421<br>337")]
#[case("<p>Account<b>7</b>a", "<p>Account<b>••••</b>a</p>")]
#[case("<p><b>1</b>2 12<b>a", "<p><b>••••</b> ••••<b>a</b></p>")]
fn no_secret_shows(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(body(&page(text)), expected);
}

#[test]
fn fields_show_what_was_typed_but_for_the_credential() {
    let mut page =
        page("<input id=a><input id=b><textarea id=c>old</textarea><input id=d type=checkbox>");
    let find = |css: &str| page.css(css)[0];
    let (a, b, c, d) = (find("#a"), find("#b"), find("#c"), find("#d"));
    page.fields.typed.insert(a, "December".into());
    page.fields.typed.insert(b, "made of it".into());
    let template = Template::parse("{{credential.totp}}").unwrap();
    page.fields.from_credential.insert(b, template);
    page.fields.typed.insert(c, "code 421337".into());
    page.fields.checked.insert(d, true);

    assert_eq!(
        body(&page),
        "<input id=\"a\" type=\"text\" value=\"December\">\
         <input id=\"b\" type=\"text\" value=\"••••\">\
         <textarea id=\"c\">code ••••</textarea>\
         <input id=\"d\" type=\"checkbox\" checked=\"\">"
    );
}

#[rstest]
#[case::element("<p hidden>a</p>b", "<p hidden=\"\">a</p>b")]
#[case::dialog("<dialog>a</dialog>b", "<dialog>a</dialog>b")]
#[case::open_dialog("<dialog open>a</dialog>", "<dialog open=\"\">a</dialog>")]
#[case::details(
    "<details><summary>a</summary>b</details>",
    "<details><summary>a</summary>b</details>"
)]
fn what_does_not_show_is_hidden_here_too(#[case] text: &str, #[case] expected: &str) {
    assert_eq!(body(&page(text)), expected);
}

#[rstest]
#[case("number", "421337", "text", "••••")]
#[case("range", "421337", "text", "••••")]
#[case("tel", "0421337", "text", "0••••")]
#[case("number", "17", "number", "17")]
#[case("submit", "Pay 421337", "button", "Pay ••••")]
#[case("password", "421337", "password", "••••")]
fn a_field_that_takes_no_mask_is_one_for_text(
    #[case] kind: &str,
    #[case] value: &str,
    #[case] shown: &str,
    #[case] masked: &str,
) {
    let field = format!("<input type={kind} value='{value}'>");

    let expected = format!("<input type=\"{shown}\" value=\"{masked}\">");
    assert_eq!(body(&page(&field)), expected);
}

#[rstest]
#[case::between_its_halves(0)]
#[case::in_its_first_half(646)]
fn a_secret_at_the_cut_leaves_nothing_of_it(#[case] before: usize) {
    let secret = format!("421{}337;", " ".repeat(1000));
    let text = format!("<pre>{}{}", "x".repeat(before), secret.repeat(600));

    let body = body(&page(&text));

    assert!(body.contains(MASK));
    assert!(!body.contains("42") && !body.contains("337"));
}

#[test]
fn a_chosen_option_shows() {
    let mut page = page("<select id=s><option id=a selected>1<option id=b>2</select>");
    let find = |css: &str| page.css(css)[0];
    let (select, chosen) = (find("#s"), find("#b"));
    page.fields.chosen.insert(select, [chosen].into());

    assert_eq!(
        body(&page),
        "<select id=\"s\"><option id=\"a\">1</option>\
         <option id=\"b\" selected=\"\">2</option></select>"
    );
}

#[test]
fn a_deep_page_needs_no_deep_stack() {
    let deep = page(&format!("{}b", "<div>".repeat(500)));

    let on_little_stack = std::thread::Builder::new().stack_size(128 * 1024);
    let written = on_little_stack.spawn(move || body(&deep).len()).unwrap();
    let length = written.join().unwrap();

    assert_eq!(length, 500 * "<div></div>".len() + 1);
}

#[test]
fn a_long_page_is_cut() {
    let long = page(&format!("<p>{}<p>end", "<".repeat(MAX_BYTES)));
    let many = page(&"<p title=a>b".repeat(MAX_BYTES / 8));

    for page in [long, many] {
        let document = document(&page, &secrets());

        assert!(document.len() < MAX_BYTES + 100, "{}", document.len());
        assert!(document.ends_with(TAIL));
    }
}
