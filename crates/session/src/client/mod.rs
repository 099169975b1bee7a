//! The client's half: connects, and answers what the engine asks from the client's own machine.

mod connect;

pub use connect::{Client, ConnectConfig, ConnectError, connect};
