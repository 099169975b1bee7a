//! The `kukri` command: the only place that reads the environment, prints and exits.
//!
//! A library so that `cargo xtask` can make the reference from the same tables. Must not know: what operations do.
#![forbid(unsafe_code)]

mod admin;
mod args;
mod colours;
mod commands;
mod completion;
mod connection;
mod core;
mod exit;
mod fail;
mod progress;
pub mod reference;
mod runs;
mod settings;
mod shared_terminal;
mod signals;
mod size;
mod telemetry;
mod width;

pub use settings::registry;

use std::process::ExitCode;

use exit::Dialect;

/// Does what the command line says; gives the status to exit with.
#[must_use]
pub fn main() -> ExitCode {
    let dialect = Dialect::of(std::env::args_os().next());
    if let Err(failure) = fail::closed_output_fails() {
        return failure.report(dialect);
    }
    let words: Vec<std::ffi::OsString> = std::env::args_os().collect();
    if let Some(code) = completion::answer(&words, dialect) {
        return code;
    }
    let mut args = match args::parse(words, dialect) {
        Ok(args) => args,
        Err(code) => return code,
    };
    // Before there are threads, to all of which the directory belongs.
    if dialect == Dialect::Dagger
        && let Some(flags) = args.command.session_mut()
        && let Err(failure) = settings::enter_workdir(&mut flags.workdir)
    {
        return failure.report(dialect);
    }
    let workers = match &args.command {
        args::Command::Engine(_) => {
            std::thread::available_parallelism().map_or(2, |count| count.get().max(2))
        }
        _ => 2,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        // Futures of deep graphs are polled on these stacks.
        .thread_stack_size(8 << 20)
        .enable_all()
        .build();
    let result = match runtime {
        Ok(runtime) => {
            let result = runtime.block_on(commands::run(args, dialect));
            // Threads that wait for a child's pipe or a slow disk must not keep the command from ending.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(fail::Failure::new(format!("cannot start: {error}"))),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(dialect),
    }
}
