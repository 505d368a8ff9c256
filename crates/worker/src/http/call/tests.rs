//! What an answer, and none, means for a call.

use std::net::Ipv4Addr;
use std::time::Instant;

use rstest::rstest;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

fn error(code: &str) -> ToldError {
    ToldError {
        code: code.to_owned(),
        message: "It is wrong.".to_owned(),
    }
}

#[rstest]
#[case(409, "lease_lost", "the lease is lost")]
#[case(404, "task_run_not_found", "the lease is lost")]
#[case(409, "run_not_running", "the server refused: It is wrong")]
#[case(400, "input_invalid", "the server refused: It is wrong")]
#[case(401, "api_key_invalid", "the server refused: It is wrong")]
#[case(
    429,
    "rate_limit_exceeded",
    "the server cannot answer now: It is wrong"
)]
#[case(503, "unavailable", "the server cannot answer now: It is wrong")]
#[case(500, "timeout", "the server cannot answer now: It is wrong")]
fn what_an_answer_means(#[case] status: u16, #[case] code: &str, #[case] meaning: &str) {
    let status = StatusCode::from_u16(status).unwrap();

    assert_eq!(refused(status, &[error(code)]).to_string(), meaning);
    assert_eq!(ToldError::meaning(&[error(code)]).to_string(), meaning);
}

#[rstest]
#[case(502, "the server cannot answer now: it answers 502 Bad Gateway")]
#[case(404, "the server cannot answer now: it answers 404 Not Found")]
#[case(400, "the server cannot answer now: it answers 400 Bad Request")]
#[case(302, "the server cannot answer now: it answers 302 Found")]
#[case(401, "the server refused: it answers 401 Unauthorized")]
#[case(403, "the server refused: it answers 403 Forbidden")]
#[case(413, "the server refused: it answers 413 Payload Too Large")]
#[case(
    431,
    "the server refused: it answers 431 Request Header Fields Too Large"
)]
fn what_is_no_answer_of_the_server_is_told_by_its_status(
    #[case] status: u16,
    #[case] meaning: &str,
) {
    let proxy = refused(StatusCode::from_u16(status).unwrap(), &[]);

    assert_eq!(proxy.to_string(), meaning);
}

#[rstest]
#[case("windlass.example.com")]
#[case("ftp://windlass.example.com")]
#[case("")]
fn what_is_no_address_is_refused(#[case] url: &str) {
    let server = Server::new(url, SecretString::from("sk_test_1"));

    assert!(matches!(server.err(), Some(NoServer::Address { .. })));
}

async fn listening() -> (TcpListener, RequestBuilder) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new(&url, SecretString::from("key")).unwrap();
    (listener, server.request(Method::POST, "leases"))
}

/// What was not heard is for the caller to say again, and nothing else.
#[rstest]
#[case::none("", false)]
#[case::a_part("HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n{\"cancel\":", false)]
#[case::that_of_a_proxy("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", false)]
#[case::no_time("HTTP/1.1 500 X\r\nContent-Length: 0\r\n\r\n", false)]
#[case::not_now_by_a_proxy("HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", false)]
#[case::not_now(
    "HTTP/1.1 503 X\r\nContent-Length: 56\r\n\r\n\
     {\"errors\":[{\"code\":\"unavailable\",\"message\":\"Not now.\"}]}",
    true
)]
#[tokio::test]
async fn a_call_that_may_have_been_heard_is_not_to_be_made_again(
    #[case] answer: &str,
    #[case] again: bool,
) {
    let (listener, request) = listening().await;
    let answering = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = [0; 4096];
        let _ = stream.read(&mut head).await.unwrap();
        stream.write_all(answer.as_bytes()).await.unwrap();
    };

    let (said, ()) = tokio::join!(answered_once::<Value>(request), answering);

    let error = said.unwrap_err();
    let is_unavailable = matches!(error, ProtocolError::Unavailable { .. });
    assert_eq!(is_unavailable, again, "{error}");
}

#[tokio::test]
async fn a_server_that_is_frozen_is_not_waited_for_until_the_worker_counts_as_gone() {
    let (_silent, request) = listening().await;
    let asked_at = Instant::now();

    let said = begun_in::<Value>(Duration::from_millis(50), request).await;

    assert!(matches!(said, Err(ProtocolError::Unavailable { .. })));
    assert!(asked_at.elapsed() < AT_MOST);
}
