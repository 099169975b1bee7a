//! One file for each command.

mod cache;
mod doctor;
mod engine;
mod open;
mod query;
mod run;
mod session;
pub mod version;

use crate::args::{Args, Command};
use crate::fail::Outcome;

/// Does what was asked.
pub async fn run(args: Args) -> Outcome {
    match args.command {
        Command::Run(args) => run::run(args).await,
        Command::Query(args) => query::query(args).await,
        Command::Session(args) => session::session(args).await,
        Command::Engine(args) => engine::engine(args).await,
        Command::Cache(args) => cache::cache(args).await,
        Command::Doctor => doctor::doctor().await,
        Command::Version => version::version(),
    }
}
