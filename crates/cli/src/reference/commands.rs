//! `docs/reference/cli.md`: every command with its flags, as the program reads them.

use std::fmt::Write;

use clap::{Arg, Command};

use super::{NOTE, cell};
use crate::args;
use crate::exit::Dialect;

const INTRODUCTION: &str = "\
What `kukri COMMAND --help` says. Flags that stand for variables are in [settings.md](settings.md), what commands end with
in [exit-codes.md](exit-codes.md).";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut command = args::command(Dialect::Kukri);
    command.build();
    let mut out = format!("{NOTE}# The command line\n\n{INTRODUCTION}\n");
    for shown in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        section(shown, "##", &mut out);
    }
    let _ = writeln!(out, "\n## Commands that programs start\n\nNot listed by `kukri --help`.");
    for hidden in command.get_subcommands().filter(|command| command.is_hide_set()) {
        section(hidden, "###", &mut out);
    }
    out
}

fn section(command: &Command, level: &str, out: &mut String) {
    let name = command.get_bin_name().unwrap_or_else(|| command.get_name());
    let about = command.get_long_about().or_else(|| command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(out, "\n{level} {name}\n\n{}", sentence(&about));
    let usage = command.clone().color(clap::ColorChoice::Never).render_usage().to_string();
    let usage: Vec<&str> = usage.trim_start_matches("Usage:").lines().map(str::trim).collect();
    let _ = writeln!(out, "\n```text\n{}\n```", usage.join("\n"));
    let aliases: Vec<String> =
        command.get_visible_aliases().map(|alias| format!("`kukri {alias}`")).collect();
    if !aliases.is_empty() {
        let _ = writeln!(out, "\nAlso: {}.", aliases.join(", "));
    }
    let args: Vec<&Arg> = command
        .get_arguments()
        .filter(|arg| !arg.is_hide_set() && !["help", "version"].contains(&arg.get_id().as_str()))
        .collect();
    if !args.is_empty() {
        out.push_str("\n| argument | what | default |\n|---|---|---|\n");
        args.into_iter().for_each(|arg| row(arg, out));
    }
    if let Some(text) = command.get_after_long_help().or_else(|| command.get_after_help()) {
        let _ = writeln!(out, "\n```text\n{}\n```", text.to_string().trim_end());
    }
    for below in command.get_subcommands().filter(|command| !command.is_hide_set()) {
        section(below, &format!("{level}#"), out);
    }
}

fn row(arg: &Arg, out: &mut String) {
    let value = arg.get_value_names().filter(|_| arg.get_action().takes_values());
    let value = value.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
    let mut names: Vec<String> = Vec::new();
    names.extend(arg.get_short().map(|short| format!("-{short}")));
    names.extend(arg.get_long().map(|long| format!("--{long}")));
    let name = match (names.is_empty(), value) {
        (true, value) => value.unwrap_or_default(),
        (false, Some(value)) => format!("{} {value}", names.join(", ")),
        (false, None) => names.join(", "),
    };
    let help = arg.get_long_help().or_else(|| arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let (help, mut default) = match help.split_once(" [default: ") {
        Some((help, default)) => (help.to_owned(), default.trim_end_matches(']').to_owned()),
        None => (help, String::new()),
    };
    if arg.get_action().takes_values() {
        let defaults = arg.get_default_values().iter().map(|value| format!("`{}`", value.to_string_lossy()));
        default.extend(defaults);
    }
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|value| !value.is_hide_set() && arg.get_action().takes_values())
        .map(|value| format!("`{}`", value.get_name()))
        .collect();
    let choices = if choices.is_empty() { String::new() } else { format!("; {}", choices.join(", ")) };
    let _ = writeln!(
        out,
        "| `{}` | {}{choices} | {} |",
        cell(&name),
        cell(help.trim_end_matches('.')),
        cell(&default)
    );
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with('.') { text.to_owned() } else { format!("{text}.") }
}
