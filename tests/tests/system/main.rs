//! What a caller and an operator live through, on the built binary.

mod audit;
mod cancel;
mod caps;
mod checkpoint;
mod commands;
mod demo;
mod destinations;
mod event_stream;
mod first_start;
mod interactions;
mod keys;
mod logged_server;
mod organizations;
mod outcomes;
mod playbook;
mod readme;
mod replicas;
mod reviews;
mod saved_login;
mod sessions;
mod stop;
mod tls;
mod vault;
