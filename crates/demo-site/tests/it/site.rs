//! The walk through the site: login, code, invoices, PDF; and what happens off the path.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use serde_json::{Value, json};
use windlass_demo_site::{DemoSite, FIRST_USERNAME, PASSWORD, User};

use crate::browser::{Browser, Page, client};

async fn give_password(browser: &mut Browser, user: &User) -> Page {
    let login = browser.open("/").await;
    assert_eq!(login.path, "/login");
    browser
        .submit(
            &login,
            &[("username", &user.username), ("password", &user.password)],
        )
        .await
}

async fn log_in(browser: &mut Browser, site: &DemoSite, user: &User) -> Page {
    let verify = give_password(browser, user).await;
    let code = site.phone().next_code_for(&user.username).await;
    browser.submit(&verify, &[("code", &code)]).await
}

#[tokio::test]
async fn a_customer_walks_from_the_login_to_the_pdf() {
    let site = DemoSite::start().await.unwrap();
    let user = site.users().remove(0);
    let mut browser = Browser::new(site.url());

    let verify = give_password(&mut browser, &user).await;
    assert_eq!(verify.path, "/verify");
    assert!(verify.text("#code-hint").ends_with("that ends in 42."));
    let code = site.phone().next_code_for(&user.username).await;
    let invoices = browser.submit(&verify, &[("code", &code)]).await;

    assert_eq!(
        (invoices.path.as_str(), invoices.status),
        ("/invoices", StatusCode::OK)
    );
    assert_eq!(invoices.text("#customer-name"), "Kari Nordmann");
    assert_eq!(invoices.text("#amount-due"), "1 249,50 kr");
    assert_eq!(invoices.text("#due-date"), "20.11.2026");
    let pdf = browser.get(&invoices.attribute("a.pdf", "href")).await;
    assert_eq!(pdf.headers()[CONTENT_TYPE], "application/pdf");
    assert_eq!(
        pdf.headers()[CONTENT_DISPOSITION],
        r#"attachment; filename="faktura-2026-10.pdf""#
    );
    let bytes = pdf.bytes().await.unwrap();
    assert!(bytes.starts_with(b"%PDF-1.4\n") && bytes.ends_with(b"%%EOF\n"));
    assert_eq!(user.expected_file_name(), "faktura-2026-10.pdf");
    site.stop().await;
}

#[tokio::test]
async fn the_pages_together_hold_the_invoices_of_the_expected_output() {
    let site = DemoSite::builder()
        .users(2)
        .without_codes()
        .start()
        .await
        .unwrap();
    let user = site.users().remove(1);
    let mut browser = Browser::new(site.url());

    let mut page = give_password(&mut browser, &user).await;
    let expected = user.expected_output();
    assert_eq!(page.text("#customer-name"), expected["customer_name"]);
    let mut numbers = page.texts("#invoices tbody .number");
    let mut amounts = page.texts("#invoices tbody .amount");
    while page.has("a[rel=next]") {
        page = browser.open(&page.attribute("a[rel=next]", "href")).await;
        numbers.extend(page.texts("#invoices tbody .number"));
        amounts.extend(page.texts("#invoices tbody .amount"));
    }

    let rows = expected["invoices"].as_array().unwrap();
    let expected_numbers: Vec<&str> = rows
        .iter()
        .filter_map(|row| row["number"].as_str())
        .collect();
    assert_eq!(numbers, expected_numbers);
    for (amount, row) in amounts.iter().zip(rows) {
        let read: String = amount
            .replace(',', ".")
            .chars()
            .filter(|c| c.is_ascii_digit() || *c == '.')
            .collect();
        assert_eq!(read.parse::<f64>().ok(), row["amount"].as_f64(), "{amount}");
    }
    let details = browser.open(&format!("/invoices/{}", numbers[0])).await;
    assert_eq!(details.text("#invoice .amount"), amounts[0]);
    site.stop().await;
}

#[tokio::test]
async fn a_wrong_password_shows_the_form_again_and_sends_no_code() {
    let site = DemoSite::start().await.unwrap();
    let mut browser = Browser::new(site.url());

    for (username, password) in [(FIRST_USERNAME, "sommer"), ("nobody", PASSWORD)] {
        let login = browser.open("/login").await;
        let page = browser
            .submit(&login, &[("username", username), ("password", password)])
            .await;

        assert_eq!(page.status, StatusCode::OK);
        assert_eq!(page.text(".login-error"), "Wrong user name or password");
        assert_eq!(page.attribute("#username", "value"), username);
    }
    assert_eq!(site.phone().messages(), vec![]);
    assert_eq!(browser.open("/invoices").await.path, "/login");
    site.stop().await;
}

#[tokio::test]
async fn a_wrong_code_may_be_typed_again() {
    let site = DemoSite::start().await.unwrap();
    let user = site.users().remove(0);
    let mut browser = Browser::new(site.url());
    let verify = give_password(&mut browser, &user).await;

    let again = browser.submit(&verify, &[("code", "wrong")]).await;
    assert_eq!(again.text(".code-error"), "That code is wrong. Try again.");
    assert_eq!(browser.open("/invoices").await.path, "/verify");
    let code = site.phone().latest_code(&user.username).unwrap();
    let invoices = browser.submit(&again, &[("code", &code)]).await;

    assert_eq!(invoices.path, "/invoices");
    site.stop().await;
}

#[tokio::test]
async fn a_form_without_its_token_is_refused() {
    let site = DemoSite::start().await.unwrap();
    let mut browser = Browser::new(site.url());
    let login = browser.open("/login").await;

    browser.forget_cookies();
    let page = browser
        .submit(
            &login,
            &[("username", FIRST_USERNAME), ("password", PASSWORD)],
        )
        .await;

    assert_eq!(page.status, StatusCode::FORBIDDEN);
    assert_eq!(site.phone().messages(), vec![]);
    site.stop().await;
}

#[tokio::test]
async fn logging_out_closes_the_invoices() {
    let site = DemoSite::start().await.unwrap();
    let user = site.users().remove(0);
    let mut browser = Browser::new(site.url());
    log_in(&mut browser, &site, &user).await;
    assert_eq!(
        browser.open("/login").await.path,
        "/invoices",
        "a login is not asked for twice"
    );

    assert_eq!(browser.open("/logout").await.path, "/login");
    assert_eq!(browser.open("/invoices").await.path, "/login");

    log_in(&mut browser, &site, &user).await;
    site.log_everybody_out();
    assert_eq!(
        browser.open("/invoices/400812-2026-10.pdf").await.path,
        "/login"
    );
    site.stop().await;
}

#[tokio::test]
async fn a_customer_sees_no_invoice_of_another() {
    let site = DemoSite::builder()
        .users(2)
        .without_codes()
        .start()
        .await
        .unwrap();
    let mut browser = Browser::new(site.url());
    give_password(&mut browser, &site.users()[1]).await;

    for path in [
        "/invoices/400812-2026-10",
        "/invoices/400812-2026-10.pdf",
        "/invoices?page=4",
    ] {
        assert_eq!(
            browser.open(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    site.stop().await;
}

#[tokio::test]
async fn the_visits_tell_who_began_a_login_and_how_often() {
    let site = DemoSite::builder().users(3).start().await.unwrap();
    for user in &site.users()[..2] {
        log_in(&mut Browser::new(site.url()), &site, user).await;
    }

    assert_eq!(site.visit_count("POST", "/login", None), 2);
    for (user, count) in site.users().iter().zip([1, 1, 0]) {
        let username = Some(user.username.as_str());
        assert_eq!(
            site.visit_count("POST", "/login", username),
            count,
            "{username:?}"
        );
        assert_eq!(
            site.visit_count("GET", "/invoices", username),
            count,
            "{username:?}"
        );
    }
    site.stop().await;
}

#[tokio::test]
async fn the_phone_can_be_read_from_another_process() {
    let site = DemoSite::start().await.unwrap();
    let user = site.users().remove(0);
    let mut browser = Browser::new(site.url());
    give_password(&mut browser, &user).await;
    let code = site.phone().latest_code(&user.username).unwrap();

    let page = browser.open("/phone").await;
    let list: Value = client()
        .get(format!("{}/phone.json", site.url()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();

    assert!(page.text(".message .text").contains(&code));
    assert_eq!(list[0]["username"], json!(user.username));
    assert_eq!(list[0]["code"], json!(code));
    site.stop().await;
}

#[tokio::test]
async fn a_slow_page_is_noted_at_once_and_cut_at_the_stop() {
    let site = DemoSite::start().await.unwrap();
    let url = site.url();
    site.slow("/login", Duration::from_secs(3_600));
    let slow = tokio::spawn(client().get(format!("{url}/login")).send());
    while site.visit_count("GET", "/login", None) == 0 {
        tokio::task::yield_now().await;
    }

    site.stop().await;

    assert!(slow.await.unwrap().is_err());
    assert!(client().get(url).send().await.unwrap_err().is_connect());
}

#[tokio::test]
async fn the_broken_page_answers_500() {
    let site = DemoSite::start().await.unwrap();

    let page = Browser::new(site.url()).open("/broken").await;

    assert_eq!(page.status, StatusCode::INTERNAL_SERVER_ERROR);
    site.stop().await;
}
