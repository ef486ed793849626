//! libFuzzer on `fuzz_bodies::srtp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::srtp(bytes));
