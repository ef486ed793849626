//! libFuzzer on `fuzz_bodies::sound`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| fuzz_bodies::sound(bytes));
