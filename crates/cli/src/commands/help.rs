//! `kukri help`: explains a command or a topic.

use std::process::ExitCode;

use crate::args::{self, HelpArgs};
use crate::exit::Dialect;
use crate::fail::{Failure, Outcome, out};
use crate::reference;

/// A name, and its text.
type Topic = (&'static str, fn() -> String);

/// What can be explained besides commands.
const TOPICS: &[Topic] = &[("environment", reference::environment), ("exit-codes", reference::exit_codes)];

/// Prints the help of a command, or a topic.
pub fn help(args: &HelpArgs, dialect: Dialect) -> Outcome {
    if let [topic] = args.topic.as_slice()
        && let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == topic)
    {
        out(&text())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = args::command(dialect);
    command.build();
    let mut found = &mut command;
    for word in &args.topic {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            let topics: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).collect();
            Failure::usage(format!("there is no command or topic {:?}", args.topic.join(" ")))
                .hint(format!("commands are in `kukri --help`; topics are {}", topics.join(", ")))
        })?;
    }
    out(&found.render_long_help().to_string())?;
    Ok(ExitCode::SUCCESS)
}
