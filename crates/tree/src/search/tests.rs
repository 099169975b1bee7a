//! Searches in small trees.

use super::*;
use crate::memory::Memory;
use crate::node::{BlobReader, TreeId};
use crate::testing::{Item, file, link, tree};

fn sample(memory: &Memory, files: &[(&'static str, &str)]) -> TreeId {
    let items: Vec<(&str, Item)> = files
        .iter()
        .map(|(path, content)| match content.strip_prefix("-> ") {
            Some(target) => (*path, link(target)),
            None => {
                memory.put_blob(content.as_bytes());
                (*path, file(content))
            }
        })
        .collect();
    tree(memory, &items)
}

fn search(files: &[(&'static str, &str)], query: Query) -> Vec<SearchMatch> {
    let memory = Memory::new();
    let root = sample(&memory, files);
    let search = Search::new(query).unwrap();
    let room = Room::new(1 << 20);
    let mut searching = search.searching(&room);
    let mut found = Vec::new();
    for target in search.targets(&memory, &memory, &root).unwrap() {
        let content = memory.blob(&target.blob).unwrap();
        let matches = searching.content(&target, &content, usize::MAX).unwrap();
        let read = searching.reader(&target, &content[..], usize::MAX).unwrap();
        assert_eq!(read, matches, "both ways find the same");
        found.extend(matches);
    }
    found
}

/// The time is for a debug build; an optimised one takes a twentieth of it.
#[test]
fn patterns_that_are_too_large_are_refused_early() {
    let large = [r"\w{1000}", r"(\w{100}){100}", "((a{1000}){1000}){1000}", r"\pL{2000}", ".{100000}"];
    for text in large {
        let start = std::time::Instant::now();
        let error = Search::new(pattern(text)).unwrap_err().to_string();
        assert!(error.contains(&format!("{text:?}")) && error.contains("size limit"), "{error}");
        assert!(start.elapsed() < std::time::Duration::from_secs(10), "{text}: {:?}", start.elapsed());
    }
    for text in [r"\w{100}", ".{1000}", "(a?){5000}a{5000}"] {
        Search::new(pattern(text)).unwrap();
    }
    let long = Query { literal: true, ..pattern(&"a(b".repeat(20_000)) };
    Search::new(long).unwrap();
}

fn pattern(pattern: &str) -> Query {
    Query { pattern: pattern.to_owned(), ..Query::default() }
}

/// `path:line:text` with matches in brackets.
fn lines(found: &[SearchMatch]) -> Vec<String> {
    found
        .iter()
        .map(|found| {
            let mut text = found.lines.clone();
            for part in found.parts.iter().rev() {
                assert_eq!(text[part.start as usize..part.end as usize], part.text);
                text.insert(part.end as usize, ']');
                text.insert(part.start as usize, '[');
            }
            format!("{}:{}:{text}", found.path, found.line_number)
        })
        .collect()
}

fn paths(found: &[SearchMatch]) -> Vec<&str> {
    found.iter().map(|found| &*found.path).collect()
}

#[test]
fn lines_and_places() {
    let files = [("a.txt", "one\ntwo one two\nlast one"), ("b/c.txt", "none\nno\n")];
    let found = search(&files, pattern("one"));
    assert_eq!(
        lines(&found),
        ["a.txt:1:[one]\n", "a.txt:2:two [one] two\n", "a.txt:3:last [one]", "b/c.txt:1:n[one]\n"]
    );
    assert_eq!(found.iter().map(|found| found.offset).collect::<Vec<_>>(), [0, 4, 16, 0]);
    assert_eq!(lines(&search(&files, pattern("^o.e$"))), ["a.txt:1:[one]\n"]);
    assert_eq!(lines(&search(&files, pattern("o"))[1..2]), ["a.txt:2:tw[o] [o]ne tw[o]\n"]);
    assert!(search(&files, pattern("absent")).is_empty());
}

#[test]
fn ways_to_match() {
    let files = [("a", "a.b\naxb\nA.B\n"), ("b", "x\ny\nz\n")];
    assert_eq!(paths(&search(&files, pattern("a.b"))), ["a", "a"]);
    assert_eq!(lines(&search(&files, Query { literal: true, ..pattern("a.b") })), ["a:1:[a.b]\n"]);
    let both = Query { literal: true, insensitive: true, ..pattern("a.b") };
    assert_eq!(lines(&search(&files, both)), ["a:1:[a.b]\n", "a:3:[A.B]\n"]);
    assert_eq!(lines(&search(&[("a", "a -x\n")], pattern("-x"))), ["a:1:a [-x]\n"]);
    assert_eq!(lines(&search(&files, Query { multiline: true, ..pattern("x\ny") })), ["b:1:[x\ny]\n"]);
    assert!(search(&files, Query { multiline: true, ..pattern("x.*z") }).is_empty());
    let dotall = Query { multiline: true, dotall: true, ..pattern("x.*z") };
    assert_eq!(lines(&search(&files, dotall)), ["b:1:[x\ny\nz]\n"]);
    for wrong in [pattern("("), pattern("a\nb"), Query { globs: vec!["{".to_owned()], ..pattern("a") }] {
        assert!(matches!(Search::new(wrong), Err(TreeError::Invalid(_))));
    }
}

#[test]
fn only_files() {
    let files = [("a", "x\nx\n"), ("b", "y\n"), ("c", "x\n")];
    let found = search(&files, Query { files_only: true, ..pattern("x") });
    assert_eq!(paths(&found), ["a", "c"]);
    assert!(
        found.iter().all(|found| found.line_number == 0 && found.lines.is_empty() && found.parts.is_empty())
    );
}

#[test]
fn paths_and_globs() {
    let files = [
        ("a.md", "x"),
        ("d/b.md", "x"),
        ("d/c.txt", "x"),
        ("d/e/f.md", "x"),
        ("l", "-> a.md"),
        ("ld", "-> d"),
    ];
    let with = |paths: &[&str], globs: &[&str]| {
        let list = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect();
        search(&files, Query { paths: list(paths), globs: list(globs), ..pattern("x") })
    };
    assert_eq!(paths(&with(&[], &[])), ["a.md", "d/b.md", "d/c.txt", "d/e/f.md"]);
    assert_eq!(paths(&with(&["d"], &[])), ["d/b.md", "d/c.txt", "d/e/f.md"]);
    assert_eq!(paths(&with(&["d/e/", "./d/c.txt", "d/e/f.md"], &[])), ["d/e/f.md", "d/c.txt"]);
    assert_eq!(paths(&with(&["l", "ld/e"], &[])), ["l", "ld/e/f.md"], "named links are followed");
    assert_eq!(paths(&with(&[], &["*.md"])), ["a.md", "d/b.md", "d/e/f.md"]);
    assert_eq!(paths(&with(&[], &["/*.md"])), ["a.md"]);
    assert_eq!(paths(&with(&[], &["!*.md"])), ["d/c.txt"]);
    assert_eq!(paths(&with(&[], &["*.md", "!d/e"])), ["a.md", "d/b.md"]);
    let memory = Memory::new();
    let root = sample(&memory, &files);
    for (path, message) in [("none", "none: no such file or directory"), ("../a.md", "outside")] {
        let search = Search::new(Query { paths: vec![path.to_owned()], ..pattern("x") }).unwrap();
        let error = search.targets(&memory, &memory, &root).unwrap_err().to_string();
        assert!(error.contains(message), "{error}");
    }
}

#[test]
fn hidden_and_ignored() {
    let files = [
        (".gitignore", "*.log\nbuild/\n"),
        (".hidden", "x"),
        ("a.log", "x"),
        ("build/b", "x"),
        ("sub/.ignore", "!keep.log\nc"),
        ("sub/.rgignore", "!c"),
        ("sub/c", "x"),
        ("sub/keep.log", "x"),
    ];
    let with = |skip_hidden, skip_ignored, globs: &[&str], dirs: &[&str]| {
        let list = |of: &[&str]| of.iter().map(|text| (*text).to_owned()).collect();
        let query =
            Query { skip_hidden, skip_ignored, globs: list(globs), paths: list(dirs), ..pattern("x") };
        search(&files, query).into_iter().map(|found| found.path).collect::<Vec<_>>()
    };
    let all = [".hidden", "a.log", "build/b", "sub/c", "sub/keep.log"];
    assert_eq!(with(false, false, &[], &[]), all);
    assert_eq!(with(true, false, &[], &[]), all[1..]);
    assert_eq!(with(true, true, &[], &[]), ["sub/c", "sub/keep.log"]);
    assert_eq!(with(false, true, &[], &["sub"]), ["sub/c", "sub/keep.log"], "files above count as well");
    assert_eq!(with(true, true, &[".hidden", "*.log"], &[]), [".hidden", "a.log", "sub/keep.log"]);
    assert_eq!(with(true, true, &[], &["a.log"]), ["a.log"], "what is named is searched");
}

#[test]
fn contents_that_are_not_text() {
    let files = [("a", "x\0x\nx\n"), ("b", "x\n")];
    assert_eq!(paths(&search(&files, pattern("x"))), ["b"]);
    assert!(paths(&search(&files, Query { paths: vec!["a".to_owned()], ..pattern("x") })).contains(&"a"));
    let memory = Memory::new();
    let search = Search::new(pattern("x")).unwrap();
    let blob = memory.put_blob(b"\xffx\n");
    let target = Target { path: b"a".to_vec(), blob, size: 3, named: false };
    let found = search.searching(&Room::new(1000)).content(&target, b"\xffx\n", 1).unwrap();
    assert_eq!((&*found[0].lines, found[0].parts[0].start), ("\u{fffd}x\n", 1));
}

fn target(name: &str) -> Target {
    Target { path: name.into(), blob: kukri_model::Digest::of(b""), size: 0, named: false }
}

#[test]
fn nothing_is_read_beyond_the_last_match_that_is_wanted() {
    /// Lines without an end.
    struct Endless(u64);
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += buffer.len() as u64;
            assert!(self.0 < 1 << 20, "read on after the last match");
            buffer.iter_mut().enumerate().for_each(|(at, byte)| *byte = b"line\n"[at % 5]);
            Ok(buffer.len() / 5 * 5)
        }
    }
    let room = Room::new(1 << 20);
    let search = Search::new(pattern("in")).unwrap();
    let found = search.searching(&room).reader(&target("f"), Endless(0), 3).unwrap();
    assert_eq!(lines(&found), ["f:1:l[in]e\n", "f:2:l[in]e\n", "f:3:l[in]e\n"]);
    assert_eq!(search.searching(&room).reader(&target("f"), Endless(0), 0).unwrap(), []);
    let across = Search::new(Query { multiline: true, ..pattern("a\nb") }).unwrap();
    let found = across.searching(&room).content(&target("f"), b"a\nb\nc\na\nb\n", 1).unwrap();
    assert_eq!(lines(&found), ["f:1:[a\nb]\n"]);
}

#[test]
fn matches_have_room_for_so_many_bytes() {
    let search = Search::new(pattern("a")).unwrap();
    let room = Room::new(100_000);
    let error = |content: &[u8]| {
        let found = search.searching(&room).content(&target("f"), content, usize::MAX);
        found.map_err(|error| error.to_string())
    };
    assert_eq!(error(b"a\n").map(|found| found.len()), Ok(1));
    // Many lines, and one line with many matches.
    let many = error(&b"a\n".repeat(10_000)).unwrap_err();
    assert!(many.contains("the matches take more than 0 MB; ask for fewer, with limit"), "{many}");
    let room = Room::new(100_000);
    let found = search.searching(&room).content(&target("f"), &b"a".repeat(10_000), usize::MAX);
    assert_eq!(found.unwrap_err().to_string(), many);
}
