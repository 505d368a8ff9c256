//! The stores on a real PostgreSQL server, each test on a database of its own.

mod database;
mod server;
