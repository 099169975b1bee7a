//! Documents and their answers, over a small API of our own.

mod answers;
mod describe;
mod hostile;
mod rules;
pub mod world;
