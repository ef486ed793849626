//! libFuzzer on `fuzz_bodies::stun`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::stun(bytes));
