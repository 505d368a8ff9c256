//! The lifecycle of runs and sessions: both tables as data, what they mean for each other, whole
//! histories of random commands, and a search of all that may happen within small bounds.
//! docs/lifecycle.md is rendered from the same data.

mod asked;
mod clocks;
mod consequences;
mod documentation;
mod fixture;
mod gates;
mod histories;
mod leases;
mod logins;
mod outcomes;
mod run_table;
mod search;
mod session_table;
mod situation;
mod slots;
mod steps;
