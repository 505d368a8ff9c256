//! Makes an event destination.

use std::collections::HashSet;
use std::sync::Arc;

use secrecy::{ExposeSecret, SecretString};
use windlass_domain::destination::{
    Configuration, Destination, DestinationStatus, EventFilter, EventPattern, RetryProfile, Webhook,
};
use windlass_domain::event::EventType;
use windlass_domain::id::DestinationId;
use windlass_domain::source;

use crate::contents::{self, SigningSecret};
use crate::create_source::refused;
use crate::error::CallError;
use crate::field;
use crate::ports::{Clock, Destinations, EgressPolicy, Vault};
use crate::problem::{Problem, ProblemKind, Resource, with_form};
use crate::random::random;
use crate::signing_secret;
use crate::write::{Write, Written};

/// The most headers of a webhook's own.
const MAX_HEADERS: usize = 20;
/// The longest value of a webhook's own header, in bytes.
const MAX_HEADER_BYTES: usize = 4_096;

/// A webhook destination as its caller gives it.
#[derive(Clone, Default)]
pub struct NewWebhook {
    /// What the caller calls it.
    pub name: String,
    /// Types, families such as `task_run.*`, or `*` alone; all where left out.
    pub events: Option<Vec<String>>,
    /// How they are sent.
    pub webhook: WebhookFields,
    /// What is wrong with the request's form already: told with what the rules find.
    pub wrong: Vec<Problem>,
}

/// What a caller gives of a webhook. What is None is left out.
#[derive(Clone, Default)]
pub struct WebhookFields {
    /// By what name the caller gave them, where that is an older one.
    pub named: Option<&'static str>,
    /// Where to.
    pub url: Option<String>,
    /// `durable` (where left out of a new one) or `deck`.
    pub retry_profile: Option<String>,
    /// `whsec_…`; made where left out of a new one.
    pub secret: Option<SecretString>,
    /// Further headers, all of them.
    pub custom_headers: Option<Vec<(String, SecretString)>>,
}

/// Makes an event destination.
pub struct CreateDestination {
    pub(crate) destinations: Arc<dyn Destinations>,
    pub(crate) egress: Arc<dyn EgressPolicy>,
    pub(crate) vault: Arc<dyn Vault>,
    pub(crate) clock: Arc<dyn Clock>,
    /// Whether this server has what sends them.
    pub(crate) sends_webhooks: bool,
}

impl CreateDestination {
    /// The secret of a new webhook: the caller's, or a fresh one. Asked for before
    /// [`CreateDestination::execute`], since the answer that is kept for a retry shows it.
    pub fn secret(given: Option<SecretString>) -> SecretString {
        given.unwrap_or_else(signing_secret::generate)
    }

    /// Checks, seals and keeps a new webhook destination, which is active at once.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub async fn execute(
        &self,
        write: Write,
        mut new: NewWebhook,
        secret: SecretString,
    ) -> Result<Written<Destination>, CallError> {
        let mut problems = Vec::new();
        if !self.sends_webhooks {
            problems.push(Problem::of(
                ProblemKind::Invalid,
                "type",
                "`type`: this server is built without webhooks (the feature `webhook`).",
            ));
        }
        let name = field::name("name", &new.name, &mut problems);
        let events = event_filter("events", new.events.as_deref(), &mut problems);
        let url = new.webhook.url.get_or_insert_default();
        let url = url.trim().to_owned();
        // Whichever it is, it signs.
        new.webhook.secret = Some(secret.clone());
        let retry_profile = new.webhook.check(&*self.egress, &mut problems).await;
        let problems = with_form(new.wrong, problems);
        let (Some(events), true) = (events, problems.is_empty()) else {
            return Err(CallError::Invalid(problems));
        };
        let vault = self.vault.of(write.organization.organization_id()).await?;
        let now = self.clock.now();
        let id = DestinationId::new(now, random());
        let headers = new.webhook.custom_headers.unwrap_or_default();
        let custom_headers =
            (!headers.is_empty()).then(|| contents::seal_headers(&*vault, id, &headers));
        let destination = Destination {
            id,
            name,
            status: DestinationStatus::Active,
            events,
            configuration: Configuration::Webhook(Webhook {
                url,
                retry_profile: retry_profile.unwrap_or(RetryProfile::Durable),
                secret: contents::seal_signing_secrets(
                    &*vault,
                    id,
                    &[SigningSecret::present(secret)],
                ),
                custom_headers,
            }),
            created_at: now,
            updated_at: now,
        };
        self.destinations
            .create(write, destination)
            .await
            .map_err(|error| CallError::of_write(error, Resource::EventDestination))
    }
}

impl WebhookFields {
    /// What is wrong with those that are given; the retry profile among them.
    pub(crate) async fn check(
        &self,
        egress: &dyn EgressPolicy,
        problems: &mut Vec<Problem>,
    ) -> Option<RetryProfile> {
        let object = self.named.unwrap_or("webhook");
        if let Some(url) = &self.url {
            check_url(egress, &format!("{object}.url"), url, problems).await;
        }
        let retry_profile = field::choice(
            &format!("{object}.retry_profile"),
            self.retry_profile.as_deref(),
            RetryProfile::parse,
            "`durable` or `deck`",
            problems,
        );
        if let Some(Err(error)) = self.secret.as_ref().map(signing_secret::key) {
            let field = format!("{object}.secret");
            let message = format!("`{field}` {error}.");
            problems.push(Problem::of(ProblemKind::Invalid, field, message));
        }
        if let Some(headers) = &self.custom_headers {
            check_headers(&format!("{object}.custom_headers"), headers, problems);
        }
        retry_profile
    }
}

async fn check_url(
    egress: &dyn EgressPolicy,
    field: &str,
    given: &str,
    problems: &mut Vec<Problem>,
) {
    match source::website(given.trim()) {
        Ok(url) => problems.extend(refused(egress, field, &url).await),
        Err(_) if given.trim().is_empty() => problems.push(Problem::of(
            ProblemKind::Missing,
            field,
            format!("`{field}` is missing; give the receiver's address."),
        )),
        Err(error) => problems.push(Problem::of(
            ProblemKind::Invalid,
            field,
            format!("`{field}` {error}."),
        )),
    }
}

/// Which events a caller names: all where nothing is given.
pub(crate) fn event_filter(
    field: &str,
    given: Option<&[String]>,
    problems: &mut Vec<Problem>,
) -> Option<EventFilter> {
    let mut wrong = |message: String| {
        problems.push(Problem::of(ProblemKind::Invalid, field, message));
        None
    };
    let Some(given) = given else {
        return Some(EventFilter::All);
    };
    if given.iter().any(|entry| entry == "*") {
        if given.len() == 1 {
            return Some(EventFilter::All);
        }
        return wrong(format!("`{field}`: `*` stands alone."));
    }
    if given.is_empty() {
        return wrong(format!(
            "`{field}` is empty; give types, or leave it out for all."
        ));
    }
    let mut patterns = Vec::new();
    for entry in given {
        match pattern(entry) {
            // A list as long as all types holds each once.
            Some(pattern) if !patterns.contains(&pattern) => patterns.push(pattern),
            Some(_) => {}
            None => {
                return wrong(format!(
                    "`{field}`: `{}` is no event type; `GET /v2/event-types` lists them.",
                    entry.chars().take(64).collect::<String>()
                ));
            }
        }
    }
    Some(EventFilter::Some(patterns))
}

fn pattern(entry: &str) -> Option<EventPattern> {
    if let Some(family) = entry.strip_suffix(".*") {
        let mut families = EventType::ALL.iter().map(|event_type| event_type.family());
        return families
            .find(|known| *known == family)
            .map(EventPattern::Family);
    }
    EventType::parse(entry).map(EventPattern::Type)
}

/// Headers that a webhook's own must not replace.
const RESERVED_HEADERS: [&str; 13] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-type",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
];

/// Whether a header is set by whoever sends a webhook, and by nobody else.
pub fn is_reserved_header(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    name.starts_with("webhook-") || RESERVED_HEADERS.contains(&name.as_str())
}

fn check_headers(field: &str, headers: &[(String, SecretString)], problems: &mut Vec<Problem>) {
    let mut wrong = |message: String| {
        problems.push(Problem::of(ProblemKind::Invalid, field, message));
    };
    if headers.len() > MAX_HEADERS {
        wrong(format!("`{field}` has {MAX_HEADERS} headers at most."));
    }
    let mut names = HashSet::new();
    for (name, value) in headers.iter().take(MAX_HEADERS) {
        let is_name = (1..=64).contains(&name.len()) && name.bytes().all(is_token);
        let value = value.expose_secret();
        if !is_name {
            wrong(format!(
                "`{field}`: a header's name has 1 to 64 letters, digits and `-`."
            ));
        } else if is_reserved_header(name) {
            wrong(format!("`{field}`: `{name}` is set by Windlass."));
        } else if !names.insert(name.to_ascii_lowercase()) {
            wrong(format!(
                "`{field}`: `{name}` is there twice; capitals make no other header."
            ));
        } else if value.len() > MAX_HEADER_BYTES || value.bytes().any(|byte| !is_visible(byte)) {
            wrong(format!(
                "`{field}`: the value of `{name}` has {MAX_HEADER_BYTES} printable ASCII \
                 characters at most, and no line breaks."
            ));
        }
    }
}

/// RFC 9110, section 5.6.2.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

fn is_visible(byte: u8) -> bool {
    (b' '..=b'~').contains(&byte)
}

#[cfg(test)]
mod tests;
