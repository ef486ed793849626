//! libFuzzer on `fuzz_bodies::playout`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::playout(bytes));
