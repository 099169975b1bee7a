//! What a shell asks when a user presses the key for completion.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::process::ExitCode;

use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCandidates, ArgValueCompleter, CompletionCandidate};
use clap_complete::env::EnvCompleter;

use crate::args;
use crate::commands::help;
use crate::exit::{Dialect, Status};
use crate::fail::{Failure, out};
use crate::settings::variable;

/// Names the shell in the calls that scripts of [`registration`] make.
const VARIABLE: &str = "KUKRI_COMPLETE";

/// Shells with a script of ours. They complete names of files and programs themselves, because they know how to quote them.
const OWN: &[(&str, &str)] = &[
    ("bash", include_str!("completion/bash.sh")),
    ("zsh", include_str!("completion/zsh.sh")),
    ("fish", include_str!("completion/fish.fish")),
];

/// Shells that know only candidates.
const OTHERS: &[&dyn EnvCompleter] = &[&clap_complete::env::Elvish, &clap_complete::env::Powershell];

/// The script that makes a shell ask.
pub fn registration(shell: &str, dialect: Dialect) -> Result<String, Failure> {
    let name = dialect.name();
    if let Some((_, script)) = OWN.iter().find(|(own, _)| *own == shell) {
        return Ok(script.replace("NAME", name).replace("VARIABLE", VARIABLE));
    }
    let mut script = Vec::new();
    other(shell)?.write_registration(VARIABLE, name, name, name, &mut script)?;
    Ok(String::from_utf8_lossy(&script).into_owned())
}

fn other(shell: &str) -> Result<&'static dyn EnvCompleter, Failure> {
    let found = OTHERS.iter().copied().find(|other| other.is(shell));
    found.ok_or_else(|| Failure::usage(format!("there is no completion for the shell {shell:?}")))
}

/// Answers a shell, if one asks; then the command ends.
pub fn answer(words: &[OsString], dialect: Dialect) -> Option<ExitCode> {
    let shell = variable(VARIABLE)?;
    let start = words.iter().position(|word| word == "--").map_or(words.len(), |at| at + 1);
    Some(match text(&shell, &words[start..], dialect).and_then(|text| out(&text)) {
        Ok(()) => ExitCode::SUCCESS,
        // A message in the middle of a line that is being written helps nobody.
        Err(_) => ExitCode::from(Status::Failed.number(dialect)),
    })
}

fn text(shell: &str, words: &[OsString], dialect: Dialect) -> Result<String, Failure> {
    let mut command = command(words, dialect);
    let place = std::env::current_dir().ok();
    if OWN.iter().any(|(own, _)| *own == shell) {
        return Ok(Answer::new(marked(command), words)?.text(shell));
    }
    if shell == "powershell" {
        let last = words.len().saturating_sub(1);
        let found = clap_complete::engine::complete(&mut command, words.to_vec(), last, place.as_deref())?;
        return Ok(found.iter().map(|found| line(&quoted(&value(found)), found, '\t')).collect());
    }
    let mut text = Vec::new();
    other(shell)?.write_complete(&mut command, words.to_vec(), place.as_deref(), &mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// What can be written in place of the last word.
#[derive(Debug)]
enum Answer {
    Words(Vec<CompletionCandidate>),
    /// Names of files or directories, behind so many characters of the word.
    Names(&'static str, usize),
    /// What the program takes that stands so many words before; itself, where that is none.
    Program(usize),
}

impl Answer {
    fn new(mut command: Command, words: &[OsString]) -> Result<Self, Failure> {
        let before = words_of(&command, words, "run", "command").len();
        let last = words.len().saturating_sub(1);
        let flag = words.last().is_some_and(|word| word.to_string_lossy().starts_with('-'));
        let mut found = clap_complete::engine::complete(&mut command, words.to_vec(), last, None)?;
        let mark = |found: &CompletionCandidate| {
            MARKS.iter().copied().find(|mark| found.get_id().is_some_and(|id| id == mark))
        };
        let marked = found.iter().find_map(|found| Some((mark(found)?, value(found).chars().count())));
        found.retain(|found| mark(found).is_none());
        Ok(match marked {
            Some((PROGRAM, _)) if before > 0 => Self::Program(before),
            // Both a flag and a name can stand here.
            Some((_, 0)) if flag && !found.is_empty() => Self::Words(found),
            Some((PROGRAM, _)) => Self::Program(0),
            Some((kind, behind)) => Self::Names(kind, behind),
            None => Self::Words(found),
        })
    }

    /// As the scripts read it: what it is and a number, and one word in each line behind that.
    fn text(&self, shell: &str) -> String {
        match self {
            Self::Names(kind, behind) => format!("{kind} {behind}\n"),
            Self::Program(before) => format!("{PROGRAM} {before}\n"),
            Self::Words(words) => {
                let mut text = "words 0\n".to_owned();
                for word in words {
                    let value = value(word);
                    match shell {
                        // It inserts them as they are.
                        "bash" if is_plain(&value) => _ = writeln!(text, "{value}"),
                        "bash" => (),
                        "zsh" => {
                            text.push_str(&line(&value.replace('\\', r"\\").replace(':', r"\:"), word, ':'));
                        }
                        _ => text.push_str(&line(&value, word, '\t')),
                    }
                }
                text
            }
        }
    }
}

fn value(candidate: &CompletionCandidate) -> String {
    candidate.get_value().to_string_lossy().into_owned()
}

/// A word, and what it means.
fn line(value: &str, candidate: &CompletionCandidate, between: char) -> String {
    let help = candidate.get_help().map(ToString::to_string).unwrap_or_default();
    match help.lines().next() {
        Some(help) => format!("{value}{between}{help}\n"),
        None => format!("{value}\n"),
    }
}

/// Whether a word means itself in all shells.
fn is_plain(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=+,@%".contains(c))
}

/// As PowerShell reads it: it inserts what it gets.
fn quoted(word: &str) -> String {
    if is_plain(word) && !word.starts_with('@') && !word.contains(',') {
        return word.to_owned();
    }
    let mut quoted = String::from("'");
    for c in word.chars() {
        // All of these end a text in single quotes.
        if matches!(c, '\'' | '\u{2018}'..='\u{201b}') {
            quoted.push(c);
        }
        quoted.push(c);
    }
    quoted + "'"
}

const FILES: &str = "files";
const DIRS: &str = "dirs";
const PROGRAM: &str = "program";

/// Candidates that stand for what the shell completes itself.
const MARKS: &[&str] = &[FILES, DIRS, PROGRAM];

/// With marks in place of names of files.
fn marked(command: Command) -> Command {
    let of_arg = |arg: Arg| match arg.get_value_hint() {
        ValueHint::AnyPath | ValueHint::FilePath => arg.add(mark(FILES)),
        ValueHint::DirPath => arg.add(mark(DIRS)),
        ValueHint::CommandWithArguments => arg.add(mark(PROGRAM)),
        _ => arg,
    };
    command.mut_args(of_arg).mut_subcommands(marked)
}

fn mark(id: &'static str) -> ArgValueCompleter {
    ArgValueCompleter::new(move |_: &OsStr| vec![CompletionCandidate::new("").id(Some(id.to_owned()))])
}

/// The command line with what can follow in what is written: functions, and topics of the help.
fn command(words: &[OsString], dialect: Dialect) -> Command {
    let (command, _) = args::with_functions(args::command(dialect), words);
    let topics = words_of(&command, words, "help", "topic");
    names_first(command.mut_subcommand("help", |command| {
        command.mut_arg("topic", |arg| arg.add(ArgValueCandidates::new(move || help::candidates(&topics))))
    }))
}

/// What an argument of a command has before the last word.
fn words_of(command: &Command, words: &[OsString], name: &str, argument: &str) -> Vec<String> {
    let before = &words[..words.len().saturating_sub(1)];
    if before.get(1).is_none_or(|word| word == "core") {
        return Vec::new();
    }
    let found = command.clone().ignore_errors(true).try_get_matches_from(before).ok();
    let found = found.as_ref().and_then(|found| found.subcommand_matches(name)?.get_raw(argument));
    found.into_iter().flatten().map(|word| word.to_string_lossy().into_owned()).collect()
}

/// With aliases of commands that are understood, but not shown: clap offers the one of a command that sorts first, its name or
/// an alias.
fn names_first(command: Command) -> Command {
    command.mut_subcommands(|command| {
        let aliases: Vec<String> = command.get_all_aliases().map(str::to_owned).collect();
        command.visible_alias(None::<&str>).aliases(aliases)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        line.split(' ').map(OsString::from).collect()
    }

    fn candidates(line: &str) -> Vec<String> {
        let words = words(line);
        let index = words.len() - 1;
        let mut command = command(&words, Dialect::Kukri);
        let found = clap_complete::engine::complete(&mut command, words, index, None).unwrap();
        found.iter().map(value).collect()
    }

    #[test]
    fn functions_are_known_at_each_point() {
        assert_eq!(candidates("kukri comp"), ["completion"]);
        assert!(candidates("kukri core cont").contains(&"container".to_owned()));
        assert_eq!(candidates("kukri core container from --address=alpine with-exe"), ["with-exec"]);
        assert_eq!(candidates("kukri core container from --addr"), ["--address"]);
        assert!(candidates("kukri core container with-exec --expect ").contains(&"SUCCESS".to_owned()));
        assert_eq!(candidates("kukri run --progress pl"), ["plain"]);
        assert_eq!(candidates("kukri engine --network b"), ["bridge"]);
        assert_eq!(candidates("kukri help KUKRI_PRO"), ["KUKRI_PROGRESS"]);
        assert_eq!(candidates("kukri help exit"), ["exit-codes"]);
        assert_eq!(candidates("kukri help cac"), ["cache"]);
        assert_eq!(candidates("kukri help cache pru"), ["prune"]);
        assert!(candidates("kukri help run K").is_empty());
        // Names, not what is written in their place; that is understood.
        let first = candidates("kukri ");
        assert!(
            ["run", "query", "listen"].iter().all(|name| first.contains(&(*name).to_owned())),
            "{first:?}"
        );
        assert!(first.iter().all(|word| word.len() > 1), "{first:?}");
        assert_eq!(candidates("kukri r"), ["run"]);
        assert_eq!(candidates("kukri q --var-j"), ["--var-json"]);
    }

    #[test]
    fn shells_complete_names_themselves() {
        for (line, expected) in [
            ("kukri query --doc ", "files 0\n"),
            ("kukri query --doc=a=", "files 6\n"),
            ("kukri core directory -o a", "files 0\n"),
            ("kukri core directory with-directory --path=/ --source=s", "dirs 9\n"),
            ("kukri man ", "dirs 0\n"),
            ("kukri man --he", "words 0\n--help\n"),
            ("kukri run ", "program 0\n"),
            ("kukri r --progress plain -- py", "program 0\n"),
            ("kukri run --workdir=a python x", "program 1\n"),
            ("kukri run python -m x --work", "program 3\n"),
            ("kukri run --work", "words 0\n--workdir\n"),
        ] {
            let words = words(line);
            assert_eq!(text("bash", &words, Dialect::Kukri).unwrap(), expected, "{line}");
        }
    }

    #[test]
    fn what_powershell_inserts_is_quoted() {
        for (word, expected) in [
            ("--doc=a/b.txt", "--doc=a/b.txt"),
            ("a b", "'a b'"),
            ("$(x)'\u{2019}", "'$(x)''\u{2019}\u{2019}'"),
            ("@a", "'@a'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn scripts() {
        for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
            let script = registration(shell, Dialect::Kukri).unwrap();
            assert!(script.contains("KUKRI_COMPLETE") && script.contains("kukri"), "{shell}: {script}");
            assert!(!script.contains("NAME") && !script.contains("VARIABLE"), "{script}");
        }
        assert!(registration("tcsh", Dialect::Kukri).is_err());
    }
}
