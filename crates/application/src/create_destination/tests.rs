//! What a webhook may be.

use rstest::rstest;

use super::*;
use crate::fixture::{OpenVault, clock, now, told, write};
use crate::ports::destinations::MockDestinations;
use crate::ports::egress::{EgressRefusal, MockEgressPolicy};

async fn create(new: NewWebhook) -> Result<Written<Destination>, CallError> {
    create_where(true, new).await
}

async fn create_where(
    sends_webhooks: bool,
    new: NewWebhook,
) -> Result<Written<Destination>, CallError> {
    let mut egress = MockEgressPolicy::new();
    egress.expect_check().returning(|url| match url.host_str() {
        Some("127.0.0.1") => Err(EgressRefusal {
            host: "127.0.0.1".to_owned(),
            reason: "it is a loopback address".to_owned(),
        }),
        _ => Ok(()),
    });
    let mut destinations = MockDestinations::new();
    destinations
        .expect_create()
        .returning(|_, destination| Ok(Written::Done(destination)));
    let use_case = CreateDestination {
        destinations: Arc::new(destinations),
        egress: Arc::new(egress),
        vault: Arc::new(OpenVault),
        clock: clock(),
        sends_webhooks,
    };
    let secret = CreateDestination::secret(new.webhook.secret.clone());
    use_case.execute(write(), new, secret).await
}

fn billing() -> NewWebhook {
    with(fields())
}

fn fields() -> WebhookFields {
    WebhookFields {
        url: Some("https://hooks.bolig.example/windlass".to_owned()),
        ..WebhookFields::default()
    }
}

fn with(webhook: WebhookFields) -> NewWebhook {
    NewWebhook {
        name: "Billing".to_owned(),
        webhook,
        ..NewWebhook::default()
    }
}

fn header(name: &str, value: &str) -> Vec<(String, SecretString)> {
    vec![(name.to_owned(), SecretString::from(value))]
}

fn events(entries: &[&str]) -> Option<Vec<String>> {
    Some(entries.iter().map(|entry| (*entry).to_owned()).collect())
}

#[tokio::test]
async fn a_webhook_is_active_at_once_and_takes_all_events_where_none_are_named() {
    let Ok(Written::Done(destination)) = create(billing()).await else {
        panic!("it is a webhook");
    };

    let Configuration::Webhook(webhook) = &destination.configuration;
    let secrets =
        contents::open_signing_secrets(&OpenVault, destination.id, &webhook.secret, now());
    assert_eq!(destination.status, DestinationStatus::Active);
    assert_eq!(destination.events, EventFilter::All);
    assert_eq!(webhook.retry_profile, RetryProfile::Durable);
    assert!(signing_secret::key(&secrets.unwrap()[0].secret).is_ok());
}

#[tokio::test]
async fn types_and_families_are_kept_once() {
    let new = NewWebhook {
        events: events(&["task_run.*", "session.idle", "session.idle"]),
        ..billing()
    };

    let Ok(Written::Done(destination)) = create(new).await else {
        panic!("it is a webhook");
    };

    assert_eq!(
        destination.events,
        EventFilter::Some(vec![
            EventPattern::Family("task_run"),
            EventPattern::Type(EventType::SessionIdle),
        ])
    );
}

#[rstest]
#[case::no_address(with(WebhookFields { url: Some(" ".to_owned()), ..fields() }), ProblemKind::Missing, "webhook.url")]
#[case::another_scheme(with(WebhookFields { url: Some("ftp://hooks.example/".to_owned()), ..fields() }), ProblemKind::Invalid, "webhook.url")]
#[case::this_machine(with(WebhookFields { url: Some("http://127.0.0.1:9/".to_owned()), ..fields() }), ProblemKind::SourceBlocked, "webhook.url")]
#[case::a_star_among_others(NewWebhook { events: events(&["*", "task_run.queued"]), ..billing() }, ProblemKind::Invalid, "events")]
#[case::no_events(NewWebhook { events: events(&[]), ..billing() }, ProblemKind::Invalid, "events")]
#[case::an_unknown_event(NewWebhook { events: events(&["task_run.done"]), ..billing() }, ProblemKind::Invalid, "events")]
#[case::a_short_secret(with(WebhookFields { secret: Some(SecretString::from("whsec_c2hvcnQ=")), ..fields() }), ProblemKind::Invalid, "webhook.secret")]
#[case::our_own_header(with(WebhookFields { custom_headers: Some(header("Webhook-Signature", "v1,x")), ..fields() }), ProblemKind::Invalid, "webhook.custom_headers")]
#[case::a_framing_header(with(WebhookFields { custom_headers: Some(header("Content-Length", "0")), ..fields() }), ProblemKind::Invalid, "webhook.custom_headers")]
#[case::a_line_break(with(WebhookFields { custom_headers: Some(header("X-Team", "a\r\nHost: b")), ..fields() }), ProblemKind::Invalid, "webhook.custom_headers")]
#[case::one_header_in_two_spellings(with(WebhookFields { custom_headers: Some([header("X-Team", "a"), header("x-team", "b")].concat()), ..fields() }), ProblemKind::Invalid, "webhook.custom_headers")]
#[case::a_profile(with(WebhookFields { retry_profile: Some("never".to_owned()), ..fields() }), ProblemKind::Invalid, "webhook.retry_profile")]
#[tokio::test]
async fn what_is_wrong_is_told_with_its_field(
    #[case] new: NewWebhook,
    #[case] kind: ProblemKind,
    #[case] field: &str,
) {
    let error = create(new).await.expect_err("nothing is made");

    assert_eq!(told(&error), [(kind, field.to_owned())]);
}

#[tokio::test]
async fn a_build_without_webhooks_makes_none_and_says_so() {
    let refused = create_where(false, billing()).await;

    let error = refused.expect_err("nothing would send them");
    assert_eq!(told(&error), [(ProblemKind::Invalid, "type".to_owned())]);
}
