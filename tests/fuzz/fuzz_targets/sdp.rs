//! libFuzzer on `fuzz_bodies::sdp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::sdp(bytes));
