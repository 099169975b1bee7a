//! `kukri help`: explains a command or a topic.

use std::process::ExitCode;

use clap_complete::engine::CompletionCandidate;

use crate::args::{self, HelpArgs};
use crate::colours;
use crate::exit::Dialect;
use crate::fail::{Failure, Outcome, out};
use crate::reference;
use crate::settings::registry;
use crate::width;

/// A name, and its text.
type Topic = (&'static str, fn() -> String);

/// What can be explained besides commands.
const TOPICS: &[Topic] = &[("environment", reference::environment), ("exit-codes", reference::exit_codes)];

/// What can be explained behind the names of commands, for completion: their own commands; first also topics and variables.
pub fn candidates(before: &[String]) -> Vec<CompletionCandidate> {
    let command = args::command(Dialect::Kukri);
    let found = before.iter().try_fold(&command, |command, word| command.find_subcommand(word));
    let commands = found.into_iter().flat_map(clap::Command::get_subcommands);
    let commands = commands
        .filter(|command| !command.is_hide_set())
        .map(|command| CompletionCandidate::new(command.get_name()).help(command.get_about().cloned()));
    if !before.is_empty() {
        return commands.collect();
    }
    let topics = TOPICS.iter().map(|(name, _)| CompletionCandidate::new(name));
    let settings =
        registry::all().map(|setting| CompletionCandidate::new(setting.name).help(Some(setting.doc.into())));
    topics.chain(commands).chain(settings).collect()
}

/// Prints the help of a command, or a topic.
pub fn help(args: &HelpArgs, dialect: Dialect) -> Outcome {
    if let [topic] = args.topic.as_slice()
        && let Some((_, text)) = TOPICS.iter().find(|(name, _)| name == topic)
    {
        out(&width::wrapped(&text(), width::of_help()))?;
        return Ok(ExitCode::SUCCESS);
    }
    if let [name] = args.topic.as_slice()
        && let Some(setting) = registry::find(name)
    {
        out(&width::wrapped(&reference::setting(setting), width::of_help()))?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut command = args::command(dialect).term_width(width::of_help());
    command.build();
    let mut found = &mut command;
    for word in &args.topic {
        found = found.find_subcommand_mut(word).ok_or_else(|| {
            let topics: Vec<&str> = TOPICS.iter().map(|(name, _)| *name).collect();
            Failure::usage(format!("there is no command or topic {:?}", args.topic.join(" "))).hint(format!(
                "commands are in `kukri --help`; topics are {}, and the names of variables",
                topics.join(", ")
            ))
        })?;
    }
    let help = found.render_long_help();
    let coloured = colours::on(&std::io::stdout());
    out(&if coloured { help.ansi().to_string() } else { help.to_string() })?;
    Ok(ExitCode::SUCCESS)
}
