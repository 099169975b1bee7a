//! The `kukri` command: the only place that reads the environment, prints and exits.
#![forbid(unsafe_code)]

mod admin;
mod args;
mod commands;
mod fail;
mod progress;
mod settings;
mod size;

use std::process::ExitCode;

use clap::Parser;

/// musl's own allocator is slow where several threads allocate. Of this one, the version that gives memory back soon after
/// it was freed, and no huge pages: both halve what stays resident after work, at the same cost of processor time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let args = args::Args::parse();
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
            let result = runtime.block_on(commands::run(args));
            // Threads that wait for a child's pipe or a slow disk must not keep the command from ending.
            runtime.shutdown_background();
            result
        }
        Err(error) => Err(fail::Failure::new(format!("cannot start: {error}"))),
    };
    match result {
        Ok(code) => code,
        Err(failure) => failure.report(),
    }
}
