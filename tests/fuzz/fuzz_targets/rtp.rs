//! libFuzzer on `fuzz_bodies::rtp`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::rtp(bytes));
