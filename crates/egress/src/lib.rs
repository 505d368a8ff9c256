//! The one dialer that may leave the machine, and the policy that every connection is held to.
//!
//! What callers write (the address of a source, of a webhook) decides where this server connects to,
//! so each address is checked twice: when it is written, by [`Policy::check_url`], and when it is
//! dialed, by [`Dialer`], which connects to no address that the policy has not seen. Source:
//! docs/security.md, "Egress".

mod address;
#[cfg(test)]
mod bypass;
mod dialer;
mod policy;
mod port;

pub use address::AddressClass;
pub use dialer::{Dialer, DialerError, NoHttp, Timeouts, blocked_cause, no_http};
pub use policy::{Blocked, NotANetwork, Policy};
