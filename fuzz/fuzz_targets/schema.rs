//! A task's schema, and a value, as a request has it: `windlass_api::fuzzing`.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| windlass_api::fuzzing::schema(data));
