//! From words to [`Args`], with what the environment and the name of the program add.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::builder::StyledStr;
use clap::{Arg, Command, CommandFactory, FromArgMatches, ValueHint};
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use kukri_api::Schema;

use super::Args;
use crate::colours;
use crate::core::{self, chain::Chain};
use crate::exit::{Dialect, Status};
use crate::fail::{Failure, report_usage};
use crate::settings::{self, registry, variable};
use crate::width;

/// Commands of the original that are not there, and what there is to do instead.
const ABSENT: &[(&[&str], &str)] = &[
    (
        &[
            "call",
            "functions",
            "develop",
            "init",
            "install",
            "uninstall",
            "update",
            "use",
            "publish",
            "toolchain",
            "config",
            "client",
            "module",
            "sdk",
            "workspace",
            "check",
            "generate",
            "up",
            "lock",
        ],
        "modules are not there yet; the core API is: `NAME core --help`",
    ),
    (&["shell", "mcp", "agent", "llm"], "write the pipeline as a program, or as a chain: `NAME core --help`"),
    (&["login", "logout", "cloud"], "there is no cloud behind it, and nothing to log in to"),
];

/// The command line as it is without what the environment says.
pub fn command(dialect: Dialect) -> Command {
    // Of the commands that take `-y`, this one does something.
    let command = describe(Args::command()).mut_subcommands(|command| match command.get_name() {
        "core" => command.mut_arg("auto_apply", |arg| arg.hide(false)),
        _ => command,
    });
    match dialect {
        Dialect::Kukri => command,
        Dialect::Dagger => renamed(command).name("dagger").bin_name("dagger").before_help(
            "This is kukri under the name of dagger: the same commands, with the statuses of that command.",
        ),
    }
}

/// With the other name in all texts that show what to write.
fn renamed(mut command: Command) -> Command {
    let other = |text: &StyledStr| text.to_string().replace("kukri ", "dagger ");
    if let Some(text) = command.get_after_help().map(other) {
        command = command.after_help(text);
    }
    if let Some(text) = command.get_after_long_help().map(other) {
        command = command.after_long_help(text);
    }
    let of_arg = |arg: Arg| match arg.get_help().map(other) {
        Some(_) if arg.get_id() == "workdir" => {
            arg.help("Directory to work in, as if the command were called there [default: the present one]")
        }
        Some(text) => arg.help(text),
        None => arg,
    };
    command.mut_args(of_arg).mut_subcommands(renamed)
}

/// Texts of the flags that are settings.
fn describe(command: Command) -> Command {
    let of_setting = |arg: Arg| {
        let Some(setting) = setting_of(&arg) else { return arg };
        let shown = !arg.get_default_values().is_empty();
        let arg = arg.help(setting.help(shown)).hide_env_values(true);
        if setting.kind == registry::Kind::Switch {
            return arg;
        }
        let arg = arg.value_name(setting.kind.placeholder());
        match setting.kind {
            registry::Kind::Dir => arg.value_hint(ValueHint::DirPath),
            registry::Kind::Path => arg.value_hint(ValueHint::AnyPath),
            registry::Kind::Choice(words) if arg.get_possible_values().is_empty() => {
                arg.add(ArgValueCandidates::new(move || words.iter().map(CompletionCandidate::new).collect()))
            }
            _ => arg,
        }
    };
    command.mut_args(of_setting).mut_subcommands(describe)
}

fn setting_of(arg: &Arg) -> Option<&'static registry::Setting> {
    registry::find(&arg.get_env()?.to_string_lossy())
}

/// Lets flags read the older name of their variable where only that is set.
fn older_names(command: Command) -> Command {
    let of_older = |arg: Arg| {
        let setting = setting_of(&arg).filter(|setting| variable(setting.name).is_none());
        match setting.and_then(|setting| setting.also.iter().find(|name| variable(name).is_some())) {
            Some(name) => arg.env(*name),
            None => arg,
        }
    };
    command.mut_args(of_older).mut_subcommands(older_names)
}

/// Reads the command line. What ends the command at once (help, a mistake) is printed, and gives the status.
pub fn parse(words: Vec<OsString>, dialect: Dialect) -> Result<Args, ExitCode> {
    let command = older_names(command(dialect)).color(colours::wanted()).term_width(width::of_help());
    let words = flags_after_command(&command, words);
    if let Some(failure) = absent(&words, dialect) {
        return Err(failure.report(dialect));
    }
    let (mut command, api) = with_functions(command, &words);
    let matches = command.try_get_matches_from_mut(words.clone());
    let read = matches.and_then(|matches| {
        let args = Args::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        Ok((args, matches))
    });
    let (mut args, matches) = read.map_err(|error| {
        match settings::invalid(&error, &command).filter(|(flag, _)| !is_given(&words, flag)) {
            Some((_, failure)) => failure.status(Status::Usage).report(dialect),
            None => report_usage(&error, dialect),
        }
    })?;
    if let Some(flags) = args.command.session() {
        flags.foreign.check().map_err(|failure| failure.report(dialect))?;
    }
    if let (super::Command::Core(core), Some(api), Some(found)) =
        (&mut args.command, api, matches.subcommand_matches("core"))
    {
        core.chain = Some(Chain::read(api, found).map_err(|failure| failure.report(dialect))?);
    }
    Ok(args)
}

/// Whether a flag is on the command line; else what it has is its variable's.
fn is_given(words: &[OsString], flag: &str) -> bool {
    let flag = format!("--{flag}");
    words
        .iter()
        .filter_map(|word| word.to_str())
        .any(|word| word.strip_prefix(&flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('=')))
}

/// Adds the functions of the chain, where the command is `core`.
pub fn with_functions(command: Command, words: &[OsString]) -> (Command, Option<Schema>) {
    if words.get(1).is_none_or(|word| word != "core") {
        return (command, None);
    }
    let api = core::api();
    let words: Vec<String> = words[2..].iter().map(|word| word.to_string_lossy().into_owned()).collect();
    (command.mut_subcommand("core", |command| core::tree::extend(command, &api, &words)), Some(api))
}

/// Moves flags of the session that stand before the command behind it: `kukri --progress plain query` is
/// `kukri query --progress plain`. Before a command that opens no session they mean nothing, and are left out.
fn flags_after_command(command: &Command, words: Vec<OsString>) -> Vec<OsString> {
    let Some(session) = command.find_subcommand("session") else { return words };
    let mut at = 1;
    while let Some(word) = words.get(at).and_then(|word| word.to_str()) {
        let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value)));
        let found = session.get_arguments().find(|arg| match name.strip_prefix("--") {
            Some(long) => arg.get_long() == Some(long) && long != "version",
            None => name.strip_prefix('-').is_some_and(|short| {
                !short.is_empty() && arg.get_short().is_some_and(|c| short.chars().all(|other| other == c))
            }),
        });
        let Some(found) = found else { break };
        at += if found.get_action().takes_values() && value.is_none() { 2 } else { 1 };
    }
    let found = words.get(at).and_then(|word| word.to_str()).and_then(|word| command.find_subcommand(word));
    let Some(found) = found.filter(|_| at > 1) else { return words };
    let mut moved = vec![words[0].clone(), words[at].clone()];
    if found.get_arguments().any(|arg| arg.get_long() == Some("progress")) {
        moved.extend_from_slice(&words[1..at]);
    }
    moved.extend_from_slice(&words[at + 1..]);
    moved
}

fn absent(words: &[OsString], dialect: Dialect) -> Option<Failure> {
    let word = words.get(1)?.to_str()?;
    let (_, instead) = ABSENT.iter().find(|(names, _)| names.contains(&word))?;
    Some(
        Failure::usage(format!("kukri has no command {word:?}"))
            .hint(instead.replace("NAME", dialect.name())),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(line: &str) -> String {
        let words = line.split(' ').map(OsString::from).collect();
        let words = flags_after_command(&command(Dialect::Dagger), words);
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn flags_before_the_command() {
        for (line, expected) in [
            ("dagger --progress plain -s query --doc a", "dagger query --progress plain -s --doc a"),
            ("dagger --progress=plain -vv query", "dagger query --progress=plain -vv"),
            ("dagger query -s", "dagger query -s"),
            ("dagger --workdir /a run ls -s", "dagger run --workdir /a ls -s"),
            ("dagger --nope query", "dagger --nope query"),
            ("dagger --version", "dagger --version"),
            ("dagger -s --progress plain cache du", "dagger cache du"),
            (
                "dagger -i --interactive-command sh -m . query",
                "dagger query -i --interactive-command sh -m .",
            ),
            ("dagger --progress", "dagger --progress"),
        ] {
            assert_eq!(moved(line), expected, "{line}");
        }
    }

    #[test]
    fn commands_that_are_absent_are_not_there() {
        let command = command(Dialect::Kukri);
        for name in ABSENT.iter().flat_map(|(names, _)| *names) {
            assert!(command.find_subcommand(name).is_none(), "{name} is there");
        }
    }

    #[test]
    fn under_the_other_name_all_texts_have_it() {
        fn texts(command: &mut Command, found: &mut Vec<String>) {
            found.extend(command.get_after_help().map(ToString::to_string));
            found.push(command.render_long_help().to_string());
            command.get_subcommands_mut().for_each(|command| texts(command, found));
        }
        let mut found = Vec::new();
        let mut command = command(Dialect::Dagger);
        command.build();
        texts(&mut command, &mut found);
        for text in found {
            let text = text.replace("This is kukri under", "");
            assert!(!text.contains("kukri "), "{text}");
        }
    }

    /// Words of a line as a shell reads them, without what comes from a file.
    fn words(line: &str) -> Vec<OsString> {
        let mut words = vec![String::new()];
        let mut quoted = false;
        for c in line.split(" < ").next().unwrap_or_default().chars() {
            match c {
                '\'' => quoted = !quoted,
                ' ' if !quoted => words.push(String::new()),
                c => words.last_mut().unwrap().push(c),
            }
        }
        words.into_iter().map(OsString::from).collect()
    }

    #[test]
    fn examples_of_the_help_are_right() {
        fn texts(command: &Command, found: &mut Vec<String>) {
            let text = command.get_after_long_help().or_else(|| command.get_after_help());
            let text = text.map(ToString::to_string).unwrap_or_default();
            let lines = text.lines().filter_map(|line| line.strip_prefix("  "));
            let lines: Vec<_> = lines.filter(|line| line.starts_with("kukri ")).map(str::to_owned).collect();
            let name = command.get_name();
            let plain = ["version", "man", "completion", "gc", "du", "ls", "status", "stop", "session"];
            assert!(!lines.is_empty() || plain.contains(&name), "the help of {name} shows no example");
            found.extend(lines);
            command.get_subcommands().for_each(|command| texts(command, found));
        }
        let mut found = Vec::new();
        command(Dialect::Kukri).get_subcommands().for_each(|command| texts(command, &mut found));
        assert!(found.len() > 20, "{found:?}");
        for line in found {
            let words = words(&line);
            let (command, _) = with_functions(command(Dialect::Kukri), &words);
            if let Err(error) = command.try_get_matches_from(words) {
                panic!("{line}: {error}");
            }
        }
    }

    /// Calls a function with each argument of each command that its help shows.
    fn each_argument(command: &Command, look: &mut impl FnMut(&str, &Command, &Arg)) {
        for arg in command.get_arguments().filter(|arg| !arg.is_hide_set()) {
            look(&format!("{} {}", command.get_name(), arg.get_id()), command, arg);
        }
        command.get_subcommands().for_each(|command| each_argument(command, look));
    }

    #[test]
    fn help_says_what_holds_without_a_flag() {
        each_argument(&command(Dialect::Kukri), &mut |place, _, arg| {
            let text = arg.get_help().map(ToString::to_string).unwrap_or_default();
            assert!(!text.is_empty(), "{place} has no help");
            let told = !arg.get_default_values().is_empty() || text.contains("[default: ");
            let needed = arg.is_required_set() || !arg.get_action().takes_values();
            assert!(told || needed, "{place}: what is the default?");
            assert!(!(told && needed), "{place} has no default");
        });
    }

    #[test]
    fn help_explains_each_value() {
        let mut count = 0;
        each_argument(&command(Dialect::Kukri), &mut |place, command, arg| {
            let below = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            let values = arg.get_possible_values();
            for value in values.iter().filter(|_| arg.get_action().takes_values()) {
                let line = format!("\n  {}: ", value.get_name());
                assert!(value.get_help().is_some() || below.contains(&line), "{place}: {}", value.get_name());
                count += 1;
            }
            let words = setting_of(arg).map(|setting| setting.kind);
            if let Some(registry::Kind::Choice(words)) = words.filter(|_| values.is_empty()) {
                for word in words {
                    assert!(help.contains(&format!("({word})")), "{place}: {word}");
                    count += 1;
                }
            }
        });
        assert!(count > 15, "{count}");
    }

    #[test]
    fn the_command_line_is_sound() {
        for dialect in [Dialect::Kukri, Dialect::Dagger] {
            command(dialect).debug_assert();
        }
    }
}
