//! A run that waits for a person, and whose worker is lost: another goes on where it asked.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use secrecy::ExposeSecret;
use serde_json::{Value, json};
use windlass_demo_site::DemoSite;
use windlass_domain::run::command::CredentialReport;
use windlass_domain::run::{AfterRun, ErrorCode};
use windlass_worker::{Agent, RunFailure, Stopped};

use crate::playbook::custom;
use crate::server::{Run, Server};
use crate::site::{CODE, PASSWORD, Site};
use crate::{agent, errors, server};

/// As a worker ends whose server answers no question any more.
const LOST: RunFailure = RunFailure::Stopped(Stopped::Canceled);

#[tokio::test]
async fn another_worker_goes_on_without_a_second_login() {
    let site = DemoSite::start().await.unwrap();
    let server = |codes: &[&'static str], phone| {
        Arc::new(Server {
            username: windlass_demo_site::FIRST_USERNAME,
            password: Some(windlass_demo_site::PASSWORD),
            codes: Mutex::new(VecDeque::from(codes.to_vec())),
            phone,
            ..Server::default()
        })
    };
    let run = || Run {
        playbook: windlass_demo_site::playbook(),
        ..Run::new(site.url(), &json!([]))
    };
    let lost = server(&[], None);
    let asked = agent("127.0.0.1").run(&run().context(&lost)).await;
    assert_eq!(asked, Err(LOST));

    let next = server(&["000000"], Some(site.phone()));
    let context = run().from(&lost).context(&next);
    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    let user = &site.users()[0];
    assert_eq!(outcome.output, user.expected_output());
    assert_eq!(outcome.credential, Some(CredentialReport::Verified));
    let logins = site.visit_count("POST", "/login", Some(&user.username));
    assert_eq!(logins, 1);
    let (before, after) = (
        lost.questions.lock().unwrap(),
        next.questions.lock().unwrap(),
    );
    assert_eq!(
        after[0].message, before[0].message,
        "it asks the same again"
    );
    let attempts: Vec<_> = after.iter().map(|question| question.attempt).collect();
    assert_eq!(attempts, [1, 2], "the first code was wrong");
}

#[tokio::test]
async fn what_was_typed_read_and_answered_is_there_again_and_no_password_was_kept() {
    let site = Site::start().await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("extract", &json!({"fields": {"button": {"selector": "#go"}}})),
        {"type": "change", "selectors": ["#user"], "value": "{{credential.username}}"},
        {"type": "change", "selectors": ["#pass"], "value": "{{credential.password}}"},
        custom("interact", &json!({"type": "mfa", "message": "Early code"})),
        {"type": "click", "selectors": ["#go"]},
        custom("interact", &json!({"type": "security_question", "message": "Your town?"})),
        {"type": "change", "selectors": ["#code"], "value": "{{interaction.code}}"},
        {"type": "click", "selectors": ["#verify"]},
        custom("extract", &json!({"fields": {"name": {"selector": "#name"}}})),
    ]);
    let run = || Run::new(site.url("/"), &steps);
    let first = server(&site, Some(PASSWORD), &[]);
    let second = server(&site, Some(PASSWORD), &[CODE]);
    let third = server(&site, Some(PASSWORD), &["Oslo"]);

    let asked = agent("127.0.0.1").run(&run().context(&first)).await;
    assert_eq!(asked, Err(LOST));
    let hits_before = site.hits();
    let context = run().from(&first).context(&second);
    assert_eq!(agent("127.0.0.1").run(&context).await, Err(LOST));
    let context = run().from(&second).context(&third);
    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    let expected = json!({"button": "Log in", "name": "Kari Nordmann"});
    assert_eq!(outcome.output, expected);
    assert_eq!(outcome.credential, Some(CredentialReport::Verified));
    assert_eq!(
        *second.hits_at_begin.lock().unwrap(),
        [hits_before],
        "nothing is asked of the site before the answer"
    );
    for server in [&first, &second] {
        let questions = server.questions.lock().unwrap();
        let checkpoint = questions.last().unwrap().checkpoint.clone().unwrap();
        let text = String::from_utf8_lossy(checkpoint.expose_secret()).into_owned();
        assert!(!text.contains(PASSWORD), "{text}");
    }
}

#[tokio::test]
async fn what_was_looked_for_in_vain_is_told_by_whoever_goes_on() {
    let site = Site::start().await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("extract", &json!({"fields": {"total": {"selector": "#total"}}})),
        custom("interact", &json!({"type": "mfa", "message": "Code?"})),
    ]);
    let run = || Run {
        output_schema: Some(json!({"required": ["total"]})),
        ..Run::new(site.url("/login"), &steps)
    };
    let first = server(&site, None, &[]);
    let second = server(&site, Some(PASSWORD), &[CODE]);

    let asked = agent("127.0.0.1").run(&run().context(&first)).await;
    assert_eq!(asked, Err(LOST));
    let context = run().from(&first).context(&second);
    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::OutputInvalid);
    assert!(
        message.contains("step 2, #total found nothing"),
        "{message}"
    );
}

#[tokio::test]
async fn a_checkpoint_that_cannot_be_read_fails_the_run_before_anything_is_touched() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[CODE]);
    let run = Run {
        checkpoint: Some(b"{\"version\": 0}".to_vec().into()),
        ..Run::new(site.url("/"), &crate::playbook::whole_way())
    };

    let result = agent("127.0.0.1").run(&run.context(&server)).await;

    let Err(RunFailure::Failed {
        errors, session, ..
    }) = result
    else {
        panic!("fails: {result:?}");
    };
    assert_eq!(errors[0].code, ErrorCode::SessionLost);
    assert_eq!(session, AfterRun::End);
    assert_eq!(site.hits(), 0);
    assert!(server.hits_at_begin.lock().unwrap().is_empty());
    assert!(server.questions.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_page_that_cannot_be_loaded_again_says_why() {
    let site = Site::start().await;
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("interact", &json!({"type": "mfa", "message": "Code?"})),
    ]);
    let lost = server(&site, None, &[]);
    let run = || Run::new(site.url("/"), &steps);
    let asked = agent("127.0.0.1").run(&run().context(&lost)).await;
    assert_eq!(asked, Err(LOST));
    let Run { checkpoint, .. } = run().from(&lost);
    let mut left: Value = serde_json::from_slice(checkpoint.unwrap().expose_secret()).unwrap();
    left["page"]["text"] = json!("<div>".repeat(10_000));
    let run = Run {
        checkpoint: Some(serde_json::to_vec(&left).unwrap().into()),
        ..run()
    };
    let next = server(&site, None, &[CODE]);

    let (code, message, _) = errors(agent("127.0.0.1").run(&run.context(&next)).await);

    assert_eq!(code, ErrorCode::SourceError, "{message}");
    assert!(message.contains("512 levels"), "{message}");
}
