//! What holds while servers, and what they stand on, are killed under load.

mod chance;
mod crowd;
mod kill;
mod person;
mod replicas;
mod secrets;
