//! Calls and attributes that have no place in most of the code.

use std::collections::BTreeSet;
use std::ops::Range;

use super::masked::{mask, test_items};
use super::repo::Repo;
use super::{Finding, line_of};

struct Rule {
    /// Code as it is written, without the `!` or bracket after it.
    code: &'static str,
    what: &'static str,
    instead: &'static str,
    allowed: fn(&Place<'_>) -> bool,
}

/// Where a piece of code stands.
struct Place<'a> {
    path: &'a str,
    test: bool,
}

const PRINTS: &str = "only the command line prints";
const USE_TRACING: &str = "return the value or an error, or record a `tracing` event";
const EXITS: &str = "only the command line ends the process";
const READS: &str = "only the command line reads the environment";

const NO_CLOCK: &str = "this crate is tested without a clock";
const NO_DISK: &str = "this crate is tested without disk, network and processes";
const GIVE: &str = "take what is needed as a parameter or trait";

const RULES: &[Rule] = &[
    Rule { code: "println!", what: PRINTS, instead: USE_TRACING, allowed: of_a_program },
    Rule { code: "eprintln!", what: PRINTS, instead: USE_TRACING, allowed: of_a_program },
    Rule { code: "print!", what: PRINTS, instead: USE_TRACING, allowed: of_a_program },
    Rule { code: "eprint!", what: PRINTS, instead: USE_TRACING, allowed: of_a_program },
    Rule { code: "env::var", what: READS, instead: "take a config struct", allowed: of_a_program },
    Rule { code: "env::var_os", what: READS, instead: "take a config struct", allowed: of_a_program },
    Rule { code: "env::vars", what: READS, instead: "take a config struct", allowed: of_a_program },
    Rule { code: "env::vars_os", what: READS, instead: "take a config struct", allowed: of_a_program },
    Rule { code: "process::exit", what: EXITS, instead: "return an error", allowed: of_a_program },
    Rule { code: "process::abort", what: EXITS, instead: "return an error", allowed: of_a_program },
    Rule {
        code: "SystemTime::now",
        what: NO_CLOCK,
        instead: "take the time as a parameter",
        allowed: may_have_a_clock,
    },
    Rule {
        code: "Instant::now",
        what: NO_CLOCK,
        instead: "take the time as a parameter",
        allowed: may_have_a_clock,
    },
    Rule { code: "std::fs", what: NO_DISK, instead: GIVE, allowed: may_have_a_disk },
    Rule { code: "std::net", what: NO_DISK, instead: GIVE, allowed: may_have_a_disk },
    Rule { code: "std::process", what: NO_DISK, instead: GIVE, allowed: may_have_a_disk },
    Rule { code: "tokio::fs", what: NO_DISK, instead: GIVE, allowed: may_have_a_disk },
    Rule { code: "tokio::net", what: NO_DISK, instead: GIVE, allowed: may_have_a_disk },
    Rule {
        code: "unsafe",
        what: "unsafe code is only in crates/sandbox",
        instead: "use a safe call of rustix or std, or move it there",
        allowed: |place| place.path.starts_with("crates/sandbox/"),
    },
    Rule {
        code: "static mut",
        what: "mutable statics hide who changes what",
        instead: "pass the state as a parameter",
        allowed: |_| false,
    },
    Rule {
        code: "todo!",
        what: "unfinished code",
        instead: "finish it, or leave the feature out",
        allowed: |_| false,
    },
    Rule {
        code: "unimplemented!",
        what: "unfinished code",
        instead: "finish it, or leave the feature out",
        allowed: |_| false,
    },
    Rule {
        code: "#[ignore",
        what: "a test that never runs",
        instead: "run it, or return early with a message where a condition is not met",
        allowed: |_| false,
    },
];

fn of_a_program(place: &Place<'_>) -> bool {
    let program =
        ["crates/cli/", "xtask/", "bench/", "examples/"].iter().any(|start| place.path.starts_with(start));
    program || place.test || place.path.contains("/examples/") || place.path.ends_with("/build.rs")
}

fn may_have_a_clock(place: &Place<'_>) -> bool {
    of_a_program(place)
        || !["crates/model/", "crates/tree/", "crates/telemetry/"]
            .iter()
            .any(|pure| place.path.starts_with(pure))
}

/// The solver measures how long runs take, and needs nothing else from outside.
fn may_have_a_disk(place: &Place<'_>) -> bool {
    may_have_a_clock(place) && (of_a_program(place) || !place.path.starts_with("crates/solver/"))
}

/// Uses of what [`RULES`] forbid, and `allow` attributes without a reason.
pub fn check(repo: &Repo) -> Vec<Finding> {
    let sources: Vec<(&str, String)> = repo.ending(".rs").map(|(path, text)| (path, mask(text))).collect();
    let tests: BTreeSet<String> = sources.iter().flat_map(|(path, code)| test_modules(path, code)).collect();
    let mut findings = Vec::new();
    for (path, code) in &sources {
        let whole_file = is_test_file(path, &tests);
        let parts = if whole_file { Vec::new() } else { test_items(code) };
        let in_test = |at: usize| whole_file || parts.iter().any(|part: &Range<usize>| part.contains(&at));
        for rule in RULES {
            for at in uses(code, rule.code) {
                if !(rule.allowed)(&Place { path, test: in_test(at) }) {
                    let what = format!("`{}`: {}", rule.code.trim_start_matches("#["), rule.what);
                    findings.push(Finding::new(path, line_of(code, at), what, rule.instead));
                }
            }
        }
        findings.extend(allows_without_reason(path, code));
    }
    findings
}

/// Places of a piece of code as a whole word.
fn uses<'a>(code: &'a str, wanted: &'a str) -> impl Iterator<Item = usize> + 'a {
    let named = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    code.match_indices(wanted).map(|(at, _)| at).filter(move |at| {
        let bytes = code.as_bytes();
        let starts = !at.checked_sub(1).is_some_and(|before| named(bytes.get(before)));
        let ends = !named(wanted.as_bytes().last()) || !named(bytes.get(at + wanted.len()));
        starts && ends
    })
}

fn allows_without_reason(path: &str, code: &str) -> Vec<Finding> {
    ["#[allow(", "#![allow("]
        .into_iter()
        .flat_map(|start| code.match_indices(start))
        .filter(|(at, _)| {
            !code[*at..].split(']').next().is_some_and(|attribute| attribute.contains("reason ="))
        })
        .map(|(at, _)| {
            let instead = "fix it, or write `#[expect(lint, reason = \"…\")]`";
            Finding::new(path, line_of(code, at), "`allow` without a reason", instead)
        })
        .collect()
}

fn is_test_file(path: &str, modules: &BTreeSet<String>) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    path.split('/').any(|part| part == "tests")
        || name == "tests.rs"
        || modules
            .iter()
            .any(|module| path == format!("{module}.rs") || path.starts_with(&format!("{module}/")))
}

/// Modules in files of their own that `#[cfg(test)] mod name;` declares, without `.rs`.
fn test_modules(path: &str, code: &str) -> Vec<String> {
    let stem = path.trim_end_matches(".rs");
    let folder = match stem.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder,
        _ => stem,
    };
    test_items(code)
        .into_iter()
        .filter_map(|item| {
            code[item].strip_suffix(';')?.rsplit_once("mod ").map(|(_, name)| name.trim().to_owned())
        })
        .map(|name| format!("{folder}/{name}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> Vec<String> {
        check(&Repo::of([(path, text)])).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn names_what_is_forbidden() {
        for (text, part) in [
            (
                "fn a() {\n    println!(\"x\");\n}",
                "crates/a/src/b.rs:2: `println!`: only the command line prints",
            ),
            ("let a = std::env::var(\"A\");", "`env::var`: only the command line reads"),
            ("use std::process; process::exit(1)", "`process::exit`"),
            ("unsafe { a() }", "`unsafe`: unsafe code is only in crates/sandbox"),
            ("static mut A: u8 = 0;", "`static mut`"),
            ("fn a() { todo!() }", "`todo!`"),
            ("#[test]\n#[ignore = \"slow\"]\nfn a() {}", ":2: `ignore`: a test that never runs"),
            ("#[allow(\n    dead_code\n)]\nfn a() {}", ":1: `allow` without a reason"),
        ] {
            let found = found("crates/a/src/b.rs", text);
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert!(found[0].contains(part), "{found:?}");
        }
    }

    #[test]
    fn pure_crates_stay_pure() {
        for crate_ in ["model", "tree", "telemetry", "solver"] {
            let path = format!("crates/{crate_}/src/a.rs");
            let pure = crate_ != "solver";
            assert_eq!(found(&path, "let a = Instant::now();").len(), usize::from(pure), "{path}");
            assert_eq!(found(&path, "let a = SystemTime::now();").len(), usize::from(pure), "{path}");
            assert_eq!(found(&path, "std::fs::read(a); tokio::net::x();").len(), 2, "{path}");
            assert_eq!(
                found(&path, "#[cfg(test)]\nmod tests { fn a() { std::fs::read(a) } }").len(),
                0,
                "{path}"
            );
        }
        assert_eq!(found("crates/store/src/a.rs", "std::fs::read(Instant::now())").len(), 0);
    }

    #[test]
    fn leaves_alone_what_is_allowed() {
        for (path, text) in [
            ("crates/cli/src/a.rs", "println!(); std::env::var(\"A\"); process::exit(1)"),
            ("crates/a/examples/a.rs", "eprintln!()"),
            ("crates/a/tests/a.rs", "eprintln!()"),
            ("crates/sandbox/src/a.rs", "unsafe { a() }"),
            (
                "crates/a/src/a.rs",
                "// println! unsafe\nlet a = \"todo!()\"; let unsafe_code = my_println!();",
            ),
            (
                "crates/a/src/a.rs",
                "#![forbid(unsafe_code)]\nlet a = env::temp_dir(); let b = env::variables();",
            ),
            ("crates/a/src/a.rs", "#[cfg(test)]\nmod tests { fn a() { eprintln!(\"}\") } }"),
            ("crates/a/src/a.rs", "#[allow(dead_code, reason = \"…\")]\nfn a() {}"),
        ] {
            assert_eq!(found(path, text), Vec::<String>::new(), "{path}: {text}");
        }
    }

    #[test]
    fn modules_of_tests_may_have_their_own_files() {
        let repo = Repo::of([
            ("crates/a/src/b/mod.rs", "#[cfg(test)]\nmod world;\nmod work;"),
            ("crates/a/src/b/world.rs", "fn a() { println!() }"),
            ("crates/a/src/b/work.rs", "fn a() { println!() }"),
        ]);
        let files: Vec<String> = check(&repo).into_iter().map(|finding| finding.file).collect();
        assert_eq!(files, ["crates/a/src/b/work.rs"]);
    }
}
