//! libFuzzer on `fuzz_bodies::codec`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::codec(bytes));
