//! A body, as a request has it: `windlass_api::fuzzing`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| windlass_api::fuzzing::body(data));
