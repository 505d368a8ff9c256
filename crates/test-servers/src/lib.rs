//! Private PostgreSQL and Redis servers and websites for tests: each on a free port of loopback, with
//! a folder of its own, gone with the value that stands for it.
//!
//! `cargo xtask` starts the two that all tests share; a test that kills or restarts a server starts
//! one for itself. Needs Linux or macOS.

mod folder;
mod postgres;
mod process;
pub mod programs;
mod redis;
mod website;

pub use folder::FOLDER;
pub use postgres::Postgres;
pub use redis::Redis;
pub use website::{PYTHON, WEBSITES, Website};

/// Names the PostgreSQL server that the tests share, as an address of a superuser: each test makes a
/// database of its own on it.
pub const POSTGRES_URL: &str = "WINDLASS_TEST_POSTGRES_URL";

/// Names the Redis server that the tests share: each test has a prefix of its own on it.
pub const REDIS_URL: &str = "WINDLASS_TEST_REDIS_URL";

/// Names the folder of the Node packages that tests read the exports of Chrome's Recorder with.
pub const NODE_PACKAGES: &str = "WINDLASS_TEST_NODE_PACKAGES";
