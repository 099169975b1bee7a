//! The client's half: connects, and answers what the engine asks from the client's own machine.

mod connect;
mod paths;
mod secret;
mod serve;

pub use connect::{Client, ConnectConfig, ConnectError, connect};
