//! What Windlass can do: use cases, and the ports that they need.
//!
//! A use case is a file named for its verb. A port is a trait in [`ports`]; each of its writing
//! methods is one transaction. Decisions stand in `windlass-domain`, technology in adapters.

pub mod announce;
pub mod answer_interaction;
pub mod application;
pub mod audit;
pub mod authenticate;
pub mod cancel_run;
mod command;
pub mod contents;
pub mod create_agent;
pub mod create_credential;
pub mod create_destination;
pub mod create_organization;
pub mod create_source;
pub mod create_task;
pub mod dispatch;
pub mod end_session;
pub mod error;
mod field;
#[cfg(test)]
mod fixture;
pub mod follow_events;
pub mod issue_key;
pub mod issue_token;
pub mod link_audit;
pub mod page;
pub mod ports;
pub mod problem;
pub mod put_playbook;
pub mod random;
pub mod read_credentials;
pub mod read_run_input;
pub mod replay_events;
pub mod reseal;
pub mod retain;
pub mod review_run;
pub mod rotate_secret;
pub mod schema;
pub mod signing_secret;
pub mod start_run;
pub mod sweep;
pub mod task_settings;
pub mod test_destination;
pub mod update_agent;
pub mod update_credential;
pub mod update_destination;
pub mod update_source;
pub mod update_task;
pub mod verify_audit;
pub mod wait_for_run;
pub mod worker;
pub mod write;

pub use application::{Application, Ports, Settings};
pub use error::CallError;
pub use page::{Created, Key, Page, PageRequest, Position};
pub use problem::{Problem, ProblemKind, Resource, shortened};
pub use write::{
    Actor, Caller, IdempotencyRequest, KeptAnswer, Operator, OrganizationContext, Outcome, Write,
    Written,
};
