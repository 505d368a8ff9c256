//! The API with a certificate of the operator's. Source: docs/operations.md, "TLS".

use std::fs;
use std::time::Duration;

use rcgen::{CertifiedKey, generate_simple_self_signed};
use reqwest::{Certificate, Client};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use windlass_tests::client::http;
use windlass_tests::server::KEY;
use windlass_tests::{Backend, Ground};

use crate::logged_server::LoggedServer;

/// Writes a certificate for the loopback address, and its key. Their paths, and who trusts it.
fn certificate(ground: &Ground) -> ([String; 2], Client) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a certificate");
    let paths = ["cert.pem", "key.pem"].map(|name| ground.folder().join(name));
    fs::write(&paths[0], cert.pem()).expect("a file");
    fs::write(&paths[1], signing_key.serialize_pem()).expect("a file");
    // It has the one crypto provider of all clients here installed.
    drop(http());
    let trusted = Certificate::from_pem(cert.pem().as_bytes()).expect("a certificate");
    let client = Client::builder().tls_certs_only([trusted]).build();
    let paths = paths.map(|path| path.to_str().expect("a path is text").to_owned());
    (paths, client.expect("a client"))
}

#[tokio::test]
async fn with_a_certificate_the_api_speaks_tls_alone() {
    let ground = Backend::Sqlite.ground().await.expect("a folder");
    let ([cert, key], client) = certificate(&ground);
    let settings = [
        ("WINDLASS_BOOTSTRAP_KEY", KEY),
        ("WINDLASS_TLS_CERT", &cert),
        ("WINDLASS_TLS_KEY", &key),
    ];
    let server = LoggedServer::start(&ground, &settings).await;
    let server = server.expect("the server starts");
    let url = format!("{}/v2/test", server.url());

    let trusting = client.get(&url).bearer_auth(KEY).send().await;
    let strange = http().get(&url).bearer_auth(KEY).send().await;
    let address = server.url().trim_start_matches("https://");
    let mut plain = TcpStream::connect(address).await.expect("a connection");
    let request = b"GET /v2/test HTTP/1.1\r\nHost: x\r\n\r\n";
    plain.write_all(request).await.expect("a request");
    let mut answer = Vec::new();
    let read = plain.read_to_end(&mut answer);
    let read = tokio::time::timeout(Duration::from_secs(20), read).await;

    assert!(url.starts_with("https://127.0.0.1:"), "{url}");
    assert_eq!(trusting.expect("an answer").status(), 200);
    assert!(strange.is_err(), "nobody else vouches for it");
    assert!(read.is_ok(), "what is no TLS is let go of");
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(server.end_by("TERM").await.status.success());
}

#[tokio::test]
async fn a_certificate_that_cannot_be_used_stops_the_start() {
    let ground = Backend::Sqlite.ground().await.expect("a folder");
    let ([cert, key], _) = certificate(&ground);
    let nowhere = format!("{cert}.none");
    for (tls_cert, tls_key, reason) in [
        (&nowhere, &key, "cert.pem.none"),
        (&key, &key, "holds no certificate as PEM"),
        (&cert, &cert, "holds no private key as PEM"),
    ] {
        let settings = [
            ("WINDLASS_TLS_CERT", tls_cert.as_str()),
            ("WINDLASS_TLS_KEY", tls_key),
        ];
        let ended = LoggedServer::start(&ground, &settings).await.err();
        let ended = ended.expect("it does not start");
        assert!(!ended.status.success());
        assert!(ended.log.contains(reason), "{}", ended.log);
    }
    let alone = [("WINDLASS_TLS_CERT", cert.as_str())];
    let ended = LoggedServer::start(&ground, &alone).await.err();
    let ended = ended.expect("a certificate is nothing without its key");
    assert!(ended.log.contains("--tls-key"), "{}", ended.log);
}
