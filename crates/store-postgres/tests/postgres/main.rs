//! The stores on a real PostgreSQL server, each test on a database of its own.

mod conformance;
mod database;
mod replicas;
mod roles;
mod server;
