//! Documents and their answers, over a small API of our own.

mod answers;
mod describe;
mod hostile;
pub mod world;
