//! libFuzzer on `fuzz_bodies::dtls`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::dtls(bytes));
