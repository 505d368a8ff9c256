//! The servers start, start again after every kind of end, and leave nothing.

use std::io::{Read, Write};
use std::net::TcpStream;

use windlass_test_servers::{Postgres, Redis};

/// Asks whether TLS is spoken: eight bytes of length and code, answered with one letter.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];

/// Where a server is, as in `…@127.0.0.1:1234/…`.
fn address(url: &str) -> &str {
    let place = url.split('@').nth(1).expect("a password");
    place.split('/').next().expect("an address")
}

fn answers(url: &str, question: &[u8]) -> bool {
    let asked = || -> std::io::Result<()> {
        let mut connection = TcpStream::connect(address(url))?;
        connection.write_all(question)?;
        connection.read_exact(&mut [0])
    };
    asked().is_ok()
}

#[test]
fn postgres_starts_again_where_it_was_after_a_crash_and_after_a_kill() {
    let mut server = Postgres::start().unwrap();
    let url = server.url();
    assert!(answers(&url, &SSL_REQUEST));

    server.crash();
    assert!(!answers(&url, &SSL_REQUEST));
    server.start_again().unwrap();
    assert!(answers(&url, &SSL_REQUEST));
    server.kill().unwrap();
    assert!(!answers(&url, &SSL_REQUEST));
    server.start_again().unwrap();
    assert!(answers(&url, &SSL_REQUEST));

    assert_eq!(server.url(), url);
    drop(server);
    assert!(!answers(&url, &SSL_REQUEST));
}

#[test]
fn redis_starts_again_where_it_was_after_a_kill() {
    let mut server = Redis::start().unwrap();
    let url = server.url();
    assert!(answers(&url, b"PING\r\n"));

    server.kill().unwrap();
    assert!(!answers(&url, b"PING\r\n"));
    server.start_again().unwrap();
    assert!(answers(&url, b"PING\r\n"));

    assert_eq!(server.url(), url);
    drop(server);
    assert!(!answers(&url, b"PING\r\n"));
}
