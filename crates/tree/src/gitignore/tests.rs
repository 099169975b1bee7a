//! What is ignored, compared with what git says of the same files.

use super::*;

fn ignored(files: &[(&str, &str)], path: &str) -> bool {
    let mut all = Gitignores::default();
    for (dir, content) in files {
        all.add(dir.as_bytes(), content.as_bytes());
    }
    let is_dir = path.ends_with('/');
    all.ignores_deeply(path.trim_end_matches('/').as_bytes(), is_dir)
}

#[test]
fn one_file() {
    for (content, yes, no) in [
        ("*.log", &["a.log", "x/y/a.log"][..], &["log", "a.logs"][..]),
        ("/a", &["a", "a/b"], &["x/a"]),
        ("a/b", &["a/b"], &["x/a/b"]),
        ("build/", &["build/", "x/build/", "build/x"], &["build"]),
        ("a/**/z", &["a/z", "a/b/c/z"], &["z"]),
        ("# note\n\n*.o\r\n", &["x.o"], &["# note"]),
        ("*\n!keep", &["x"], &["keep"]),
        ("dir/\n!dir/keep", &["dir/keep"], &[]),
        ("\\#x\n\\!y", &["#x", "!y"], &["x"]),
        ("\u{feff}a", &["a"], &[]),
    ] {
        for path in yes {
            assert!(ignored(&[("", content)], path), "{content:?} should ignore {path}");
        }
        for path in no {
            assert!(!ignored(&[("", content)], path), "{content:?} should not ignore {path}");
        }
    }
}

#[test]
fn the_nearest_file_decides() {
    let files = [("", "*.log"), ("keep", "!*.log\n/x")];
    assert!(ignored(&files, "a.log"));
    assert!(!ignored(&files, "keep/a.log"));
    assert!(ignored(&files, "keep/x"));
    assert!(!ignored(&files, "x"));
    assert!(!ignored(&files, "keep/y/x"));
}

#[test]
fn a_walk_that_starts_below_the_top() {
    let mut all = Gitignores::new(b"sub/dir");
    all.add_outer(b"", b"/sub/dir/a\n*.o");
    all.add_outer(b"sub", b"!x.o");
    all.add(b"", b"/b");
    assert!(all.ignores(b"a", false));
    assert!(all.ignores(b"b", false));
    assert!(all.ignores(b"y.o", false));
    assert!(!all.ignores(b"x.o", false));
    assert!(!all.ignores(b"c", false));
}

/// What git 2.39 says of patterns and the files of a repository: those that are ignored, and those that are not.
const BY_GIT: &[(&str, &[&str], &[&str])] = &[
    ("{a,b}", &["{a,b}"], &["a", "b"]),
    ("[[:alpha:]]z", &["qz", "Qz"], &["1z", ":z", "[:alpha:]z", "az]"]),
    ("[[:digit:][:upper:]x-]", &["1", "Q", "x", "-"], &["q"]),
    ("[![:digit:]]", &["a"], &["1"]),
    ("[^a-c]", &["d", "^"], &["a", "b"]),
    ("[!a]", &["b", "!"], &["a"]),
    ("[]a]", &["]", "a"], &["b"]),
    ("[!]a]", &["b"], &["]", "a"]),
    ("[]-a]", &["]", "^", "_", "a"], &["b", "-"]),
    ("[a-]", &["a", "-"], &["b"]),
    ("[--/]x", &["-x", ".x"], &[]),
    ("[\\]]", &["]"], &["\\"]),
    ("[a\\-c]", &["a", "-", "c"], &["b", "\\"]),
    ("[a-\\c]", &["a", "b", "c"], &["\\"]),
    ("[[:nope:]]", &[], &["n", "[:nope:]", ":"]),
    ("[[:alpha]", &["a", "[", ":"], &["q"]),
    ("[[:]x", &["[x", ":x"], &["ax"]),
    ("[a", &[], &["a", "[a"]),
    ("\\[a", &["[a"], &["a"]),
    ("a[/]b", &[], &["a/b"]),
    ("a?b/c", &["axb/c"], &[]),
    ("x\\", &[], &["x", "x\\"]),
    ("\\{a\\}", &["{a}"], &["a"]),
    ("\\#a", &["#a"], &[]),
    ("#a", &[], &["#a"]),
    ("\\!a", &["!a"], &[]),
    ("*\n!a", &["b"], &["a"]),
    ("*\n!!a", &["a"], &["!a"]),
    ("!", &[], &["!"]),
    ("a ", &["a"], &["a "]),
    ("a\\ ", &["a "], &["a"]),
    ("a\\  ", &["a "], &["a", "a  "]),
    ("a\t", &["a\t"], &["a"]),
    (" a", &[" a"], &["a"]),
    ("a\r\n", &["a"], &["a\r"]),
    ("a\r\r\n", &["a\r"], &["a"]),
    ("a\0b", &["a"], &["b"]),
    ("a/**", &["a/x", "a/y/z"], &["b"]),
    ("**/a", &["a", "x/a"], &["xa"]),
    ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab"]),
    ("a**/b", &["a/b", "ax/b", "ax/y/b", "ab"], &["x/ab"]),
    ("a**//", &["a/", "a/x"], &["ab/", "a"]),
    ("x/a**b", &["x/ab", "x/azb"], &["x/az/b"]),
    ("*/b", &["a/b"], &["a/c/b", "b"]),
    ("a/*", &["a/x", "a/y/z"], &[]),
    ("a//", &[], &["a/x"]),
    ("/", &[], &["a/x"]),
    ("a/", &["a/x"], &["b/a"]),
    ("*a", &["a", "xa", "x/ya"], &["ab"]),
    ("**", &["a", "x/y"], &[]),
    ("x/**/**/y", &["x/y", "x/a/y"], &["xy"]),
    ("x/**\\/y", &["x/a/y", "x/a/b/y"], &["x/y"]),
    ("[[:space:]]", &[" ", "\t", "\n", "\r"], &["\x0b", "\x0c"]),
    ("[[:punct:]]", &["_", "~", "{"], &["a"]),
    ("[[:graph:]]", &["a", "~"], &[" ", "\x7f"]),
    ("[[:print:]]", &["a", "~", " "], &["\x7f", "\t"]),
    ("[[:cntrl:]]", &["\x01", "\x7f"], &["a"]),
    ("[[:blank:]]", &[" ", "\t"], &["\n"]),
    ("[[:xdigit:]]", &["f", "F", "9"], &["g"]),
    ("?", &["a"], &["é", "ab"]),
    ("??", &["é"], &[]),
    ("[é]", &[], &["é", "e"]),
];

#[test]
fn as_git_does() {
    for (content, yes, no) in BY_GIT {
        for path in *yes {
            assert!(ignored(&[("", content)], path), "{content:?} should ignore {path:?}");
        }
        for path in *no {
            assert!(!ignored(&[("", content)], path), "{content:?} should not ignore {path:?}");
        }
    }
}

#[test]
fn many_stars_take_no_time() {
    let pattern = "*a".repeat(30) + "b" + &"/**/x*y".repeat(30);
    let mut all = Gitignores::default();
    all.add(b"", pattern.as_bytes());
    assert!(!all.ignores("a".repeat(255).as_bytes(), false));
    assert!(!all.ignores("a/".repeat(2000).as_bytes(), false));
}
