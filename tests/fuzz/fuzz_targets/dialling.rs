//! libFuzzer on `fuzz_bodies::dialling`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::dialling(bytes));
