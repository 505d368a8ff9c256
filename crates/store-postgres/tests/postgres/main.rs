//! The stores on a real PostgreSQL server, each test on a database of its own.

mod conformance;
mod database;
mod faults;
mod plans;
mod proxy;
mod replicas;
mod roles;
mod run_replicas;
mod server;
mod session_plans;
