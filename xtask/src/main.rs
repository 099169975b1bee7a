//! Developer tasks: `cargo xtask <task>`.

mod codegen;
mod coverage;
mod tidy;

use std::process::ExitCode;

const HELP: &str = "\
Developer tasks.

  cargo xtask codegen [--check]   write what is made from the engine's registry; --check: only compare
  cargo xtask tidy                check the rules of the repository";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["codegen"] => codegen::run(false),
        ["codegen", "--check"] => codegen::run(true),
        ["tidy"] => tidy::run(),
        _ => Err(HELP.to_owned()),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            #[expect(clippy::print_stderr, reason = "a command line tool")]
            {
                eprintln!("{message}");
            }
            ExitCode::FAILURE
        }
    }
}
