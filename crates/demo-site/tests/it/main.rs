//! The site and the receiver over real sockets, as a browser and a sender meet them.

#![expect(
    clippy::unwrap_used,
    reason = "whatever fails here fails its test, in the functions beside the tests too"
)]

mod browser;
mod receiver;
mod site;
