//! What holds while servers, what they stand on, and workers are killed under load, and while the network
//! between them is bad; and that what a session has outlives the end of each of its runs.

mod chance;
mod crowd;
mod follow_up_runs;
mod kill;
mod network;
mod outside_workers;
mod person;
mod replicas;
mod secrets;
mod take_back;
mod worker_kills;
mod worker_network;
