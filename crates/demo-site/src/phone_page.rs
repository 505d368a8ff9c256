//! The customers' phones on a page, for a person or a test outside of this process.

use std::sync::Arc;

use axum::extract::State;
use axum::response::Html;
use axum::routing::get;
use axum::{Json, Router};

use crate::page::{Audience, escape, page};
use crate::phone::TextMessage;
use crate::site::Site;

/// Messages on the page and in the JSON.
const SHOWN_MESSAGES: usize = 50;

pub(crate) fn router() -> Router<Arc<Site>> {
    Router::new()
        .route("/phone", get(show))
        .route("/phone.json", get(list))
}

async fn show(State(site): State<Arc<Site>>) -> Html<String> {
    let messages: String = newest(&site).iter().map(message).collect();
    let messages = if messages.is_empty() {
        r#"<p class="hint">No text message yet.</p>"#.to_owned()
    } else {
        format!(r#"<ol class="messages">{messages}</ol>"#)
    };
    let content = format!(
        r#"<div class="card narrow"><h1>Phone</h1>
<p class="hint">Text messages to all customers, newest first.</p>
{messages}
<p><a href="/phone">Look again</a></p></div>"#
    );
    page("Phone", Audience::Anybody, &content)
}

/// The last messages, newest first, as a JSON list.
async fn list(State(site): State<Arc<Site>>) -> Json<Vec<TextMessage>> {
    Json(newest(&site))
}

fn newest(site: &Site) -> Vec<TextMessage> {
    let mut messages = site.phone.messages();
    messages.truncate(SHOWN_MESSAGES);
    messages
}

fn message(message: &TextMessage) -> String {
    format!(
        r#"<li class="message"><span class="text">{}</span><small>to {}, {}</small></li>"#,
        escape(&message.text),
        escape(&message.username),
        escape(&message.sent_at)
    )
}
