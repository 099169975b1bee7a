//! Flags of the original that scripts carry and that mean nothing here: some are passed over, others refused with what to use
//! instead.

use clap::ArgAction;

use crate::fail::{Failure, err};

/// What scripts may have on their command line.
#[derive(clap::Args, Debug, Default)]
pub struct ForeignFlags {
    #[arg(short = 'i', long, hide = true)]
    interactive: bool,
    #[arg(long, hide = true, value_name = "COMMAND")]
    interactive_command: Option<String>,
    #[arg(short = 'w', long, hide = true)]
    web: bool,
    #[arg(short = 'E', long, hide = true)]
    no_exit: bool,
    #[arg(long, hide = true, value_name = "MODULES", action = ArgAction::Append)]
    allow_llm: Vec<String>,
    #[arg(long, hide = true)]
    eager_runtime: bool,
    #[arg(long, hide = true, value_name = "FIELD")]
    dot_focus_field: Option<String>,
    #[arg(long, hide = true)]
    dot_show_internal: bool,
    #[arg(long, hide = true, value_name = "FILE")]
    dot_output: Option<String>,
    #[arg(long, hide = true)]
    cloud: bool,
    #[arg(long, hide = true)]
    scale_out: bool,
    #[arg(short = 'm', long = "mod", hide = true, value_name = "MODULE")]
    module: Option<String>,
    #[arg(long, hide = true, value_name = "VERSION")]
    x_release: Option<String>,
    #[arg(long, hide = true, value_name = "MODE")]
    lock: Option<String>,
    /// There are no modules, which is what it asks for.
    #[arg(short = 'M', long, hide = true)]
    no_mod: bool,
}

/// Says on standard error that a flag changes nothing, and why.
pub fn passed_over(flag: &str, why: &str) {
    err(&format!("note: {flag} changes nothing here: {why}\n"));
}

impl ForeignFlags {
    /// Says on standard error which flags change nothing; an error for one that would have to change something.
    pub fn check(&self) -> Result<(), Failure> {
        let refused = [
            (
                self.cloud,
                "--cloud",
                "there is no cloud behind this command; without the flag steps run on this machine",
            ),
            (
                self.scale_out,
                "--scale-out",
                "steps run on one engine; `--parallelism` says how many of them at a time",
            ),
            (
                self.module.is_some(),
                "--mod",
                "modules are not there yet; write the pipeline as a program, or as a chain of `core`",
            ),
            (
                self.dot_output.is_some(),
                "--dot-output",
                "`--trace FILE` writes a page with the graph, `kukri trace show --json` prints the steps",
            ),
            (self.x_release.is_some(), "--x-release", "install the package in the version that is wanted"),
            (
                self.lock.is_some(),
                "--lock",
                "there are no lock files; pin images by their digests, as in alpine@sha256:…",
            ),
        ];
        if let Some((_, flag, instead)) = refused.into_iter().find(|(given, ..)| *given) {
            return Err(Failure::usage(format!("{flag} is a flag of another implementation")).hint(instead));
        }
        let ignored = [
            (self.interactive, "--interactive", "no terminal is opened where a step fails"),
            (
                self.interactive_command.is_some(),
                "--interactive-command",
                "no terminal is opened where a step fails",
            ),
            (self.web, "--web", "no page is opened; --trace FILE writes one"),
            (self.no_exit, "--no-exit", "the command ends when its work does"),
            (!self.allow_llm.is_empty(), "--allow-llm", "there are no modules and no models"),
            (self.eager_runtime, "--eager-runtime", "there are no modules"),
            (
                self.dot_focus_field.is_some() || self.dot_show_internal,
                "--dot-…",
                "no graph is written in that format",
            ),
        ];
        for (_, flag, why) in ignored.into_iter().filter(|(given, ..)| *given) {
            passed_over(flag, why);
        }
        Ok(())
    }
}
