//! The contract from outside: what others make of the OpenAPI document works on the built binary.

mod assistant;
mod canaries;
mod generated_client;
mod outside;
mod schemathesis;
mod worker_calls;
