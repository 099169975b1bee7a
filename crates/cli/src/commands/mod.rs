//! One file for each command.

mod browser;
mod cache;
mod care;
mod core;
mod doctor;
mod engine;
pub mod help;
mod listen;
mod man;
pub mod open;
mod query;
mod run;
mod session;
pub mod trace;
pub mod version;

pub use query::indented;

use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use crate::args::{Args, Command, CompletionArgs};
use crate::exit::{Dialect, Signal};
use crate::fail::{Failure, Outcome, out};

/// Does what was asked.
pub async fn run(args: Args, dialect: Dialect) -> Outcome {
    match args.command {
        // These have an end of their own for each signal.
        Command::Run(args) => run::run(args, dialect).await,
        Command::Session(args) => session::session(args).await,
        Command::Listen(args) => listen::listen(args).await,
        Command::Engine(args) if args.ask.is_none() => engine::engine(args).await,
        command => {
            let (mut interrupt, mut terminate) =
                (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
            // What is dropped here cancels its work in the engine.
            tokio::select! {
                outcome = short(command, dialect) => outcome,
                _ = interrupt.recv() => Err(Failure::interrupted(Signal::Interrupt)),
                _ = terminate.recv() => Err(Failure::interrupted(Signal::Terminate)),
            }
        }
    }
}

async fn short(command: Command, dialect: Dialect) -> Outcome {
    match command {
        Command::Run(args) => run::run(args, dialect).await,
        Command::Session(args) => session::session(args).await,
        Command::Listen(args) => listen::listen(args).await,
        Command::Query(args) => query::query(args).await,
        Command::Core(args) => core::core(args).await,
        Command::Engine(args) => engine::engine(args).await,
        Command::Cache(args) => cache::cache(args).await,
        Command::Trace(args) => trace::trace(args),
        Command::Doctor(args) => doctor::doctor(&args).await,
        Command::Version(args) => version::version(&args, dialect),
        Command::Completion(args) => completion(&args, dialect),
        Command::Man(args) => man::man(&args),
        Command::Help(args) => help::help(&args, dialect),
    }
}

fn completion(args: &CompletionArgs, dialect: Dialect) -> Outcome {
    out(&crate::completion::registration(&args.shell, dialect)?)?;
    Ok(ExitCode::SUCCESS)
}
