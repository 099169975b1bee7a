//! What a shell asks when a user presses the key for completion.

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Command;
use clap_complete::env::EnvCompleter;

use crate::args;
use crate::exit::{Dialect, Status};
use crate::fail::{Failure, out};
use crate::settings::variable;

/// Names the shell in the calls that scripts of [`registration`] make.
const VARIABLE: &str = "KUKRI_COMPLETE";

/// The script that makes a shell ask.
pub fn registration(shell: &str, dialect: Dialect) -> Result<String, Failure> {
    let mut script = Vec::new();
    of_shell(shell)?.write_registration(
        VARIABLE,
        dialect.name(),
        dialect.name(),
        dialect.name(),
        &mut script,
    )?;
    let script = String::from_utf8_lossy(&script).into_owned();
    Ok(if shell == "bash" { script.replace(BASH_ASKS, &format!("{BASH_JOINS}{BASH_ASKS}")) } else { script })
}

/// Where the script for bash asks.
const BASH_ASKS: &str = "    COMPREPLY=( $( \\\n";

/// Bash takes words apart at `=` and `:`: flags with their values become whole again, and a value at the cursor stands alone,
/// because only it is replaced.
const BASH_JOINS: &str = r#"    local joined=() at last
    for ((at = 0; at < ${#words[@]}; at++)); do
        last=$((${#joined[@]} - 1))
        if [[ $at -gt 0 && $at -ne $COMP_CWORD && "${words[at]}" == [=:] && "${joined[last]}" == --* ]]; then
            if [[ $((at + 1)) -ne $COMP_CWORD ]]; then
                joined[last]+="${words[at]}${words[at + 1]}"
                if [[ $at -lt $COMP_CWORD ]]; then
                    _CLAP_COMPLETE_INDEX=$((_CLAP_COMPLETE_INDEX - 2))
                fi
                at=$((at + 1))
                continue
            elif [[ "${words[at]}" == "=" ]]; then
                _CLAP_COMPLETE_INDEX=$((_CLAP_COMPLETE_INDEX - 1))
                continue
            fi
        fi
        joined+=("${words[at]}")
    done
    words=("${joined[@]}")
"#;

/// Answers a shell, if one asks; then the command ends.
pub fn answer(words: &[OsString], dialect: Dialect) -> Option<ExitCode> {
    let shell = variable(VARIABLE)?;
    let answered = of_shell(&shell).and_then(|shell| {
        let start = words.iter().position(|word| word == "--").map_or(words.len(), |at| at + 1);
        let words = words[start..].to_vec();
        let mut command = command(&words, dialect);
        let mut text = Vec::new();
        shell.write_complete(&mut command, words, std::env::current_dir().ok().as_deref(), &mut text)?;
        out(&String::from_utf8_lossy(&text))
    });
    Some(match answered {
        Ok(()) => ExitCode::SUCCESS,
        // A message in the middle of a line that is being written helps nobody.
        Err(_) => ExitCode::from(Status::Failed.number(dialect)),
    })
}

fn of_shell(name: &str) -> Result<&'static dyn EnvCompleter, Failure> {
    SHELLS
        .iter()
        .copied()
        .find(|shell| shell.is(name))
        .ok_or_else(|| Failure::usage(format!("there is no completion for the shell {name:?}")))
}

const SHELLS: &[&dyn EnvCompleter] = &[
    &clap_complete::env::Bash,
    &clap_complete::env::Elvish,
    &clap_complete::env::Fish,
    &clap_complete::env::Powershell,
    &clap_complete::env::Zsh,
];

/// The command line with the functions that can follow in what is written.
fn command(words: &[OsString], dialect: Dialect) -> Command {
    names_first(args::with_functions(args::command(dialect), &joined(words)).0)
}

/// With aliases of commands that are understood, but not shown: clap offers the one of a command that sorts first, its name or
/// an alias.
fn names_first(command: Command) -> Command {
    command.mut_subcommands(|command| {
        let aliases: Vec<String> = command.get_all_aliases().map(str::to_owned).collect();
        command.visible_alias(None::<&str>).aliases(aliases)
    })
}

/// Bash takes words apart at `=` and `:`.
fn joined(words: &[OsString]) -> Vec<OsString> {
    let mut found: Vec<OsString> = Vec::new();
    let mut open = false;
    for word in words {
        let separator = word == "=" || word == ":";
        match found.last_mut().filter(|last| (open || separator) && last.to_string_lossy().starts_with('-')) {
            Some(last) => last.push(word),
            None => found.push(word.clone()),
        }
        open = separator;
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(line: &str) -> Vec<String> {
        let words: Vec<OsString> = line.split(' ').map(OsString::from).collect();
        let index = words.len() - 1;
        let mut command = command(&words, Dialect::Kukri);
        let found = clap_complete::engine::complete(&mut command, words, index, None).unwrap();
        found.iter().map(|candidate| candidate.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn functions_are_known_at_each_point() {
        assert_eq!(candidates("kukri comp"), ["completion"]);
        assert!(candidates("kukri core cont").contains(&"container".to_owned()));
        assert_eq!(candidates("kukri core container from --address=alpine with-exe"), ["with-exec"]);
        assert_eq!(candidates("kukri core container from --address = alpine : 3.20 with-exe"), ["with-exec"]);
        assert_eq!(candidates("kukri core container from --addr"), ["--address"]);
        assert!(candidates("kukri core container with-exec --expect ").contains(&"SUCCESS".to_owned()));
        assert_eq!(candidates("kukri run --progress pl"), ["plain"]);
        assert_eq!(candidates("kukri engine --network b"), ["bridge"]);
        assert_eq!(candidates("kukri help KUKRI_PRO"), ["KUKRI_PROGRESS"]);
        assert_eq!(candidates("kukri help exit"), ["exit-codes"]);
        assert_eq!(candidates("kukri help cac"), ["cache"]);
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
    fn scripts() {
        for shell in ["bash", "zsh", "fish", "powershell"] {
            let script = registration(shell, Dialect::Kukri).unwrap();
            assert!(script.contains("KUKRI_COMPLETE") && script.contains("kukri"), "{shell}: {script}");
            assert_eq!(script.contains(BASH_JOINS), shell == "bash", "{script}");
        }
        assert!(registration("tcsh", Dialect::Kukri).is_err());
    }
}
