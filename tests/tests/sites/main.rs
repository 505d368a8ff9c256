//! The built-in agent on websites that were not made for it: others wrote them, and the tests only
//! configure and fill them.

mod django;
mod job;
mod roundup;
mod second_factor;
