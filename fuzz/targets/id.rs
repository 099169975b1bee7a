//! Fuzz target: see `fuzz/cases.rs`.
#![no_main]

#[path = "../../crates/api/tests/random/answer.rs"]
mod answer;
#[path = "../cases.rs"]
mod cases;

libfuzzer_sys::fuzz_target!(|data: &[u8]| cases::id(data));
