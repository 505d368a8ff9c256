//! A playbook as somebody writes it, and what a check says of it: `windlass_session_http::fuzzing`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| windlass_session_http::fuzzing::playbook_to_check(data));
