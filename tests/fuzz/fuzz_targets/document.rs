//! libFuzzer on `fuzz_bodies::document`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::document(bytes));
