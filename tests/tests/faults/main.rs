//! What holds while servers, what they stand on, and workers are killed under load, and while the network
//! between them is bad.

mod chance;
mod crowd;
mod kill;
mod network;
mod outside_workers;
mod person;
mod replicas;
mod secrets;
mod worker_kills;
mod worker_network;
