//! The agent against a website on this machine: what a run gives, and how it fails.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose world cannot be set up has failed"
)]

mod bad_pages;
mod captures;
mod checkpoint;
mod costly_pages;
mod evidence;
mod extract;
mod files;
mod frames;
mod guide;
mod links;
mod lists;
mod pages;
mod playbook;
mod private_hosts;
mod raw;
mod recorded;
mod rounds;
mod server;
mod shown;
mod site;
mod stays;
mod unread;
mod windows;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rstest::rstest;
use serde_json::{Value, json};
use windlass_demo_site::DemoSite;
use windlass_domain::run::ErrorCode;
use windlass_domain::run::command::CredentialReport;
use windlass_domain::task::Engine;
use windlass_egress::{Dialer, Timeouts};
use windlass_session_http::{HttpAgent, Manners};
use windlass_worker::{Agent, Outcome, RunFailure, Stopped};

use crate::playbook::{custom, whole_way};
use crate::server::{Run, Server};
use crate::site::{CODE, PASSWORD, Site};

fn agent(allowed: &str) -> HttpAgent {
    let dialer = Dialer::new(allowed.parse().unwrap(), Timeouts::default()).unwrap();
    HttpAgent::new(dialer, Manners::default())
}

/// One that treats sources so.
fn agent_with(manners: Manners) -> HttpAgent {
    let dialer = Dialer::new("127.0.0.1".parse().unwrap(), Timeouts::default()).unwrap();
    HttpAgent::new(dialer, manners)
}

fn server(site: &Site, password: Option<&'static str>, codes: &[&'static str]) -> Arc<Server> {
    Arc::new(Server {
        username: "kari",
        password,
        codes: Mutex::new(VecDeque::from(codes.to_vec())),
        hits: site.counter(),
        ..Server::default()
    })
}

fn errors(result: Result<Outcome, RunFailure>) -> (ErrorCode, String, Option<CredentialReport>) {
    match result {
        Err(RunFailure::Failed {
            errors, credential, ..
        }) => {
            let [error] = errors.as_slice() else {
                panic!("one error: {errors:?}")
            };
            // In a sentence, but for what a playbook says in its own words.
            assert!(
                error.message.ends_with(['.', '…']) || error.code == ErrorCode::AuthInvalid,
                "{error:?}"
            );
            (error.code, error.message.clone(), credential)
        }
        other => panic!("fails: {other:?}"),
    }
}

#[tokio::test]
async fn a_login_with_a_code_leads_to_the_output_and_the_file() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &["111111", CODE]);
    let context = Run::new(site.url("/"), &whole_way()).context(&server);

    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    let expected = json!({
        "name": "Kari Nordmann",
        "due": 1249.5,
        "profile": site.url("/me?x=1"),
        "bills": [
            {"month": "January 2026", "amount": 1249.5, "due_on": "2026-01-20", "pdf": site.url("/bills/1?key=17#top")},
            {"month": "December 2025", "amount": 12, "due_on": "2025-12-20"},
            {"month": "November 2025", "amount": 99.0, "due_on": "2025-11-20"},
        ],
    });
    assert_eq!(outcome.output, expected);
    assert_eq!(outcome.credential, Some(CredentialReport::Verified));
    let files = server.files.lock().unwrap().clone();
    assert_eq!(
        files,
        [(
            "passwd".to_owned(),
            "application/pdf".to_owned(),
            json!({"source_url": site.url("/bills/1")}),
            8
        )]
    );
    let questions = server.questions.lock().unwrap();
    let asked: Vec<_> = questions
        .iter()
        .map(|question| (question.attempt, question.message.as_str()))
        .collect();
    assert_eq!(
        asked,
        [
            (1, "Code from the text message"),
            (2, "That was wrong. Code?")
        ]
    );
    assert_eq!(
        *server.hits_at_begin.lock().unwrap(),
        [0],
        "begin comes before the first request"
    );
}

#[tokio::test]
async fn the_demo_site_gives_what_it_promises() {
    let site = DemoSite::start().await.unwrap();
    let server = Arc::new(Server {
        username: windlass_demo_site::FIRST_USERNAME,
        password: Some(windlass_demo_site::PASSWORD),
        codes: Mutex::new(VecDeque::from(["000000"])),
        phone: Some(site.phone()),
        ..Server::default()
    });
    let run = Run {
        playbook: windlass_demo_site::playbook(),
        ..Run::new(site.url(), &json!([]))
    };

    let outcome = agent("127.0.0.1").run(&run.context(&server)).await.unwrap();

    let user = &site.users()[0];
    assert_eq!(outcome.output, user.expected_output());
    assert_eq!(outcome.credential, Some(CredentialReport::Verified));
    assert_eq!(server.files.lock().unwrap()[0].0, user.expected_file_name());
    assert_eq!(
        server.questions.lock().unwrap().len(),
        2,
        "the first code was wrong"
    );
}

#[tokio::test]
async fn progress_names_steps_and_no_values() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[CODE]);
    let context = Run::new(site.url("/"), &whole_way()).context(&server);

    agent("127.0.0.1").run(&context).await.unwrap();

    let progress = server.told(&context).await.join("\n");
    assert!(
        progress.contains("change #pass") && progress.contains("navigate {{source.url}}"),
        "{progress}"
    );
    for secret in [PASSWORD, CODE, "kari"] {
        assert!(!progress.contains(secret), "{progress}");
    }
}

#[tokio::test]
async fn a_code_of_an_authenticator_needs_nobody() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "change", "selectors": ["#code"], "value": "{{credential.totp}}"},
        {"type": "click", "selectors": ["#verify"]},
        custom("expect", &json!({"selector": "#in"})),
    ]);
    let context = Run::new(site.url("/authenticator"), &steps).context(&server);

    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    assert_eq!(outcome.credential, Some(CredentialReport::Verified));
    assert_eq!(outcome.output, json!({}));
}

#[tokio::test]
async fn one_code_is_not_used_twice() {
    let site = Site::start().await;
    let server = Arc::new(Server {
        username: "kari",
        password: Some(PASSWORD),
        totp_secret: Some("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=1&digits=9"),
        ..Server::default()
    });
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "change", "selectors": ["#code"], "value": "{{credential.totp}}"},
        {"type": "click", "selectors": ["#verify"]},
        custom("repeat", &json!({"when": "p:not(.used)", "steps": 3, "times": 1})),
        custom("expect", &json!({"selector": "p:not(.used)"})),
    ]);
    let agent = agent("127.0.0.1");
    let run = || Run::new(site.url("/once"), &steps).context(&server);
    let (first, second) = (run(), run());

    let (one, other) = tokio::join!(agent.run(&first), agent.run(&second));

    assert!(one.is_ok() && other.is_ok(), "{one:?} {other:?}");
    assert_eq!(site.hits(), 8, "each of two runs typed two codes");
    let told = server.told(&first).await;
    let waits = |line: &&String| line.starts_with("waits for the next code");
    assert!(told.iter().any(|line| waits(&line)), "{told:?}");
}

/// The website takes any code; the one of the moment in which the agent was started may have been used by
/// the process before it.
#[tokio::test]
async fn the_code_of_the_start_is_left_out_where_it_may_have_been_used() {
    let site = Site::start().await;
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = since_1970.unwrap().as_secs();
    // A period that is over soon, and was not just begun.
    let periods = (now + 3..now + 18).flat_map(|end| (15..60).map(move |length| (end, length)));
    let (_, length) = periods
        .into_iter()
        .find(|(end, length)| end % length == 0)
        .unwrap();
    let secret = format!("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period={length}&digits=9");
    let server = |was_tried| {
        Arc::new(Server {
            username: "kari",
            password: Some(PASSWORD),
            was_tried,
            totp_secret: Some(secret.clone().leak()),
            ..Server::default()
        })
    };
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "change", "selectors": ["#code"], "value": "{{credential.totp}}"},
        {"type": "click", "selectors": ["#verify"]},
        custom("expect", &json!({"selector": "p:not(.used)"})),
    ]);
    let run = async |server: Arc<Server>| {
        let context = Run::new(site.url("/once"), &steps).context(&server);
        let outcome = agent("127.0.0.1").run(&context).await;
        (outcome, server.told(&context).await.join("\n"))
    };

    let (new, tried) = tokio::join!(run(server(false)), run(server(true)));

    assert!(new.0.is_ok() && tried.0.is_ok(), "{new:?} {tried:?}");
    assert!(!new.1.contains("waits for the next code"), "{}", new.1);
    assert!(tried.1.contains("may have been used before"), "{}", tried.1);
}

#[tokio::test]
async fn a_wrong_password_makes_the_credential_invalid() {
    let site = Site::start().await;
    let server = server(&site, Some("sommer"), &[]);
    let context = Run::new(site.url("/"), &whole_way()).context(&server);

    let result = agent("127.0.0.1").run(&context).await;

    let (code, message, credential) = errors(result);
    assert_eq!(
        (code, message.as_str()),
        (ErrorCode::AuthInvalid, "Wrong password")
    );
    assert_eq!(credential, Some(CredentialReport::Invalid));
}

#[tokio::test]
async fn a_resumed_session_is_still_logged_in() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[CODE]);
    let agent = agent("127.0.0.1");
    agent
        .run(&Run::new(site.url("/"), &whole_way()).context(&server))
        .await
        .unwrap();
    let again = Run {
        resumed: true,
        ..Run::new(site.url("/bills"), &whole_way())
    };

    let outcome = agent.run(&again.context(&server)).await.unwrap();

    assert_eq!(outcome.output["name"], "Kari Nordmann");
    assert_eq!(outcome.credential, None, "no login was tried");
    assert_eq!(server.questions.lock().unwrap().len(), 1);
}

#[rstest]
#[case::ended(true, true)]
#[case::not_resumed(false, false)]
#[tokio::test]
async fn a_session_that_is_over_leaves_nothing(#[case] resumed: bool, #[case] ended: bool) {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[CODE]);
    let agent = agent("127.0.0.1");
    let first = Run::new(site.url("/"), &whole_way()).context(&server);
    agent.run(&first).await.unwrap();
    if ended {
        agent.end_session(first.run.session_id).await;
    }
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("expect", &json!({"selector": "#login"})),
    ]);
    let again = Run {
        resumed,
        ..Run::new(site.url("/bills"), &steps)
    };

    let result = agent.run(&again.context(&server)).await;

    assert!(result.is_ok(), "the site asks to log in: {result:?}");
}

#[tokio::test]
async fn a_task_that_asks_for_a_browser_is_not_played_without_one() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[]);
    let run = Run {
        engine: Engine::Browser,
        ..Run::new(site.url("/"), &whole_way())
    };

    let (code, message, _) = errors(agent("127.0.0.1").run(&run.context(&server)).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(message.contains("settings.engine"), "{message}");
    assert_eq!(site.hits(), 0);
}

#[tokio::test]
async fn a_playbook_that_needs_a_browser_in_its_middle_does_not_begin() {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "doubleClick", "selectors": ["#go"]},
    ]);

    let context = Run::new(site.url("/login"), &steps).context(&server);
    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(
        message.starts_with("Step 2 (doubleClick #go): doubleClick needs script or a browser")
            && message.contains("Nothing was done"),
        "{message}"
    );
    assert_eq!(site.hits(), 0);
    assert!(server.hits_at_begin.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_step_has_no_more_time_than_any_step_with_all_its_pages() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let manners = Manners {
        step_timeout: Duration::from_millis(900),
        ..Manners::default()
    };
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        custom("extract", &json!({"fields": {
            "numbers": {"rows": "li", "next": "a.next", "fields": {"number": {"selector": ":scope"}}}}})),
    ]);
    let context = Run::new(site.url("/list-of-one"), &steps).context(&server);

    let played = agent_with(manners).run(&context).await;

    let (code, message, _) = errors(played);
    assert_eq!(code, ErrorCode::SourceNotAvailable);
    assert_eq!(
        message,
        "Step 2 (windlass.extract numbers): it took longer than the 0.9 s of a step."
    );
}

#[tokio::test]
async fn what_a_run_waits_for_its_turn_is_not_the_sources_time() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let manners = Manners {
        load_timeout: Duration::from_millis(900),
        step_timeout: Duration::from_millis(900),
        request_gap: Duration::from_millis(400),
        ..Manners::default()
    };
    let steps = json!([{"type": "navigate", "url": "{{source.url}}", "timeout": 900}]);
    let agent = agent_with(manners);
    let runs = [0; 5].map(|_| Run::new(site.url("/login"), &steps).context(&server));

    let played = futures_util::future::join_all(runs.iter().map(|run| agent.run(run))).await;

    // The last one waits for longer than any of these times.
    assert!(played.iter().all(Result::is_ok), "{played:?}");
}

#[tokio::test]
async fn without_a_credential_nothing_is_touched() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let deleted = |steps: &Value| Run {
        is_credential_deleted: true,
        ..Run::new(site.url("/"), steps)
    };
    let named = deleted(&whole_way()).context(&server);
    let unnamed = deleted(&json!([{"type": "navigate", "url": "{{source.url}}"}]));
    let unnamed = unnamed.context(&server);
    let none = Run::new(site.url("/"), &whole_way()).context(&server);

    let results = [
        agent("127.0.0.1").run(&named).await,
        agent("127.0.0.1").run(&unnamed).await,
        agent("127.0.0.1").run(&none).await,
    ];

    let whys = [
        "was deleted",
        "was deleted",
        "needs `{{credential.username}}`",
    ];
    for (result, why) in results.into_iter().zip(whys) {
        let (code, message, _) = errors(result);
        assert_eq!(code, ErrorCode::AuthRequired);
        assert!(message.contains(why), "{message}");
    }
    assert_eq!(site.hits(), 0);
    assert_eq!(
        server.hits_at_begin.lock().unwrap().len(),
        2,
        "only those with a credential begin"
    );
}

#[rstest]
#[case("/missing", ErrorCode::SourceNotFound, "404")]
#[case("/broken", ErrorCode::SourceError, "500")]
#[case("/forbidden", ErrorCode::SourceBlocked, "403")]
#[case("/loop", ErrorCode::SourceError, "redirects more than 20 times")]
#[case(
    "/private",
    ErrorCode::SourceBlocked,
    "10.0.0.1 is an address of a private network"
)]
#[case("/endless", ErrorCode::SourceError, "8 MiB")]
#[case("/deep", ErrorCode::SourceError, "512 levels")]
#[tokio::test]
async fn a_page_that_leads_nowhere_fails_with_its_reason(
    #[case] path: &str,
    #[case] code: ErrorCode,
    #[case] reason: &str,
) {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([
        {"type": "navigate", "url": "{{source.url}}"},
        {"type": "waitForElement", "selectors": ["#in"]},
    ]);
    let context = Run::new(site.url(path), &steps).context(&server);

    let result = agent("127.0.0.1").run(&context).await;

    let (found, message, _) = errors(result);
    assert_eq!(found, code, "{message}");
    assert!(
        message.contains(reason) && message.starts_with("Step "),
        "{message}"
    );
}

#[tokio::test]
async fn a_source_that_does_not_answer_is_not_available() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}]);
    let context = Run::new(format!("http://{free}/"), &steps).context(&server);

    let (code, message, _) = errors(agent("127.0.0.1").run(&context).await);

    assert_eq!(code, ErrorCode::SourceNotAvailable);
    assert!(message.contains("cannot be reached"), "{message}");
}

#[tokio::test]
async fn the_egress_policy_stands_before_the_first_request() {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}]);
    let context = Run::new(site.url("/login"), &steps).context(&server);

    let (code, _, _) = errors(agent("").run(&context).await);

    assert_eq!((code, site.hits()), (ErrorCode::SourceBlocked, 0));
}

#[rstest]
#[case(json!({"type": "keyDown", "key": "a"}), "Step 2 (keyDown a): keyDown needs script or a browser, which the http tier")]
#[case(json!({"type": "keyDown", "key": "Enter"}), "no step acted on an element of this page")]
#[case(json!({"type": "click", "selectors": ["#go"], "frame": [0]}), "the page has no frame at position 0")]
#[case(json!({"type": "click", "selectors": ["#user"], "assertedEvents": [{"type": "navigation"}]}), "none comes without script")]
#[case(json!({"type": "change", "selectors": ["#user"], "value": "x", "assertedEvents": [{"type": "navigation"}]}), "Step 2 (change #user): change needs script or a browser, which the http tier does not have: another page came here")]
#[case(json!({"type": "hover", "selectors": ["#user"], "assertedEvents": [{"type": "navigation"}]}), "Step 2 (hover #user): hover needs script or a browser, which the http tier does not have: another page came here")]
#[case(json!({"type": "keyUp", "key": "Enter", "assertedEvents": [{"type": "navigation"}]}), "Step 2 (keyUp Enter): keyUp needs script or a browser, which the http tier does not have: another page came here")]
#[case(json!({"type": "click", "selectors": ["#go"], "button": "back"}), "click needs script or a browser")]
#[case(json!({"type": "waitForElement", "selectors": ["#user"], "attributes": {"name": "x"}}), "have other attributes")]
#[case(json!({"type": "waitForElement", "selectors": ["#user"], "visible": false}), "still has 1 elements")]
#[case(json!({"type": "waitForExpression", "expression": "ready"}), "waitForExpression needs script")]
#[case(json!({"type": "doubleClick", "selectors": ["#go"]}), "doubleClick needs script")]
#[case(json!({"type": "click", "selectors": ["main"]}), "Step 2 (click main): it does nothing without script")]
#[case(json!({"type": "click", "selectors": ["#absent"]}), "the page has no element #absent")]
#[case(json!({"type": "click", "selectors": [["text/No such"], ["xpath///none"]]}), "the page has no element text/No such or xpath///none")]
#[case(json!({"type": "click", "selectors": ["a[["]}), "is no CSS selector")]
#[case(json!({"type": "waitForElement", "selectors": ["input"], "operator": "==", "count": 9}), "the page has 3 elements")]
#[case(json!({"type": "waitForElement", "selectors": [[".a", "b"], [".c"]]}), "the page has 0 elements .a → b or .c")]
#[case(json!({"type": "change", "selectors": ["#login"], "value": "s3cret"}), "is no field of a form")]
#[case(json!({"type": "navigate", "url": "http://s3cret:{{credential.password}}/"}), "no address of a website")]
#[tokio::test]
async fn a_step_that_cannot_be_done_is_named_without_values(
    #[case] step: Value,
    #[case] reason: &str,
) {
    let site = Site::start().await;
    let server = server(&site, Some(PASSWORD), &[]);
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}, step]);
    let run = Run {
        engine: Engine::Http,
        ..Run::new(site.url("/login"), &steps)
    };

    let (code, message, _) = errors(agent("127.0.0.1").run(&run.context(&server)).await);

    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(
        message.contains(reason) && !message.contains(PASSWORD),
        "{message}"
    );
}

#[rstest]
#[case::canceled(Stopped::Canceled)]
#[case::lease_lost(Stopped::LeaseLost)]
#[tokio::test]
async fn a_run_that_is_stopped_lets_go_of_a_page_that_never_comes(#[case] stopped: Stopped) {
    let site = Site::start().await;
    let server = server(&site, None, &[]);
    let steps = json!([{"type": "navigate", "url": "{{source.url}}"}]);
    let run = Run::new(site.url("/never"), &steps);
    let token = match stopped {
        Stopped::Canceled => run.canceled.clone(),
        Stopped::LeaseLost => run.lost.clone(),
    };
    let context = run.context(&server);
    let playing = tokio::spawn(async move { agent("127.0.0.1").run(&context).await });
    while site.hits() == 0 {
        tokio::task::yield_now().await;
    }

    token.cancel();

    let result = tokio::time::timeout(Duration::from_secs(5), playing)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(result, Err(RunFailure::Stopped(stopped)));
}
