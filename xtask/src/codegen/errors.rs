//! `docs/reference/errors.md`: kinds of errors, from the tables that the engine, the command and the Python package have.

use std::fmt::Write;
use std::fs;

use kukri_api::error::kinds;
use kukri_api::error::kinds::answers::{Extension, FailedAnswer, OF_SESSIONS};
use kukri_cli::reference;

use super::files::Output;

const INTRODUCTION: &str = "\
What can go wrong, how it shows to each kind of client, and what to do. Messages name the thing that is wrong; this page says \
which kinds of them there are. What commands end with is in [exit-codes.md](exit-codes.md).";

const ANSWERS: &str = "\
An answer of the API that has an error has no data: `data` is null, and `errors` has one entry with `message`, mostly `path`, \
and for some kinds `extensions`. The Python package raises an exception with the same; `kukri query` and `kukri core` print \
the message to standard error.";

const STATUSES: &str = "\
What the Python package adds to an `ExecError` as `hint`. Other statuses mean what the command says they do.";

const PYTHON: &str = "\
Each is a class of `dagger`, and is below the one in the second column. [Python package](python.md#errors) has their tree.";

const ENGINE: &str = "\
A command or program that finds no engine starts one. Where that fails, it ends with status 1 (Python: `SessionError`), and \
the message has the end of the engine's log. `kukri doctor` says what the machine lacks.";

/// Writes the page.
pub fn write(out: &mut Output<'_>) -> Result<(), String> {
    let path = out.root().join("python/dagger/_errors.py");
    let source = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    out.file("docs/reference/errors.md", &page(&source)?)
}

fn page(python: &str) -> Result<String, String> {
    let classes = classes(python);
    let mut page =
        format!("{}# Errors\n\n{INTRODUCTION}\n\n## Answers of the API\n\n{ANSWERS}\n", reference::NOTE);
    for kind in kinds::OF_ENGINES.iter().chain(OF_SESSIONS) {
        if !classes.iter().any(|class| class.name == kind.python) {
            return Err(format!("{:?}: the Python package has no exception {}", kind.name, kind.python));
        }
        section(kind, &mut page);
    }
    let _ = writeln!(
        page,
        "\n## Exit statuses of commands in containers\n\n{STATUSES}\n\n| status | hint |\n|---|---|"
    );
    for (status, hint) in hints(python) {
        let _ = writeln!(page, "| {status} | {hint} |");
    }
    let _ = writeln!(
        page,
        "\n## Exceptions of the Python package\n\n{PYTHON}\n\n| exception | is a | when |\n|---|---|---|"
    );
    for class in &classes {
        let _ =
            writeln!(page, "| `{}` | `{}` | {} |", class.name, class.base, class.when.trim_end_matches('.'));
    }
    let _ = writeln!(page, "\n## No engine\n\n{ENGINE}\n\n| what | next |\n|---|---|");
    for (what, next) in reference::engine_causes() {
        let _ = writeln!(page, "| {what} | {next} |");
    }
    Ok(page)
}

fn section(kind: &FailedAnswer, page: &mut String) {
    let extensions: Vec<String> = kind
        .extensions
        .iter()
        .map(|extension| match extension {
            Extension::Fixed(key, value) => format!("`{key}`: `{value}`"),
            Extension::Holds(key, what) => format!("`{key}`: {what}"),
        })
        .collect();
    let extensions = if extensions.is_empty() { "none".to_owned() } else { extensions.join("; ") };
    let passes = kind.extensions.iter().any(|extension| extension.key() == "exitCode");
    let ends = if passes { "the status of the command" } else { "1" };
    let _ = writeln!(page, "\n### {}\n\n{}\n\n**Next:** {}\n", kind.name, kind.meaning, kind.next);
    let _ = writeln!(page, "| where | what |\n|---|---|");
    let _ = writeln!(page, "| HTTP status | {} |", kind.status.as_u16());
    let _ = writeln!(page, "| `extensions` | {extensions} |");
    let _ = writeln!(page, "| Python | `dagger.{}` |", kind.python);
    let _ = writeln!(page, "| `kukri query`, `kukri core` end with | {ends} |");
}

struct Class<'a> {
    name: &'a str,
    base: &'a str,
    when: &'a str,
}

/// The exceptions of the package, each with the first line of its description.
fn classes(python: &str) -> Vec<Class<'_>> {
    let mut found: Vec<Class<'_>> = Vec::new();
    let mut lines = python.lines();
    while let Some(line) = lines.next() {
        let Some((name, base)) = line
            .strip_prefix("class ")
            .and_then(|rest| rest.strip_suffix("):"))
            .and_then(|rest| rest.split_once('('))
        else {
            continue;
        };
        let known = ["Exception", "Warning"].contains(&base) || found.iter().any(|class| class.name == base);
        if known && let Some(when) = lines.next().and_then(|line| line.trim().strip_prefix("\"\"\"")) {
            found.push(Class { name, base, when: when.trim_end_matches("\"\"\"") });
        }
    }
    found
}

/// The table of exit statuses with their hints.
fn hints(python: &str) -> Vec<(&str, &str)> {
    let table = python.split_once("\nHINTS = {\n").map_or("", |(_, rest)| rest);
    table
        .lines()
        .take_while(|line| *line != "}")
        .filter_map(|line| line.trim().trim_end_matches(',').split_once(": "))
        .map(|(status, hint)| (status, hint.trim_matches('"')))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON_FILE: &str = include_str!("../../../python/dagger/_errors.py");

    #[test]
    fn the_file_of_the_package_is_understood() {
        let classes = classes(PYTHON_FILE);
        let bases = |name: &str| classes.iter().find(|class| class.name == name).map(|class| class.base);
        assert_eq!(bases("DaggerError"), Some("Exception"));
        assert_eq!(bases("ExecError"), Some("QueryError"));
        assert_eq!(bases("QueryErrorValue"), None);
        assert!(classes.iter().all(|class| class.when.len() > 10), "each has a description");
        assert!(
            hints(PYTHON_FILE).iter().any(|(status, hint)| *status == "127" && hint.contains("not found"))
        );
    }

    #[test]
    fn an_exception_that_is_not_there_is_an_error() {
        assert!(page("class QueryError(Exception):\n    \"\"\"It.\"\"\"\n").is_err());
        assert!(page(PYTHON_FILE).is_ok_and(|page| page.contains("`cmd`: ")));
    }
}
