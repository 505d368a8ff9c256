//! Ways past the policy that are known, each shown to be shut: addresses in disguise, names that
//! change, forms that parsers read in two ways.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use reqwest::Method;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use rstest::rstest;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use crate::dialer::{Dialer, Timeouts, blocked_cause};
use crate::policy::{Blocked, Policy};

/// Each is one address that is not of the public internet, in another dress.
#[rstest]
#[case::plain("http://127.0.0.1/")]
#[case::with_a_port("http://127.0.0.1:65535/")]
#[case::port_of_a_database("http://10.0.0.5:5432/")]
#[case::decimal("http://2130706433/")]
#[case::octal("http://0177.0.0.1/")]
#[case::long_octal("http://017700000001/")]
#[case::hexadecimal("http://0x7f.0.0.1/")]
#[case::long_hexadecimal("http://0x7F000001/")]
#[case::mixed("http://0x7f.1/")]
#[case::short("http://127.1/")]
#[case::of_three_parts("http://127.0.1/")]
#[case::private_decimal("http://167772161/")]
#[case::metadata_decimal("http://2852039166/")]
#[case::metadata_octal("http://0251.0376.0251.0376/")]
#[case::trailing_dot("http://127.0.0.1./")]
#[case::percent_encoded("http://%31%32%37.0.0.1/")]
#[case::full_width_digits("http://\u{ff11}\u{ff12}\u{ff17}.0.0.1/")]
#[case::full_width_dots("http://127\u{ff0e}0\u{ff0e}0\u{ff0e}1/")]
#[case::ideographic_dots("http://127\u{3002}0\u{3002}0\u{3002}1/")]
#[case::circled_digits("http://\u{2460}\u{2461}\u{2466}.0.0.1/")]
#[case::soft_hyphen("http://127.0.\u{ad}0.1/")]
#[case::line_break_inside("http://127.0.\n0.1/")]
#[case::tab_inside("ht\ttp://127.0.0.1/")]
#[case::without_slashes("http:127.0.0.1/")]
#[case::three_slashes("http:///127.0.0.1/")]
#[case::backslashes("http:\\\\127.0.0.1\\")]
#[case::nobody("http://0.0.0.0/")]
#[case::nobody_short("http://0/")]
#[case::this_network("http://0.1.2.3/")]
#[case::private_10("http://10.255.255.254/")]
#[case::private_172("http://172.31.0.1/")]
#[case::private_192("http://192.168.0.1/")]
#[case::link_local("http://169.254.1.1/")]
#[case::metadata("http://169.254.169.254/latest/meta-data/")]
#[case::metadata_of_azure("http://168.63.129.16/")]
#[case::metadata_of_alibaba("http://100.100.100.200/")]
#[case::metadata_of_oracle("http://192.0.0.192/")]
#[case::carrier("http://100.127.255.254/")]
#[case::benchmark("http://198.19.0.1/")]
#[case::documentation("http://203.0.113.9/")]
#[case::multicast("http://239.255.255.250/")]
#[case::future("http://250.1.2.3/")]
#[case::broadcast("http://255.255.255.255/")]
#[case::loopback_v6("http://[::1]/")]
#[case::loopback_v6_long("http://[0:0:0:0:0:0:0:1]:8080/")]
#[case::nobody_v6("http://[::]/")]
#[case::mapped("http://[::ffff:127.0.0.1]/")]
#[case::mapped_hexadecimal("http://[::ffff:a9fe:a9fe]/")]
#[case::mapped_long("http://[0:0:0:0:0:ffff:10.0.0.1]/")]
#[case::translated("http://[::ffff:0:127.0.0.1]/")]
#[case::compatible("http://[::127.0.0.1]/")]
#[case::nat64("http://[64:ff9b::127.0.0.1]/")]
#[case::nat64_metadata("http://[64:ff9b::a9fe:a9fe]/")]
#[case::nat64_of_a_site("http://[64:ff9b:1::a00:1]/")]
#[case::six_to_four("http://[2002:7f00:1::]/")]
#[case::six_to_four_metadata("http://[2002:a9fe:a9fe::1]/")]
#[case::teredo("http://[2001:0:7f00:1::1]/")]
#[case::unique_local("http://[fd12:3456::1]/")]
#[case::metadata_v6("http://[fd00:ec2::254]/")]
#[case::link_local_v6("http://[fe80::1]/")]
#[case::site_local_v6("http://[fec0::1]/")]
#[case::multicast_v6("http://[ff02::1]/")]
#[case::localhost("http://localhost/")]
#[case::localhost_with_a_dot("http://localhost./")]
#[case::loud_localhost("http://LocalHost:8080/")]
#[case::below_localhost("http://anything.localhost/")]
#[case::below_localhost_with_a_dot("http://any.thing.localhost./")]
#[case::circled_localhost(
    "http://\u{24db}\u{24de}\u{24d2}\u{24d0}\u{24db}\u{24d7}\u{24de}\u{24e2}\u{24e3}/"
)]
#[case::not_the_query("http://127.0.0.1?@1.1.1.1/")]
#[case::not_the_fragment("http://127.0.0.1#@1.1.1.1/")]
#[case::not_behind_a_backslash("http://127.0.0.1\\@1.1.1.1/")]
#[tokio::test]
async fn an_address_in_disguise_is_refused(#[case] text: &str) {
    let url = Url::parse(text).expect("a URL, if a strange one");

    let kept = Policy::default().check_url(&url).await;
    let dialed = dialer("", Arc::new(NoNames)).request(Method::GET, url);

    assert!(matches!(kept, Err(Blocked::Address { .. })), "{kept:?}");
    assert!(matches!(dialed, Err(Blocked::Address { .. })), "{text}");
}

/// What has no address in it that could be checked is no URL of ours.
#[rstest]
#[case::user("http://1.1.1.1@127.0.0.1/")]
#[case::user_of_a_public_host("http://127.0.0.1@1.1.1.1/")]
#[case::password("http://:x@1.1.1.1/")]
#[case::encoded_user("http://127.0.0.1%2f@1.1.1.1/")]
#[case::ampersand("http://1.1.1.1&@127.0.0.1/")]
#[case::ftp("ftp://1.1.1.1/")]
#[case::file("file:///etc/passwd")]
#[case::file_of_a_host("file://1.1.1.1/etc/passwd")]
#[case::gopher("gopher://1.1.1.1:6379/_FLUSHALL")]
#[case::data("data:text/html,x")]
#[case::javascript("javascript:alert(1)")]
#[case::blob("blob:http://1.1.1.1/x")]
#[case::websocket("ws://1.1.1.1/")]
#[case::unix("unix:/run/docker.sock")]
#[case::view_source("view-source:http://1.1.1.1/")]
#[tokio::test]
async fn a_url_of_another_form_is_refused(#[case] text: &str) {
    let url = Url::parse(text).expect("a URL, if not one of ours");

    let kept = Policy::default().check_url(&url).await;
    let dialed = dialer("", Arc::new(NoNames)).request(Method::GET, url);

    assert!(kept.is_err() && dialed.is_err(), "{kept:?}");
}

/// These are no URLs at all, so that nothing can be asked to dial them.
#[rstest]
#[case::zone("http://[fe80::1%25eth0]/")]
#[case::zone_unencoded("http://[fe80::1%eth0]/")]
#[case::too_large("http://4294967296/")]
#[case::five_parts("http://127.0.0.0.1/")]
#[case::part_too_large("http://256.0.0.1/")]
#[case::port_too_large("http://127.0.0.1:65536/")]
#[case::two_ports("http://127.0.0.1:80:80/")]
#[case::space("http://127.0.0.1 .example/")]
#[case::zero_byte("http://127.0.0.1%00.example/")]
#[case::no_host("http://")]
fn what_cannot_be_read_is_no_url(#[case] text: &str) {
    assert!(Url::parse(text).is_err(), "{:?}", Url::parse(text));
}

/// Answers what it is told to, one answer for each time that it is asked.
struct Names {
    answers: Mutex<Vec<Vec<SocketAddr>>>,
    asked: AtomicUsize,
}

impl Names {
    fn new(answers: &[&[&str]]) -> Arc<Self> {
        let answers = answers.iter().rev().map(|addresses| {
            let addresses = addresses.iter().map(|text| format!("{text}:0").parse());
            addresses.collect::<Result<_, _>>().expect("addresses")
        });
        Arc::new(Self {
            answers: Mutex::new(answers.collect()),
            asked: AtomicUsize::new(0),
        })
    }
}

impl Resolve for Names {
    fn resolve(&self, _: Name) -> Resolving {
        self.asked.fetch_add(1, Ordering::SeqCst);
        let answer = self.answers.lock().expect("no panic").pop();
        let answer = answer.expect("it is asked no more");
        Box::pin(ready(Ok(Box::new(answer.into_iter()) as Addrs)))
    }
}

/// Where no name is looked up.
struct NoNames;

impl Resolve for NoNames {
    fn resolve(&self, name: Name) -> Resolving {
        unreachable!("{name:?} is looked up")
    }
}

fn dialer(allowed: &str, names: Arc<dyn Resolve>) -> Dialer {
    let policy = allowed.parse().expect("networks");
    Dialer::with_names(policy, Timeouts::default(), names).expect("a dialer")
}

/// A server at this address; its port, and how many connections it has had.
async fn serve(address: &str, port: u16) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind((address, port)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 1024];
            let read = connection.read(&mut request).await;
            assert!(read.is_ok_and(|bytes| bytes > 0), "the request has come");
            let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
            connection.write_all(answer).await.expect("it listens");
        }
    });
    (port, connections)
}

async fn get(dialer: &Dialer, url: &str) -> Result<u16, reqwest::Error> {
    let request = dialer.request(Method::GET, Url::parse(url).expect("a URL"));
    let answer = request.expect("its form is right").send().await?;
    Ok(answer.status().as_u16())
}

/// Between the check and the connection nobody is asked again: 127.0.0.1 is the public address here,
/// and 127.0.0.2 the private one.
#[tokio::test]
async fn a_connection_is_made_to_the_address_that_was_checked() {
    let (port, private) = serve("127.0.0.2", 0).await;
    let (_, public) = serve("127.0.0.1", port).await;
    let names = Names::new(&[&["127.0.0.1"], &["127.0.0.2"]]);
    let dialer = dialer("127.0.0.1", names.clone());
    let url = format!("http://rebound.example:{port}/");

    let first = get(&dialer, &url).await;
    let asked = names.asked.load(Ordering::SeqCst);
    let second = get(&dialer, &url).await;

    assert_eq!((first.ok(), asked), (Some(204), 1));
    let refused = second.expect_err("the name is private now");
    assert!(
        matches!(blocked_cause(&refused), Some(Blocked::Address { .. })),
        "{refused:?}"
    );
    assert_eq!(public.load(Ordering::SeqCst), 1);
    assert_eq!(private.load(Ordering::SeqCst), 0);
}

#[rstest]
#[case::private_first(&["127.0.0.2", "127.0.0.1"])]
#[case::private_last(&["127.0.0.1", "127.0.0.2"])]
#[tokio::test]
async fn of_several_addresses_the_permitted_one_is_connected_to(#[case] addresses: &[&str]) {
    let (port, private) = serve("127.0.0.2", 0).await;
    let (_, public) = serve("127.0.0.1", port).await;
    let dialer = dialer("127.0.0.1", Names::new(&[addresses]));

    let answered = get(&dialer, &format!("http://both.example:{port}/")).await;

    assert_eq!(answered.ok(), Some(204));
    assert_eq!(public.load(Ordering::SeqCst), 1);
    assert_eq!(private.load(Ordering::SeqCst), 0);
}

#[rstest]
#[case("127.0.0.1")]
#[case("10.1.2.3")]
#[case("169.254.169.254")]
#[case("0.0.0.0")]
#[case("[::1]")]
#[case("[::ffff:127.0.0.1]")]
#[case("[64:ff9b::127.0.0.1]")]
#[case("[2002:7f00:1::]")]
#[case("[fd00:ec2::254]")]
#[case("[fe80::1]")]
#[tokio::test]
async fn a_name_of_a_refused_address_is_not_connected_to(#[case] address: &str) {
    let dialer = dialer("", Names::new(&[&[address]]));

    let refused = get(&dialer, "http://name.example/").await;

    let refused = refused.expect_err("it is refused");
    assert!(
        matches!(blocked_cause(&refused), Some(Blocked::Address { .. })),
        "{refused:?}"
    );
}
