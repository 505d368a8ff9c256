//! The walk-throughs of docs/guides/write-a-playbook.md, played on a website as they describe it.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query};
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use rstest::rstest;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use windlass_domain::run::ErrorCode;
use windlass_domain::run::command::CredentialReport;
use windlass_playbook::totp_code;
use windlass_worker::{Agent, Outcome, RunFailure};

use crate::server::{Run, Server};
use crate::site::{CODE, PASSWORD, TOTP_SECRET};
use crate::{agent, errors};

const GUIDE: &str = include_str!("../../../../docs/guides/write-a-playbook.md");

const ACCOUNTS: &str = r#"<h1>Your accounts</h1><ul id=accounts>
    <li><a href=/accounts/4008 data-account=4008>Storgata 1</a>
    <li><a href=/accounts/4009 data-account=4009>Storgata 11</a>
    <li><a href=/accounts/4010 data-account=4010>Say "yes"[role="button"] \\</a>
    <li><a href=/accounts/4009 data-account=4009>Storgata 11</a></ul>
    <a href=/accounts/1>Storgata 1 and all others</a>
    <form action=/chosen><select id=account name=account><option value="">Choose
    <option value=4008>One<option value=4009>Two</select><button id=go>Go</button></form>"#;

/// The playbook under a heading of the guide.
fn of_guide(heading: &str) -> Value {
    let (_, section) = GUIDE.split_once(&format!("### {heading}\n")).unwrap();
    let (_, example) = section.split_once("```json\n").unwrap();
    let (example, _) = example.split_once("```").unwrap();
    serde_json::from_str(example).unwrap()
}

fn amount(number: u32) -> Html<String> {
    Html(format!("<p id=amount-due>{number}.50 kr</p>"))
}

/// The code form, after a code that was right or wrong.
fn verified(is_right: bool) -> Html<String> {
    match is_right {
        true => amount(249),
        false => code_form("<p class=wrong-code>Wrong code</p>"),
    }
}

fn code_form(said: &str) -> Html<String> {
    Html(format!(
        "{said}<form method=post><input id=code name=code><button id=verify>OK</button></form>"
    ))
}

fn login_form(then: &str) -> Html<String> {
    Html(format!(
        "<form method=post action={then}/in><input id=username name=user><input id=password
        name=password type=password><button id=log-in>Log in</button></form>"
    ))
}

fn authenticator_code() -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let code = totp_code(&SecretString::from(TOTP_SECRET), now.unwrap().as_secs());
    code.unwrap().expose_secret().to_owned()
}

async fn website() -> String {
    let is = |body: &Bytes, code: &str| **body == *format!("code={code}").as_bytes();
    let router = Router::new()
        .route("/accounts", get(async || Html(ACCOUNTS)))
        .route(
            "/accounts/{number}",
            get(async |Path(number): Path<u32>| amount(number)),
        )
        .route(
            "/chosen",
            get(async |Query(chosen): Query<HashMap<String, u32>>| amount(chosen["account"])),
        )
        .route("/one", get(async || amount(1)))
        .route("/phone", get(async || login_form("/phone")))
        .route("/phone/in", post(async || Redirect::to("/phone/code")))
        .route(
            "/phone/code",
            get(async || code_form("")).post(async move |body: Bytes| verified(is(&body, CODE))),
        )
        .route("/app", get(async || login_form("/app")))
        .route("/app/in", post(async || Redirect::to("/app/code")))
        .route(
            "/app/code",
            get(async || code_form(""))
                .post(async move |body: Bytes| verified(is(&body, &authenticator_code()))),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // It ends with the test's runtime.
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

fn asked(answers: &[&'static str]) -> Arc<Server> {
    Arc::new(Server {
        username: "kari",
        password: Some(PASSWORD),
        codes: Mutex::new(VecDeque::from(answers.to_vec())),
        ..Server::default()
    })
}

async fn played(playbook: Value, path: &str, server: &Arc<Server>) -> Result<Outcome, RunFailure> {
    let url = format!("{}{path}", website().await);
    let run = Run {
        playbook,
        ..Run::new(url, &json!([]))
    };
    agent("127.0.0.1").run(&run.context(server)).await
}

/// The options of the last question: what is answered, and what the person reads.
fn options(server: &Server) -> Vec<(String, Option<String>)> {
    let questions = server.questions.lock().unwrap();
    let field = &questions.last().unwrap().fields[0];
    let options = field.options.iter().flatten();
    options
        .map(|option| (option.value.clone(), option.label.clone()))
        .collect()
}

#[rstest]
#[case("Storgata 1", 4008.5)]
#[case("Storgata 11", 4009.5)]
#[case(r#"Say "yes"[role="button"] \\"#, 4010.5)]
#[tokio::test]
async fn an_account_is_chosen_of_those_that_the_page_shows(
    #[case] answer: &'static str,
    #[case] expected: f64,
) {
    let server = asked(&[answer]);

    let outcome = played(of_guide("A choice of accounts"), "/accounts", &server).await;

    assert_eq!(outcome.unwrap().output, json!({"amount": expected}));
    let shown: Vec<_> = options(&server)
        .into_iter()
        .map(|(value, _)| value)
        .collect();
    assert_eq!(
        shown,
        [
            "Storgata 1",
            "Storgata 11",
            r#"Say "yes"[role="button"] \\"#
        ]
    );
}

#[tokio::test]
async fn who_has_one_account_is_not_asked() {
    let server = asked(&[]);

    let outcome = played(of_guide("A choice of accounts"), "/one", &server).await;

    assert_eq!(outcome.unwrap().output, json!({"amount": 1.5}));
    assert!(server.questions.lock().unwrap().is_empty());
}

#[rstest]
#[case::links(
    json!({"selector": "#accounts a", "attribute": "data-account"}),
    vec![json!({"type": "click", "selectors": ["#accounts a[data-account=\"{{interaction.account_id}}\"]"]})],
    &[("4008", "Storgata 1"), ("4009", "Storgata 11"), ("4010", r#"Say "yes"[role="button"] \\"#)]
)]
#[case::of_a_list(
    json!({"selector": "#account option", "attribute": "value"}),
    vec![
        json!({"type": "change", "selectors": ["#account"], "value": "{{interaction.account_id}}"}),
        json!({"type": "click", "selectors": ["#go"]}),
    ],
    &[("4008", "One"), ("4009", "Two")]
)]
#[tokio::test]
async fn an_attribute_is_answered_where_names_are_no_help(
    #[case] from: Value,
    #[case] steps: Vec<Value>,
    #[case] expected: &[(&str, &str)],
) {
    let server = asked(&["4009"]);
    let mut playbook = of_guide("A choice of accounts");
    playbook["steps"][2]["parameters"]["fields"][0]["options"] = from;
    playbook["steps"]
        .as_array_mut()
        .unwrap()
        .splice(3..4, steps);

    let outcome = played(playbook, "/accounts", &server).await;

    assert_eq!(outcome.unwrap().output, json!({"amount": 4009.5}));
    let shown = options(&server);
    let shown: Vec<_> = shown
        .iter()
        .map(|(value, label)| (value.as_str(), label.as_deref().unwrap()))
        .collect();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn a_page_without_choices_says_so() {
    let mut playbook = of_guide("A choice of accounts");
    playbook["steps"][2]["parameters"]["fields"][0]["options"]["selector"] = json!("#absent a");

    let result = played(playbook, "/accounts", &asked(&[])).await;

    let (code, message, _) = errors(result);
    assert_eq!(code, ErrorCode::TaskFailed);
    assert!(
        message.contains("has no #absent a to choose from"),
        "{message}"
    );
}

#[tokio::test]
async fn who_goes_on_for_a_lost_worker_shows_the_same_choices() {
    let playbook = of_guide("A choice of accounts");
    let url = format!("{}/accounts", website().await);
    let run = || Run {
        playbook: playbook.clone(),
        ..Run::new(url.clone(), &json!([]))
    };
    let (lost, next) = (asked(&[]), asked(&["Storgata 11"]));
    let first = agent("127.0.0.1").run(&run().context(&lost)).await;
    assert!(first.is_err());

    let context = run().from(&lost).context(&next);
    let outcome = agent("127.0.0.1").run(&context).await.unwrap();

    assert_eq!(outcome.output, json!({"amount": 4009.5}));
    assert_eq!(options(&next), options(&lost));
}

#[tokio::test]
async fn a_code_of_an_authenticator_is_made_when_it_is_typed() {
    let server = asked(&[]);

    let outcome = played(
        of_guide("A code from an authenticator app"),
        "/app",
        &server,
    )
    .await;

    let outcome = outcome.unwrap();
    assert_eq!(outcome.output, json!({"amount": 249.5}));
    assert_eq!(outcome.credential, Some(CredentialReport::Verified));
    assert!(server.questions.lock().unwrap().is_empty());
}

const AGAIN: &str = "A code from a phone, asked for again where it was wrong";

#[tokio::test]
async fn a_wrong_code_is_asked_for_again() {
    let server = asked(&["111111", "222222", CODE]);

    let outcome = played(of_guide(AGAIN), "/phone", &server).await;

    assert_eq!(outcome.unwrap().output, json!({"amount": 249.5}));
    let questions = server.questions.lock().unwrap();
    let attempts: Vec<_> = questions.iter().map(|question| question.attempt).collect();
    assert_eq!(attempts, [1, 2, 3]);
}

#[tokio::test]
async fn a_third_wrong_code_is_the_last_also_where_another_worker_goes_on() {
    let playbook = of_guide(AGAIN);
    let url = format!("{}/phone", website().await);
    let run = || Run {
        playbook: playbook.clone(),
        ..Run::new(url.clone(), &json!([]))
    };
    let (lost, next) = (asked(&["111111"]), asked(&["222222", "333333", CODE]));
    let first = agent("127.0.0.1").run(&run().context(&lost)).await;
    assert!(first.is_err());

    let context = run().from(&lost).context(&next);
    let result = agent("127.0.0.1").run(&context).await;

    match result {
        Err(RunFailure::Failed { errors, .. }) => {
            assert_eq!(errors[0].message, "Three codes were wrong");
        }
        other => panic!("it fails: {other:?}"),
    }
    assert_eq!(*next.codes.lock().unwrap(), [CODE]);
}
