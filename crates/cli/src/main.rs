//! The `kukri` command: the only place that reads the environment, prints and exits.
#![forbid(unsafe_code)]

fn main() {}
