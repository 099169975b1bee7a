//! The store through its public interface.
#![expect(clippy::print_stderr, reason = "says why a test is skipped")]

mod blobs;
mod care;
mod failures;
mod fixture;
mod intake;
mod layers;
mod nearby;
mod open;
mod overlay;
mod power;
mod race;
mod records;
mod room;
mod share;
mod spare;
