//! Plays a playbook over HTTP, without a browser: cookies, forms, links, tables and downloads,
//! thousands at once on one machine. What needs script says so. Source: docs/guides/write-a-playbook.md.

mod act;
mod agent;
mod arrival;
mod asserted;
mod authenticate;
mod charset;
mod checkpoint;
mod click;
mod codes;
mod cookies;
mod download;
mod evidence;
mod extract;
mod fetch;
mod file_name;
mod form;
mod frame;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod go;
mod http_login;
mod login;
mod look;
mod manners;
mod network;
mod next_page;
mod page;
mod playbooks;
mod player;
mod question;
mod reading;
mod redirect;
mod refresh;
mod retry_after;
mod session;
mod site;
mod trouble;
mod turn;
mod unpack;
mod unread;

pub use agent::{HttpAgent, KEPT_SESSIONS};
pub use manners::Manners;
