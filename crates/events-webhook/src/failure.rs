//! Why an attempt failed, in a sentence that helps whoever runs the receiver. Never a header, a
//! body, or what stands in the query of an address.

use std::error::Error;
use std::io;

use reqwest::StatusCode;
use windlass_egress::{Blocked, blocked_cause};

/// What an answer says: None is success.
pub(crate) fn of_status(status: StatusCode) -> Option<String> {
    if status.is_success() {
        None
    } else if status.is_redirection() {
        Some(format!(
            "The receiver answered {}, a redirect, and redirects are not followed.",
            status.as_u16()
        ))
    } else {
        Some(format!("The receiver answered {}.", status.as_u16()))
    }
}

/// What the egress policy says.
pub(crate) fn of_policy(blocked: &Blocked) -> String {
    match blocked {
        Blocked::Address { host, class } => {
            format!("The egress policy refuses {host}: {class}.")
        }
        Blocked::Scheme { .. } | Blocked::Credentials | Blocked::Host => {
            format!("The egress policy refuses the address: {blocked}.")
        }
    }
}

/// Why no answer came.
pub(crate) fn of_request(error: &reqwest::Error) -> String {
    if let Some(blocked) = blocked_cause(error) {
        return of_policy(blocked);
    }
    if error.is_dns() {
        return "The receiver's name does not resolve.".to_owned();
    }
    if error.is_timeout() {
        return if error.is_connect() {
            "The connection could not be made in time.".to_owned()
        } else {
            "The receiver did not answer in time.".to_owned()
        };
    }
    if let Some(error) = cause::<hyper::Error>(error) {
        if error.is_incomplete_message() {
            return "The receiver closed the connection without an answer.".to_owned();
        }
        if error.is_parse() {
            return "What the receiver answered is not HTTP.".to_owned();
        }
    }
    match cause::<io::Error>(error).map(innermost_kind) {
        Some(io::ErrorKind::ConnectionRefused) => "The connection was refused.".to_owned(),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe) => {
            "The connection was reset.".to_owned()
        }
        Some(io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) => {
            "The receiver cannot be reached from here.".to_owned()
        }
        Some(io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof) if error.is_connect() => {
            format!("The TLS connection failed: {}.", root(error))
        }
        _ => format!("The request failed: {}.", root(error)),
    }
}

/// The first cause of this type.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|cause| cause.downcast_ref())
}

/// The kind of the error that others only wrap, as TLS does.
fn innermost_kind(error: &io::Error) -> io::ErrorKind {
    let wrapped = |error: &io::Error| error.get_ref()?.downcast_ref().map(innermost_kind);
    wrapped(error).unwrap_or(error.kind())
}

/// The words of the last cause: the outer ones name the address, with its query.
fn root(error: &reqwest::Error) -> String {
    causes(error)
        .last()
        .map_or_else(|| "no reason is known".to_owned(), ToString::to_string)
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}
