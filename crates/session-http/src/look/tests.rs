//! What selectors find on pages.

use encoding_rs::UTF_8;
use reqwest::StatusCode;
use rstest::rstest;
use url::Url;

use super::*;

fn page(text: &str) -> Page {
    let url = Url::parse("https://x.example/").unwrap();
    Page::parse(url, StatusCode::OK, text.to_owned(), UTF_8).unwrap()
}

/// The ids, or names where there is no id, of what a selector finds.
fn found(page: &Page, kind: SelectorKind, text: &str) -> Vec<String> {
    described(page, &page.look(None, kind, text).unwrap())
}

fn described(page: &Page, ids: &[NodeId]) -> Vec<String> {
    let described = |id: &NodeId| {
        let element = page.element(*id).unwrap();
        element
            .attr("id")
            .unwrap_or(element.value().name())
            .to_owned()
    };
    ids.iter().map(described).collect()
}

#[rstest]
#[case::label_for(
    "<label for=x>User <b>name</b></label><input id=x>",
    "User name",
    "textbox"
)]
#[case::label_around("<label>User name: <input id=x></label>", "User name:", "textbox")]
#[case::two_labels(
    "<label for=x>A</label><input id=x><label for=x>B</label>",
    "A B",
    "textbox"
)]
#[case::label_with_field(
    "<label for=x>Every <input value=5> days</label><input type=checkbox id=x>",
    "Every 5 days",
    "checkbox"
)]
#[case::label_without_hidden(
    "<label for=x>Name<span hidden>!</span><span aria-hidden=true>*</span></label><input id=x>",
    "Name",
    "textbox"
)]
#[case::labels_in_labels(
    "<label>A <label>B <input id=x></label></label><label for=x>C</label>",
    "A B C",
    "textbox"
)]
#[case::label_in_one_of_another_name(
    "<label aria-label=A>D <label>B <input id=x></label></label>",
    "A B",
    "textbox"
)]
#[case::empty_label("<label for=x> </label><input id=x placeholder=Mail>", "", "textbox")]
#[case::empty_label_and_title(
    "<label for=x></label><input id=x placeholder=Mail title=Address>",
    "Address",
    "textbox"
)]
#[case::label_for_nothing("<label for=''>A <input id=x></label>", "", "textbox")]
#[case::label_of_a_button(
    "<label for=x>Now</label><input id=x type=submit value=Go>",
    "Now",
    "button"
)]
#[case::empty_label_of_a_button(
    "<label for=x></label><input id=x type=submit value=Go>",
    "Go",
    "button"
)]
#[case::file("<input id=x type=file title=Bill>", "Choose File", "button")]
#[case::files("<input id=x type=file multiple>", "Choose Files", "button")]
#[case::labeled_file("<label>Bill <input id=x type=file></label>", "Bill", "button")]
#[case::file_of_an_empty_label("<label><input id=x type=file></label>", "Choose File", "button")]
#[case::aria_label(
    "<label for=x>A</label><input id=x aria-label=' Search '>",
    "Search",
    "textbox"
)]
#[case::labelled_by(
    "<input id=x aria-labelledby='b a none' aria-label=z><p id=a>one<p id=b hidden>two",
    "two one",
    "textbox"
)]
#[case::labelled_by_itself(
    "<button id=x aria-labelledby='x h' aria-label=Delete></button><h2 id=h>Bill</h2>",
    "Delete Bill",
    "button"
)]
#[case::labelled_in_a_circle(
    "<i id=a aria-labelledby=x>A</i><b id=x role=button aria-labelledby=a>B</b>",
    "A",
    "button"
)]
#[case::title("<input id=x title=Code placeholder=123>", "Code", "textbox")]
#[case::placeholder(
    "<input id=x type=email placeholder='Your mail'>",
    "Your mail",
    "textbox"
)]
#[case::button("<button id=x> Log\n <i>in</i></button>", "Log in", "button")]
#[case::button_of_image("<button id=x><img alt=Search src=s.png></button>", "Search", "button")]
#[case::button_of_symbol(
    "<button id=x title=Close><svg aria-hidden=true><title>x</title></svg></button>",
    "Close",
    "button"
)]
#[case::drawing("<a id=x href=/><svg><title>Home</title></svg></a>", "Home", "link")]
#[case::submit("<input id=x type=submit value='Log in'>", "Log in", "button")]
#[case::submit_without_value("<input id=x type=submit>", "Submit", "button")]
#[case::image_button("<input id=x type=image alt=Go>", "Go", "button")]
#[case::image_button_without_text("<input id=x type=image alt=''>", "Submit", "button")]
#[case::link(
    "<a id=x href=/a>Bills <span style='DISPLAY: none'>hidden</span></a>",
    "Bills",
    "link"
)]
#[case::anchor("<a id=x name=top>Top</a>", "", "generic")]
#[case::blocks_apart(
    "<a id=x href=/a><div>One</div><div>two</div>three<br>four</a>",
    "One two three four",
    "link"
)]
#[case::image("<img id=x alt='A  chart'>", "A chart", "image")]
#[case::decoration("<img id=x alt=''>", "", "none")]
#[case::heading("<h3 id=x>Bills of <time>May</time></h3>", "Bills of May", "heading")]
#[case::fieldset(
    "<fieldset id=x><legend>Address</legend><input></fieldset>",
    "Address",
    "group"
)]
#[case::table(
    "<table id=x><caption>Bills</caption><tr><td>1</table>",
    "Bills",
    "table"
)]
#[case::row("<table><tr id=x><td>1<td>May</table>", "", "row")]
#[case::header_of_a_column("<table><tr><th id=x>Due</table>", "Due", "columnheader")]
#[case::select(
    "<label>Month <select id=x><option>May</select></label>",
    "Month",
    "combobox"
)]
#[case::list("<select id=x multiple aria-label=Months>", "Months", "listbox")]
#[case::option(
    "<select><option id=x label='May 2026'>05</select>",
    "May 2026",
    "option"
)]
#[case::number("<label>Age<input id=x type=number></label>", "Age", "spinbutton")]
#[case::search("<input id=x type=search aria-label=Find>", "Find", "searchbox")]
#[case::given_role("<div id=x role='unknown TAB' tabindex=0>Bills</div>", "Bills", "tab")]
#[case::text_area(
    "<label for=x>Note</label><textarea id=x>old</textarea>",
    "Note",
    "textbox"
)]
#[case::plain("<div id=x>text</div>", "", "generic")]
#[case::banner("<header id=x aria-label=Top>", "Top", "banner")]
#[case::header_of_a_part("<main><header id=x>", "", "generic")]
fn elements_have_the_names_and_roles_that_a_browser_gives_them(
    #[case] html: &str,
    #[case] name: &str,
    #[case] role: &str,
) {
    let page = page(html);
    let x = page.css("#x")[0];

    assert_eq!(page.name_and_role(x), (name.to_owned(), role.to_owned()));
}

#[rstest]
#[case("Log in", &["a", "b"])]
#[case("Log in[role=\"button\"]", &["b"])]
#[case("[role=\"textbox\"]", &["user"])]
#[case("User name", &["user"])]
#[case("Log", &[])]
#[case("[role=\"img\"]", &["logo"])]
fn names_and_roles_find_what_is_shown(#[case] text: &str, #[case] expected: &[&str]) {
    let page = page(
        "<nav><a id=a href=/in>Log in</a></nav><img id=logo alt=Nordlys src=l.png>
         <div hidden><button id=h>Log in</button></div>
         <form><label for=user>User name</label><input id=user><input type=hidden id=t aria-label='Log in'>
         <button id=b>Log in</button></form>",
    );

    assert_eq!(found(&page, SelectorKind::Aria, text), expected);
}

#[test]
fn an_empty_id_is_none() {
    let page = page("<label for=''>User</label><input id='' title=Name>");

    assert!(found(&page, SelectorKind::Aria, "User").is_empty());
    assert_eq!(found(&page, SelectorKind::Aria, "Name").len(), 1);
}

#[test]
fn a_chain_looks_inside_what_was_found_before() {
    let page = page(
        "<section aria-label=A><button id=a>Go</button></section>
         <section aria-label=B><button id=b>Go <i id=i>on</i></button></section>",
    );

    let chain = [
        (SelectorKind::Aria, "B"),
        (SelectorKind::Css, "button"),
        (SelectorKind::Text, "on"),
    ];
    let ids = page.look_through(chain).unwrap();

    assert_eq!(described(&page, &ids), ["i"]);
}

#[rstest]
#[case("Log in", &["a", "s"])]
#[case("Log  in", &["a", "s"])]
#[case("in now", &["p"])]
#[case("og", &["a", "s"])]
#[case("nothing", &[])]
#[case("script", &[])]
#[case("secret", &[])]
#[case("", &[])]
#[case("May", &["o"])]
fn a_text_is_found_in_the_innermost_element(#[case] text: &str, #[case] expected: &[&str]) {
    let page = page(
        "<title>Log in</title><script>script</script><p id=p>Please <a id=a href=/>Log\n  in</a> now</p>
         <input id=s type=submit value='Log in'><input type=password value=secret>
         <select><option id=o>May</select>",
    );

    assert_eq!(found(&page, SelectorKind::Text, text), expected);
}

const BILLS: &str =
    "<html><body><h1 id=h>Bills</h1><!--c--><form id=f><label id=l for=u>User</label>
    <input id=u name=user value='k'><input id=p type=password></form>
    <table id=t><tr id=r0 class='head x'><th id=c00>Due<th>Amount<tr id=r1><td id=c10>2026-01-20
    <td id=c11>10.5 <a id=a1 href='/b/1'>PDF</a><tr id=r2><td id=c20>2026-02-20<td id=c21>20
    <a id=a2 href='/b/2'>PDF</a></table>";

#[rstest]
#[case("//*[@id=\"u\"]", &["u"])]
#[case("///*[@id=\"u\"]", &[])]
#[case("/html/body/form/input[2]", &["p"])]
#[case("//INPUT", &["u", "p"])]
#[case("//table//tr[2]/td[1]", &["c10"])]
#[case("//tr[td][last()]", &["r2"])]
#[case("(//a)[2]", &["a2"])]
#[case("//a[1]", &["a1", "a2"])]
#[case("//a[contains(@href, '/2')]", &["a2"])]
#[case("//a[text()='PDF'][starts-with(@href,\"/b/\")]", &["a1", "a2"])]
#[case("//label[normalize-space(.)='User']/following-sibling::input[1]", &["u"])]
#[case("//td[contains(., '20 PDF') or normalize-space() = '2026-01-20']", &["c10"])]
#[case("//input[@type='password']/preceding-sibling::*[1]", &["u"])]
#[case("//a[@id='a2']/ancestor::tr", &["r2"])]
#[case("//a/ancestor::*[1]", &["c11", "c21"])]
#[case("//tr[count(td)=2 and position() > 1]/@class/..", &[])]
#[case("//tr/@class/..", &["r0"])]
#[case("//tr[contains(concat(' ', @class, ' '), ' x ')]", &["r0"])]
#[case("//td[number(.) > 1e3]", &[])]
#[case("//input[not(@type)] | //h1", &["h", "u"])]
#[case("id('u p')", &["u", "p"])]
#[case("//*[name()='form']/..", &["body"])]
#[case("//tr[position() mod 2 = 1]/td[1]/text()/..", &["c20"])]
#[case("//td[string-length(substring-before(., '-')) = 4]", &["c10", "c20"])]
#[case("//h1/following::td[2]", &["c11"])]
#[case("//table/preceding::input[1]", &["p"])]
#[case("//a[translate(text(), 'PDF', 'pd')='pd']", &["a1", "a2"])]
#[case("//*[self::h1 or self::label]", &["h", "l"])]
#[case(".//label", &["l"])]
#[case("//th[. = //label]", &[])]
#[case("//td[sum(//td[3]) - -1 = 1][floor(1.5) = 1][round(2.5) div 3 = 1][2 * 2 = 4]", &["c10", "c11", "c20", "c21"])]
fn an_xpath_finds_what_a_browser_finds(#[case] xpath: &str, #[case] expected: &[&str]) {
    let page = page(BILLS);

    match page.look(None, SelectorKind::XPath, xpath) {
        Ok(ids) => assert_eq!(described(&page, &ids), expected),
        Err(problem) => assert!(expected.is_empty(), "{problem}"),
    }
}

#[rstest]
#[case("")]
#[case("//")]
#[case("//a[")]
#[case("//a]")]
#[case("//a[@href='x]")]
#[case("unknown()")]
#[case("contains('a')")]
#[case("1 + 1")]
#[case("'a'/b")]
#[case("$x")]
#[case("//a[1 | 2]")]
#[case("up::a")]
fn what_is_no_xpath_says_so(#[case] xpath: &str) {
    let page = page(BILLS);

    let problem = page.look(None, SelectorKind::XPath, xpath).unwrap_err();

    assert!(matches!(problem, Unlookable::XPath(_)), "{problem:?}");
}

#[test]
fn an_xpath_without_end_is_no_danger() {
    let page = page(BILLS);
    for open in ["(", "-", "//a[", "not("] {
        let nested = open.repeat(2000);

        assert!(
            page.look(None, SelectorKind::XPath, &nested).is_err(),
            "{open}"
        );
    }
}

#[test]
fn an_xpath_that_grows_beyond_the_page_is_given_up() {
    let page = page(&"<p>".repeat(3000));

    let looked = page.look(
        None,
        SelectorKind::XPath,
        "//p[count(//p[count(//p) > 1]) > 1]",
    );

    assert_eq!(looked, Err(Unlookable::TooMuch));
}

#[rstest]
#[case(SelectorKind::Css, "a[", Unlookable::Css)]
#[case(SelectorKind::Pierce, ":x(", Unlookable::Css)]
#[case(SelectorKind::Aria, " ", Unlookable::Aria)]
fn what_cannot_be_looked_for_says_so(
    #[case] kind: SelectorKind,
    #[case] text: &str,
    #[case] expected: Unlookable,
) {
    assert_eq!(page("<a>").look(None, kind, text), Err(expected));
}

/// What comes of looking for something, on a page that is made to take long.
fn looked_within_time(
    kind: SelectorKind,
    wanted: &str,
    text: String,
) -> Result<Vec<NodeId>, Unlookable> {
    let (send, receive) = std::sync::mpsc::channel();
    let wanted = wanted.to_owned();
    std::thread::spawn(move || {
        let page = page(&text);
        // Nobody waits any more where it took too long.
        let _ = send.send(page.look(None, kind, &wanted));
    });
    let looked = receive.recv_timeout(std::time::Duration::from_secs(300));
    looked.expect("it is looked for within the time")
}

#[rstest]
#[case::titles_without_text(format!("<button>{}", "<svg><title>".repeat(45)))]
#[case::titles_at_the_most_levels(format!("<button>{}", "<svg><title>".repeat(250)))]
fn a_name_that_is_nested_is_read_once(#[case] text: String) {
    assert_eq!(
        looked_within_time(SelectorKind::Aria, "nothing", text),
        Ok(Vec::new())
    );
}

#[test]
fn the_labels_of_a_page_are_read_once_for_all_rows() {
    let page = page(&"<tr><td><a href=/x>x</a><td>".repeat(3000).replacen(
        "<tr>",
        "<table><tr>",
        1,
    ));
    let rows = page.css("tr");

    for row in &rows {
        let looked = page.look(Some(*row), SelectorKind::Aria, "x[role=\"link\"]");
        assert_eq!(looked.map(|found| found.len()), Ok(1));
    }

    assert_eq!(rows.len(), 3000);
    assert!(!page.looked.visited.is_much());
}

#[rstest]
#[case::a_reference_repeated(format!(
    "<p id=a>{}</p><button aria-labelledby='{}'>x",
    "<b></b>".repeat(20_000),
    "a ".repeat(20_000)
))]
#[case::a_style_read_again(format!(
    "<p id=a><b style='{}'></b></p><button aria-labelledby='{}'>x",
    "x".repeat(1_000_000),
    "a ".repeat(20_000)
))]
#[case::names_in_names(
    format!("{}{}", "<span role=button>".repeat(400), "<i></i>".repeat(40_000))
)]
fn names_that_grow_beyond_the_page_are_given_up(#[case] text: String) {
    assert_eq!(
        looked_within_time(SelectorKind::Aria, "nothing", text),
        Err(Unlookable::TooMuch)
    );
}

#[test]
fn the_first_of_several_is_found_where_it_stands() {
    let text = format!("<table>{}", "<tr><td>1<td>2".repeat(40_000));

    let looked = looked_within_time(SelectorKind::XPath, "//tr[contains(td, 'x')]", text);

    assert_eq!(looked, Ok(Vec::new()));
}

#[rstest]
#[case("//*[string(preceding::td) = 'a']", &["b", "c", "h", "d"])]
#[case("//td[string(following::td) = 'c']", &["b"])]
#[case("//td[string(ancestor::*/@id) = 't']", &["a", "b", "c"])]
#[case("//i[string(ancestor-or-self::*) = 'abcde']", &["d"])]
fn of_several_the_first_on_the_page_counts(#[case] xpath: &str, #[case] expected: &[&str]) {
    let page = page(
        "<div id=t><table><tr><td id=a>a<td id=b>b<tr><td id=c>c</table><u id=h>d<i id=d>e</i></u></div>",
    );

    let found = found(&page, SelectorKind::XPath, xpath);

    let wanted: Vec<_> = found.iter().filter(|id| id.len() == 1).collect();
    assert_eq!(wanted, expected);
}

#[rstest]
#[case(SelectorKind::XPath, ".//td", true)]
#[case(SelectorKind::Text, "x", false)]
fn putting_what_was_found_in_order_counts_for_each_row(
    #[case] kind: SelectorKind,
    #[case] text: &str,
    #[case] is_much: bool,
) {
    let rows = "<tr><td>x<td>x".repeat(20_000);
    let page = page(&format!("<table>{rows}</table>"));
    let rows = page.css("tr");

    for row in rows.iter().rev().take(100) {
        assert_eq!(
            page.look(Some(*row), kind, text).map(|found| found.len()),
            Ok(2)
        );
    }

    // An XPath may lead out of its row; a text does not, and costs what the row is.
    assert_eq!(page.looked.visited.is_much(), is_much);
}

const SIBLINGS: usize = 200_000;

#[rstest]
#[case::siblings_before("b ~ p, p ~ b, p.a ~ p")]
#[case::siblings_after("p:has(~ b)")]
#[case::siblings_counted("p:nth-last-child(2n):has(~ b)")]
#[case::siblings_of_siblings(":not(p ~ b ~ p)")]
#[case::comparisons(&format!("{}a", "b, ".repeat(1300)))]
fn css_that_grows_beyond_the_page_is_given_up(#[case] css: &str) {
    let text = "<p>".repeat(SIBLINGS);

    assert_eq!(
        looked_within_time(SelectorKind::Css, css, text),
        Err(Unlookable::TooMuch)
    );
}

#[test]
fn css_that_reads_long_attributes_again_and_again_is_given_up() {
    let text = format!(
        "<p data-x='{}'>{}",
        "x".repeat(1_000_000),
        "<i></i>".repeat(10_000)
    );

    assert_eq!(
        looked_within_time(SelectorKind::Css, "[data-x*=y] i", text),
        Err(Unlookable::TooMuch)
    );
}

#[rstest]
#[case("body > p:nth-child(200000)", 1)]
#[case("p:nth-of-type(2n+1):not(.x)", SIBLINGS / 2)]
#[case("p + p", SIBLINGS - 1)]
#[case("p:last-child", 1)]
#[case("html body p:empty", SIBLINGS)]
fn css_that_reads_a_large_page_once_is_looked_for(#[case] css: &str, #[case] expected: usize) {
    let page = page(&"<p>".repeat(SIBLINGS));

    let looked = page.look(None, SelectorKind::Css, css);

    assert_eq!(looked.map(|found| found.len()), Ok(expected));
}
