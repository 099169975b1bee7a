//! Which environment variables a source reads.
//!
//! A read is a call of one of [`READERS`]. What it names is the text in its brackets, a constant of the same file, or, where
//! it is a name of the code, every text of the function around it that looks like a variable: lists of them are walked.

use std::collections::BTreeMap;

use super::line_of;
use super::masked::{mask, test_items};

/// Calls and names that read variables.
const READERS: &[&str] = &[
    // Rust: the environment itself, and what passes it on.
    "env::var",
    "env::var_os",
    "variable",
    "path_variable",
    "base_dir",
    "env.get",
    "variables.get",
    "variables.of_signal",
    "session.variable",
    // Python.
    "environ",
    "getenv",
    "getenvb",
];

/// Calls that read a variable which they do not name.
const IMPLIED: &[(&str, &str)] = &[
    ("env::home_dir", "HOME"),
    ("env::temp_dir", "TMPDIR"),
    ("tempfile::tempdir", "TMPDIR"),
    ("NamedTempFile::new", "TMPDIR"),
    ("Command::new", "PATH"),
    ("TimeZone::system", "TZ"),
    ("max_term_width", "COLUMNS"),
    ("expanduser", "HOME"),
    ("Path.home", "HOME"),
    ("shutil.which", "PATH"),
    ("tempfile.", "TMPDIR"),
];

/// Functions that read a variable which their caller names, or which the user does.
const PASS_ON: &[(&str, &str)] = &[
    ("crates/cli/src/settings.rs", "variable"),
    ("crates/cli/src/settings.rs", "path_variable"),
    ("crates/cli/src/settings.rs", "base_dir"),
    ("crates/session/src/client/provider.rs", "variable"),
    // Names that its caller has.
    ("crates/otlp/src/settings/schedule.rs", "count"),
    // Names of the registry itself.
    ("crates/cli/src/args/read.rs", "older_names"),
    // `env://NAME` of the user's pipeline, and `$NAME` of the user's files of variables.
    ("crates/session/src/client/secret.rs", "read"),
    ("crates/engine/src/objects/env_file/evaluate.rs", "values"),
];

/// A variable that is read, or a place where none can be seen.
#[derive(Debug, PartialEq, Eq)]
pub struct Read {
    /// Counted from 1.
    pub line: usize,
    /// None: it cannot be told from the code.
    pub name: Option<String>,
}

/// All reads of a file, outside of its tests.
pub fn reads(path: &str, text: &str) -> Vec<Read> {
    let rust = path.ends_with(".rs");
    let (code, literals) = if rust { (mask(text), literals(text)) } else { python(text) };
    let tests = if rust { test_items(&code) } else { Vec::new() };
    let mut found = Vec::new();
    let mut add = |at: usize, name: Option<&str>| {
        if !tests.iter().any(|test| test.contains(&at)) {
            found.push(Read { line: line_of(text, at), name: name.map(str::to_owned) });
        }
    };
    for (call, name) in IMPLIED {
        words(&code, call).for_each(|at| add(at, Some(name)));
    }
    let within = |start: usize, end: usize| {
        literals.range(start..end).map(|(_, text)| *text).filter(|text| is_name(text)).collect::<Vec<_>>()
    };
    // The engine asks clients for theirs; what it calls a variable otherwise is one of a container, or of GraphQL.
    let in_engine = ["crates/engine/", "crates/api/"].iter().any(|start| path.starts_with(start));
    for reader in READERS.iter().filter(|reader| !in_engine || reader.starts_with("session.")) {
        for at in words(&code, reader) {
            let after = at + reader.len();
            let line = code[..at].rfind('\n').map_or(0, |end| end + 1);
            let before = &code[line..at];
            if before.trim_end().ends_with("fn") || before.trim_start().starts_with("use ") {
                continue;
            }
            // In Python the environment is also an object.
            let arguments = if *reader == "environ" {
                after..code[after..].find('\n').map_or(code.len(), |end| after + end)
            } else if code[after..].starts_with('(') {
                after..closing(&code, after)
            } else if code[after..].starts_with(')') && before.ends_with("map(") {
                // A call for each text of a list.
                after..after + 1
            } else {
                continue;
            };
            let mut names = within(arguments.start, arguments.end);
            if names.is_empty() {
                names.extend(constant(&code, &literals, &code[arguments.start + 1..arguments.end]));
            }
            let function = function(&code, at);
            if names.is_empty() {
                names = within(function.start, function.end);
            }
            if names.is_empty() && !passes_on(path, &code[function.start..]) {
                add(at, None);
            }
            names.into_iter().for_each(|name| add(at, Some(name)));
        }
    }
    for attribute in words(&code, "env =").filter(|_| rust) {
        let end = code[attribute..].find([',', ')', ';']).map_or(code.len(), |end| attribute + end);
        within(attribute, end).into_iter().for_each(|name| add(attribute, Some(name)));
    }
    found
}

/// Whether a text can be the name of a variable of the environment.
pub fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    text.len() > 1
        && bytes.next().is_some_and(|byte| byte.is_ascii_uppercase() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
        && !text.ends_with('_')
}

/// Texts in double quotes on one line, by where they begin.
fn literals(text: &str) -> BTreeMap<usize, &str> {
    let mut found = BTreeMap::new();
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let mut at = start;
        for (index, part) in line.split('"').enumerate() {
            if index % 2 == 1 {
                found.insert(at, part);
            }
            at += part.len() + 1;
        }
        start += line.len();
    }
    found
}

/// Python without comments and texts of several lines; and its other texts.
fn python(text: &str) -> (String, BTreeMap<usize, &str>) {
    let mut code = String::with_capacity(text.len());
    let mut long = false;
    for line in text.split_inclusive('\n') {
        let marks = line.matches("\"\"\"").count();
        let blank = long || marks > 0 || line.trim_start().starts_with('#');
        long ^= marks % 2 == 1;
        if blank {
            code.extend(line.bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        } else {
            code.push_str(line);
        }
    }
    let texts = literals(text)
        .into_iter()
        .filter(|(at, _)| code.as_bytes().get(*at).is_some_and(|byte| *byte != b' '));
    let texts = texts.collect();
    (code, texts)
}

/// Places of a piece of code that begins and ends with whole words.
fn words<'a>(code: &'a str, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(wanted).map(|(at, _)| at).filter(move |at| {
        let bytes = code.as_bytes();
        let open_end = wanted.ends_with(|last: char| !last.is_ascii_alphanumeric());
        !at.checked_sub(1).is_some_and(|before| part(bytes.get(before)))
            && (open_end || !part(bytes.get(at + wanted.len())))
    })
}

/// Behind the bracket that closes the one at `open`.
fn closing(code: &str, open: usize) -> usize {
    let mut depth = 0usize;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => continue,
        }
        if depth == 0 {
            return at + 1;
        }
    }
    code.len()
}

/// The text of a constant that a call has as its argument.
fn constant<'a>(code: &str, literals: &BTreeMap<usize, &'a str>, argument: &str) -> Option<&'a str> {
    let name = argument.trim_matches(|c: char| "()[]& \n".contains(c));
    if !is_name(name) {
        return None;
    }
    let start =
        [format!("const {name}:"), format!("\n{name} =")].iter().find_map(|start| code.find(start))?;
    let end = code[start + 1..].find([';', '\n']).map_or(code.len(), |end| start + 1 + end);
    literals.range(start..end).map(|(_, text)| *text).next()
}

/// The function around a place: from its `fn` or `def` to the next one.
fn function(code: &str, at: usize) -> std::ops::Range<usize> {
    let starts = |code: &str| {
        let mut found: Vec<usize> = ["fn ", "def "].iter().flat_map(|word| words_of(code, word)).collect();
        found.sort_unstable();
        found
    };
    let starts = starts(code);
    let start = starts.iter().rev().find(|start| **start <= at).copied().unwrap_or(0);
    let end = starts.iter().find(|start| **start > at).copied().unwrap_or(code.len());
    start..end
}

fn words_of(code: &str, word: &str) -> Vec<usize> {
    let bytes = code.as_bytes();
    let starts = |at: &usize| at.checked_sub(1).is_none_or(|before| bytes[before].is_ascii_whitespace());
    code.match_indices(word).map(|(at, _)| at).filter(starts).collect()
}

fn passes_on(path: &str, function: &str) -> bool {
    let name = function.split(['(', '<']).next().and_then(|start| start.split_whitespace().nth(1));
    PASS_ON.iter().any(|(known, function)| *known == path && Some(*function) == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(path: &str, text: &str) -> Vec<String> {
        let mut names: Vec<String> =
            reads(path, text).into_iter().map(|read| read.name.unwrap_or("?".to_owned())).collect();
        names.sort();
        names.dedup();
        names
    }

    #[test]
    fn reads_of_rust() {
        for (text, expected) in [
            ("fn a() { std::env::var(\"ONE\"); env::var_os(\n    \"TWO\",\n) }", &["ONE", "TWO"][..]),
            ("fn a() { settings::variable(\"ONE\").map(|x| x == \"TWO\") }", &["ONE"]),
            ("fn a() { for name in [\"ONE\", \"TWO\"] { variable(name); } }", &["ONE", "TWO"]),
            ("fn a() { [\"ONE\", \"TWO\"].map(variable) }", &["ONE", "TWO"]),
            ("fn a() { let found = names.iter().find_map(variable); }", &["?"]),
            ("const HERE: &str = \"ONE\";\nfn a() { variable(HERE) }", &["ONE"]),
            ("fn a() { facts.env.get(OsStr::new(\"ONE\")) }", &["ONE"]),
            ("#[arg(long, env = \"ONE\", default_value = \"TWO\")]\nroot: u8,", &["ONE"]),
            ("fn a() { base_dir(\"XDG_ONE\", \".local\") }", &["XDG_ONE"]),
            ("fn a() { std::env::temp_dir(); Command::new(\"ls\") }", &["PATH", "TMPDIR"]),
            ("fn a(name: &str) { std::env::var(name) }", &["?"]),
            ("fn a() { command.env(\"ONE\", variable_of(\"TWO\")) } // variable(\"THREE\")", &[]),
            ("#[cfg(test)]\nmod tests { fn a() { variable(\"ONE\"); } }", &[]),
        ] {
            assert_eq!(names("crates/a/src/a.rs", text), expected, "{text}");
        }
        assert!(
            names("crates/cli/src/settings.rs", "pub fn variable(name: &str) { env::var(name) }").is_empty()
        );
    }

    #[test]
    fn reads_of_python() {
        for (text, expected) in [
            ("x = os.environ.get(\"ONE\", \"a\")\n", &["ONE"][..]),
            ("x = os.environ[\"ONE\"]\nif \"TWO\" in os.environ:\n    pass\n", &["ONE", "TWO"]),
            ("def a():\n    for name in (\"ONE\", \"TWO\"):\n        os.getenv(name)\n", &["ONE", "TWO"]),
            ("NAME = \"ONE\"\nx = os.getenv(NAME)\n", &["ONE"]),
            ("x = tempfile.mkdtemp()\ny = Path.home()\n", &["HOME", "TMPDIR"]),
            ("\"\"\"Not os.environ[\"ONE\"].\"\"\"\n# os.environ[\"TWO\"]\nenvironment = 1\n", &[]),
            ("def a(name):\n    return os.environ.get(name)\n", &["?"]),
        ] {
            assert_eq!(names("python/dagger/a.py", text), expected, "{text}");
        }
    }
}
