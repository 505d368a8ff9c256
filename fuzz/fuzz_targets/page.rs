//! A page as it comes from the network, and a step on it: `windlass_session_http::fuzzing`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| windlass_session_http::fuzzing::page_to_step(data));
