//! Which addresses belong to the public internet, and what the others are for.
//!
//! Source: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890), and the
//! documentation of the clouds for the addresses of their metadata services.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// Why an address is not a part of the public internet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AddressClass {
    /// This machine.
    Loopback,
    /// A private network (RFC 1918, RFC 4193).
    Private,
    /// A carrier's shared space (RFC 6598).
    Shared,
    /// Reachable on this link only; clouds answer there with the machine's own secrets.
    LinkLocal,
    /// A cloud's metadata service outside the ranges above.
    Metadata,
    /// No address at all.
    Unspecified,
    /// More than one receiver.
    Multicast,
    /// Kept for documentation, benchmarks, protocols or the future.
    Reserved,
    /// An IPv6 address that tunnels to an IPv4 address that cannot be read from it.
    Tunnel,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Loopback => "a loopback address",
            Self::Private => "an address of a private network",
            Self::Shared => "an address of a carrier's shared network",
            Self::LinkLocal => "a link-local address",
            Self::Metadata => "the address of a metadata service",
            Self::Unspecified => "the unspecified address",
            Self::Multicast => "a multicast address",
            Self::Reserved => "a reserved address",
            Self::Tunnel => "the address of a tunnel",
        })
    }
}

const fn v4(first: u8, second: u8, third: u8, fourth: u8, prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(first, second, third, fourth), prefix)
}

const SPECIAL_V4: [(Ipv4Net, AddressClass); 16] = [
    (v4(0, 0, 0, 0, 8), AddressClass::Unspecified),
    (v4(10, 0, 0, 0, 8), AddressClass::Private),
    (v4(100, 64, 0, 0, 10), AddressClass::Shared),
    (v4(127, 0, 0, 0, 8), AddressClass::Loopback),
    (v4(168, 63, 129, 16, 32), AddressClass::Metadata),
    (v4(169, 254, 0, 0, 16), AddressClass::LinkLocal),
    (v4(172, 16, 0, 0, 12), AddressClass::Private),
    (v4(192, 0, 0, 0, 24), AddressClass::Reserved),
    (v4(192, 0, 2, 0, 24), AddressClass::Reserved),
    (v4(192, 88, 99, 0, 24), AddressClass::Reserved),
    (v4(192, 168, 0, 0, 16), AddressClass::Private),
    (v4(198, 18, 0, 0, 15), AddressClass::Reserved),
    (v4(198, 51, 100, 0, 24), AddressClass::Reserved),
    (v4(203, 0, 113, 0, 24), AddressClass::Reserved),
    (v4(224, 0, 0, 0, 4), AddressClass::Multicast),
    (v4(240, 0, 0, 0, 4), AddressClass::Reserved),
];

const fn v6(first: u16, second: u16, third: u16, prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(first, second, third, 0, 0, 0, 0, 0), prefix)
}

/// The one block that global unicast addresses are given out from (RFC 4291, 2.4).
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 3);
/// An IPv4 address behind a translator (RFC 6052), in its last 32 bits.
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 96);
/// An IPv4 address as a router of its own (RFC 3056), in bits 16 to 47.
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 16);

const SPECIAL_V6: [(Ipv6Net, AddressClass); 8] = [
    (v6(0x64, 0xff9b, 1, 48), AddressClass::Tunnel),
    (v6(0x2001, 0, 0, 32), AddressClass::Tunnel),
    (v6(0x2001, 0, 0, 23), AddressClass::Reserved),
    (v6(0x2001, 0xdb8, 0, 32), AddressClass::Reserved),
    (v6(0x3fff, 0, 0, 20), AddressClass::Reserved),
    (v6(0xfc00, 0, 0, 7), AddressClass::Private),
    (v6(0xfe80, 0, 0, 10), AddressClass::LinkLocal),
    (v6(0xff00, 0, 0, 8), AddressClass::Multicast),
];

/// What the address is, unless it is a part of the public internet.
pub(crate) fn special_class(address: IpAddr) -> Option<AddressClass> {
    match address {
        IpAddr::V4(address) => special_class_v4(address),
        IpAddr::V6(address) => match embedded_v4(address) {
            Some(embedded) => special_class_v4(embedded),
            None => special_class_v6(address),
        },
    }
}

/// The IPv4 address that a connection to this IPv6 address ends at: a policy that looks at the outer
/// address alone is passed by `::ffff:10.0.0.1`.
pub(crate) fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [_, _, a, b, c, d, .., w, x, y, z] = address.octets();
    if NAT64.contains(&address) {
        Some(Ipv4Addr::new(w, x, y, z))
    } else if SIX_TO_FOUR.contains(&address) {
        Some(Ipv4Addr::new(a, b, c, d))
    } else {
        address.to_ipv4_mapped()
    }
}

fn special_class_v4(address: Ipv4Addr) -> Option<AddressClass> {
    SPECIAL_V4
        .iter()
        .find(|(network, _)| network.contains(&address))
        .map(|(_, class)| *class)
}

fn special_class_v6(address: Ipv6Addr) -> Option<AddressClass> {
    if address.is_loopback() {
        return Some(AddressClass::Loopback);
    }
    if address.is_unspecified() {
        return Some(AddressClass::Unspecified);
    }
    if let Some((_, class)) = SPECIAL_V6
        .iter()
        .find(|(network, _)| network.contains(&address))
    {
        return Some(*class);
    }
    // What IANA has not given out yet is nobody's website.
    (!GLOBAL_V6.contains(&address)).then_some(AddressClass::Reserved)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0.0.0.0", AddressClass::Unspecified)]
    #[case("0.1.2.3", AddressClass::Unspecified)]
    #[case("10.0.0.1", AddressClass::Private)]
    #[case("10.255.255.255", AddressClass::Private)]
    #[case("100.64.0.1", AddressClass::Shared)]
    #[case("100.100.100.200", AddressClass::Shared)]
    #[case("100.127.255.255", AddressClass::Shared)]
    #[case("127.0.0.1", AddressClass::Loopback)]
    #[case("127.255.0.9", AddressClass::Loopback)]
    #[case("168.63.129.16", AddressClass::Metadata)]
    #[case("169.254.169.254", AddressClass::LinkLocal)]
    #[case("172.16.0.1", AddressClass::Private)]
    #[case("172.31.255.255", AddressClass::Private)]
    #[case("192.0.0.192", AddressClass::Reserved)]
    #[case("192.0.2.1", AddressClass::Reserved)]
    #[case("192.88.99.1", AddressClass::Reserved)]
    #[case("192.168.1.1", AddressClass::Private)]
    #[case("198.19.255.255", AddressClass::Reserved)]
    #[case("198.51.100.7", AddressClass::Reserved)]
    #[case("203.0.113.7", AddressClass::Reserved)]
    #[case("224.0.0.1", AddressClass::Multicast)]
    #[case("239.255.255.250", AddressClass::Multicast)]
    #[case("240.0.0.1", AddressClass::Reserved)]
    #[case("255.255.255.255", AddressClass::Reserved)]
    #[case("::", AddressClass::Unspecified)]
    #[case("::1", AddressClass::Loopback)]
    #[case("::7f00:1", AddressClass::Reserved)]
    #[case("::ffff:127.0.0.1", AddressClass::Loopback)]
    #[case("::ffff:10.1.2.3", AddressClass::Private)]
    #[case("::ffff:169.254.169.254", AddressClass::LinkLocal)]
    #[case("64:ff9b::10.0.0.1", AddressClass::Private)]
    #[case("64:ff9b:1::8.8.8.8", AddressClass::Tunnel)]
    #[case("100::1", AddressClass::Reserved)]
    #[case("2001::1", AddressClass::Tunnel)]
    #[case("2001:20::1", AddressClass::Reserved)]
    #[case("2001:db8::1", AddressClass::Reserved)]
    #[case("2002:7f00:1::1", AddressClass::Loopback)]
    #[case("2002:c0a8:101::1", AddressClass::Private)]
    #[case("3fff::1", AddressClass::Reserved)]
    #[case("5f00::1", AddressClass::Reserved)]
    #[case("fc00::1", AddressClass::Private)]
    #[case("fd00:ec2::254", AddressClass::Private)]
    #[case("fe80::1", AddressClass::LinkLocal)]
    #[case("fec0::1", AddressClass::Reserved)]
    #[case("ff02::1", AddressClass::Multicast)]
    fn special_addresses_are_named(#[case] address: IpAddr, #[case] class: AddressClass) {
        assert_eq!(special_class(address), Some(class));
    }

    #[rstest]
    #[case("1.1.1.1")]
    #[case("9.255.255.255")]
    #[case("11.0.0.0")]
    #[case("100.63.255.255")]
    #[case("100.128.0.0")]
    #[case("126.255.255.255")]
    #[case("128.0.0.1")]
    #[case("168.63.129.15")]
    #[case("169.253.255.255")]
    #[case("172.15.255.255")]
    #[case("172.32.0.0")]
    #[case("192.167.255.255")]
    #[case("192.169.0.0")]
    #[case("198.17.255.255")]
    #[case("198.20.0.0")]
    #[case("223.255.255.255")]
    #[case("::ffff:1.1.1.1")]
    #[case("64:ff9b::1.1.1.1")]
    #[case("2002:101:101::1")]
    #[case("2001:200::1")]
    #[case("2606:4700:4700::1111")]
    fn public_addresses_are_not_special(#[case] address: IpAddr) {
        assert_eq!(special_class(address), None);
    }
}
