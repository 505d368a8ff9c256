//! Plays a playbook over HTTP, without a browser: cookies, forms, links, tables and downloads,
//! thousands at once on one machine. What needs script says so. Source: docs/guides/write-a-playbook.md.

mod act;
mod agent;
mod charset;
mod checkpoint;
mod click;
mod cookies;
mod download;
mod extract;
mod fetch;
mod file_name;
mod form;
mod login;
mod look;
mod page;
mod player;
mod question;
mod reading;
mod session;
mod trouble;

pub use agent::{HttpAgent, KEPT_SESSIONS};
