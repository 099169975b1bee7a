//! The client's half: connects, and answers what the engine asks from the client's own machine.

mod budget;
mod connect;
mod export;
mod load;
mod offer;
mod paths;
mod provider;
mod read;
mod remember;
mod save;
mod secret;
mod send;
mod serve;
mod stat_cache;
mod sync;
mod telemetry;
mod walk;

pub use connect::{Client, ConnectConfig, ConnectError, OwnEvents, connect};
