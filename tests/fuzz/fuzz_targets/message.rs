//! libFuzzer on `fuzz_bodies::message`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::message(bytes));
