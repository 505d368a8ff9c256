//! What a customer sees: the account, the list of invoices, one invoice, and its PDF.

use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::Router;
use axum::extract::{FromRequestParts, Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use http::StatusCode;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::request::Parts;
use serde::Deserialize;
use time::Date;

use crate::invoice::{Invoice, InvoiceStatus, iso_date, kroner, short_date};
use crate::page::{Audience, escape, page, problem};
use crate::pdf;
use crate::session::Session;
use crate::site::Site;
use crate::user::User;

/// Invoices on one page of the list.
const PAGE_SIZE: usize = 6;

pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/invoices", get(list))
        .route("/invoices/{name}", get(one))
}

/// Whoever is logged in; a request of anybody else is sent to the login page.
struct Customer(Arc<User>);

impl FromRequestParts<Arc<Site>> for Customer {
    type Rejection = Redirect;

    async fn from_request_parts(parts: &mut Parts, site: &Arc<Site>) -> Result<Self, Redirect> {
        match site.sessions.of(&parts.headers) {
            Some(Session::SignedIn { user }) => Ok(Self(user)),
            Some(Session::AwaitsCode { .. }) => Err(Redirect::to("/verify")),
            None => Err(Redirect::to("/login")),
        }
    }
}

#[derive(Deserialize)]
struct ListQuery {
    page: Option<NonZeroUsize>,
}

async fn list(Customer(user): Customer, Query(query): Query<ListQuery>) -> Response {
    let invoices = Invoice::all_of(&user);
    let page_count = invoices.len().div_ceil(PAGE_SIZE);
    let number = query.page.unwrap_or(NonZeroUsize::MIN).get();
    let Some(shown) = invoices.chunks(PAGE_SIZE).nth(number - 1) else {
        return no_such_page();
    };
    let rows: String = shown.iter().map(row).collect();
    let content = format!(
        r#"<h1>Invoices</h1>
<section class="card" aria-label="Account">{account}</section>
<section class="card">
<div class="scroll"><table id="invoices">
<caption>Your invoices, page {number} of {page_count}</caption>
<thead><tr><th scope="col">Month</th><th scope="col">Number</th><th scope="col">Issued</th><th scope="col">Due</th><th scope="col" class="amount">Amount</th><th scope="col">Status</th><th scope="col">PDF</th></tr></thead>
<tbody>
{rows}</tbody>
</table></div>
{links}
</section>"#,
        account = account(&user, &invoices),
        links = page_links(number, page_count),
    );
    page("Invoices", Audience::Customer, &content).into_response()
}

async fn one(Customer(user): Customer, Path(name): Path<String>) -> Response {
    // The router has no pattern for a name with an ending.
    let pdf_of = name.strip_suffix(".pdf");
    let number = pdf_of.unwrap_or(&name);
    let invoices = Invoice::all_of(&user);
    let Some(invoice) = invoices.iter().find(|invoice| invoice.number == number) else {
        return no_such_page();
    };
    match pdf_of {
        Some(_) => download(&user, invoice),
        None => details(invoice),
    }
}

fn no_such_page() -> Response {
    problem(StatusCode::NOT_FOUND, "Not found", "There is no such page.")
}

fn account(user: &User, newest_first: &[Invoice]) -> String {
    let unpaid: u64 = newest_first
        .iter()
        .filter(|invoice| invoice.status == InvoiceStatus::Unpaid)
        .map(|invoice| invoice.amount_in_ore)
        .sum();
    let due = newest_first
        .iter()
        .find(|invoice| invoice.status == InvoiceStatus::Unpaid)
        .map_or_else(|| "–".to_owned(), |invoice| date(invoice.due_on));
    format!(
        r#"<dl class="summary">
<div><dt>Customer</dt><dd id="customer-name">{name}</dd></div>
<div><dt>Customer number</dt><dd id="customer-number">{number}</dd></div>
<div><dt>To pay</dt><dd id="amount-due">{unpaid}</dd></div>
<div><dt>Due</dt><dd id="due-date">{due}</dd></div>
</dl>"#,
        name = escape(&user.customer_name),
        number = escape(&user.customer_number),
        unpaid = kroner(unpaid),
    )
}

fn row(invoice: &Invoice) -> String {
    let number = escape(&invoice.number);
    let month = invoice.month_label();
    format!(
        r#"<tr><td class="month">{month}</td><td class="number"><a href="/invoices/{number}">{number}</a></td><td class="issued">{issued}</td><td class="due">{due}</td><td class="amount">{amount}</td><td class="status">{status}</td><td><a class="pdf" href="/invoices/{number}.pdf" aria-label="PDF of {month}">PDF</a></td></tr>
"#,
        issued = date(invoice.issued_on),
        due = date(invoice.due_on),
        amount = kroner(invoice.amount_in_ore),
        status = status(invoice.status),
    )
}

fn status(status: InvoiceStatus) -> String {
    let class = match status {
        InvoiceStatus::Paid => "status-paid",
        InvoiceStatus::Unpaid => "status-unpaid",
    };
    format!(r#"<span class="{class}">{}</span>"#, status.label())
}

fn date(date: Date) -> String {
    format!(
        r#"<time datetime="{}">{}</time>"#,
        iso_date(date),
        short_date(date)
    )
}

fn page_links(number: usize, page_count: usize) -> String {
    let mut links = String::from(r#"<nav class="pages" aria-label="Pages">"#);
    if number > 1 {
        let previous = number - 1;
        links.push_str(&format!(
            r#"<a rel="prev" href="/invoices?page={previous}">Newer</a>"#
        ));
    }
    if number < page_count {
        let next = number + 1;
        links.push_str(&format!(
            r#"<a rel="next" href="/invoices?page={next}">Older</a>"#
        ));
    }
    links.push_str("</nav>");
    links
}

fn details(invoice: &Invoice) -> Response {
    let number = escape(&invoice.number);
    let month = invoice.month_label();
    let content = format!(
        r#"<h1>Invoice {number}</h1>
<section class="card">
<dl class="summary" id="invoice">
<div><dt>Month</dt><dd class="month">{month}</dd></div>
<div><dt>Issued</dt><dd class="issued">{issued}</dd></div>
<div><dt>Due</dt><dd class="due">{due}</dd></div>
<div><dt>Amount</dt><dd class="amount">{amount}</dd></div>
<div><dt>Status</dt><dd class="status">{status}</dd></div>
</dl>
<p><a class="pdf" href="/invoices/{number}.pdf">Download the PDF</a></p>
</section>
<p><a href="/invoices">All invoices</a></p>"#,
        issued = date(invoice.issued_on),
        due = date(invoice.due_on),
        amount = kroner(invoice.amount_in_ore),
        status = status(invoice.status),
    );
    page(
        &format!("Invoice {}", invoice.number),
        Audience::Customer,
        &content,
    )
    .into_response()
}

fn download(user: &User, invoice: &Invoice) -> Response {
    let lines = [
        format!("Faktura {}", invoice.number),
        invoice.month_label(),
        String::new(),
        format!("Kunde: {} ({})", user.customer_name, user.customer_number),
        format!("Utstedt: {}", short_date(invoice.issued_on)),
        format!("Forfall: {}", short_date(invoice.due_on)),
        String::new(),
        format!("Å betale: {}", kroner(invoice.amount_in_ore)),
    ];
    let disposition = format!(r#"attachment; filename="{}""#, invoice.file_name());
    let headers = [
        (CONTENT_TYPE, "application/pdf".to_owned()),
        (CONTENT_DISPOSITION, disposition),
    ];
    (headers, pdf::one_page("Nordlys Kraft", &lines)).into_response()
}
