//! What `.gitignore` files leave out, compared with git itself on files that lie on disk.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use kukri_tree::gitignore::Gitignores;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Files of the repository that git is asked about. Directories end with a slash.
const PATHS: &[&str] = &[
    "a", "b", "ab", "aab", "z", "1", "-", "]", "[", "!", "#", "\\", "{a,b}", "a b", "a ", "a:", "A", "_",
    "x/", "x/a", "x/b", "x/ab", "x/[", "x/y/", "x/y/a", "x/y/b", "x/y/z", "ax/", "ax/b", "ax/y/", "ax/y/b",
    "d/", "d/a", "d/x/", "d/x/a", "é", "a.b", ".a",
];

/// What git says; `None` where there is no git.
fn git(directory: &Path, args: &[&str], input: &[u8]) -> Option<Vec<u8>> {
    let spawned = Command::new("git")
        .args(args)
        .current_dir(directory)
        .env("HOME", directory)
        .env("XDG_CONFIG_HOME", directory)
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return None,
        Err(error) => panic!("{error}"),
    };
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    // `check-ignore` gives 1 where nothing is ignored.
    assert!(matches!(output.status.code(), Some(0 | 1)), "{args:?}: {output:?}");
    Some(output.stdout)
}

/// Lines of characters that mean something, and of some that do not.
fn file() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        8 => prop::sample::select(vec!["a", "b", "x", "y", "z", "1", "-", "_", "é", ".", "d"]),
        6 => prop::sample::select(vec!["*", "**", "/", "/**/", "?", "**/", "/**", "/*"]),
        4 => prop::sample::select(vec!["[", "]", "!", "^", "\\", "[a-", "[!", "[^", "[]", ":]", "[[:", "-z]", "{", ",", "}"]),
        3 => prop::sample::select(vec!["[[:alpha:]]", "[[:punct:]]", "[![:digit:]]", "[[:nope:]]", "[ab]", "[a-x]", "{a,b}"]),
        1 => prop::sample::select(vec![" ", "\\ ", "#", "\t", "\r"]),
    ];
    let line = (any::<prop::sample::Index>(), prop::collection::vec(part, 1..6))
        .prop_map(|(start, parts)| ["", "", "", "!", "/"][start.index(5)].to_owned() + &parts.concat());
    prop::collection::vec(line, 1..5).prop_map(|lines| lines.join("\n"))
}

#[test]
#[expect(clippy::print_stderr, reason = "a test that is left out says why")]
fn random_files_mean_what_they_mean_to_git() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    if git(root, &["init", "-q"], b"").is_none() {
        eprintln!("not run: there is no git to compare with");
        return;
    }
    for path in PATHS {
        match path.strip_suffix('/') {
            Some(path) => fs::create_dir(root.join(path)).unwrap(),
            None => fs::write(root.join(path), "").unwrap(),
        }
    }
    let asked: Vec<&str> = PATHS.iter().map(|path| path.trim_end_matches('/')).collect();
    let input = asked.join("\0");
    let config = ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config)
        .run(&(file(), file()), |(top, inner)| {
            fs::write(root.join(".gitignore"), &top).unwrap();
            fs::write(root.join("x/.gitignore"), &inner).unwrap();
            let said = git(root, &["check-ignore", "--stdin", "-z"], input.as_bytes()).unwrap();
            let said: Vec<&str> = str::from_utf8(&said).unwrap().split_terminator('\0').collect();

            let mut rules = Gitignores::default();
            rules.add(b"", top.as_bytes());
            rules.add(b"x", inner.as_bytes());
            let is_dir = |path: &str| PATHS.iter().any(|other| other.strip_suffix('/') == Some(path));
            let ours: Vec<&str> = asked
                .iter()
                .copied()
                .filter(|path| rules.ignores_deeply(path.as_bytes(), is_dir(path)))
                .collect();
            prop_assert_eq!(ours, said, "{:?}, in x: {:?}", top, inner);
            Ok(())
        })
        .unwrap();
}
