//! What a webhook may be.

use rstest::rstest;

use super::*;
use crate::fixture::{OpenVault, clock, told, write};
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
    let secret = CreateDestination::secret(new.secret.clone());
    use_case.execute(write(), new, secret).await
}

fn billing() -> NewWebhook {
    NewWebhook {
        name: "Billing".to_owned(),
        url: "https://hooks.bolig.example/windlass".to_owned(),
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
    let secrets = contents::open_signing_secrets(&OpenVault, destination.id, &webhook.secret);
    assert_eq!(destination.status, DestinationStatus::Active);
    assert_eq!(destination.events, EventFilter::All);
    assert_eq!(webhook.retry_profile, RetryProfile::Durable);
    assert!(signing_secret::key(&secrets.unwrap()[0]).is_ok());
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
#[case::no_address(NewWebhook { url: " ".to_owned(), ..billing() }, ProblemKind::Missing, "webhook.url")]
#[case::another_scheme(NewWebhook { url: "ftp://hooks.example/".to_owned(), ..billing() }, ProblemKind::Invalid, "webhook.url")]
#[case::this_machine(NewWebhook { url: "http://127.0.0.1:9/".to_owned(), ..billing() }, ProblemKind::SourceBlocked, "webhook.url")]
#[case::a_star_among_others(NewWebhook { events: events(&["*", "task_run.queued"]), ..billing() }, ProblemKind::Invalid, "events")]
#[case::no_events(NewWebhook { events: events(&[]), ..billing() }, ProblemKind::Invalid, "events")]
#[case::an_unknown_event(NewWebhook { events: events(&["task_run.done"]), ..billing() }, ProblemKind::Invalid, "events")]
#[case::a_short_secret(NewWebhook { secret: Some(SecretString::from("whsec_c2hvcnQ=")), ..billing() }, ProblemKind::Invalid, "webhook.secret")]
#[case::our_own_header(NewWebhook { custom_headers: header("Webhook-Signature", "v1,x"), ..billing() }, ProblemKind::Invalid, "webhook.custom_headers")]
#[case::a_framing_header(NewWebhook { custom_headers: header("Content-Length", "0"), ..billing() }, ProblemKind::Invalid, "webhook.custom_headers")]
#[case::a_line_break(NewWebhook { custom_headers: header("X-Team", "a\r\nHost: b"), ..billing() }, ProblemKind::Invalid, "webhook.custom_headers")]
#[case::a_profile(NewWebhook { retry_profile: Some("never".to_owned()), ..billing() }, ProblemKind::Invalid, "webhook.retry_profile")]
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
