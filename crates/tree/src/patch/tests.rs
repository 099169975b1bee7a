//! Patches of small trees: there and back, and against what git itself writes.

use proptest::prelude::*;

use super::*;
use crate::edit::Editor;
use crate::memory::Memory;
use crate::node::{BlobReader, EntryKind, Meta, TreeError, TreeId};
use crate::testing::{Item, link, model, tree};

fn file_of(memory: &Memory, content: &[u8], mode: u32) -> Item {
    let blob = memory.put_blob(content);
    Item::Other(EntryKind::File { meta: Meta::new(mode), blob, size: content.len() as u64, link_group: 0 })
}

fn build(memory: &Memory, files: &[(&'static str, &[u8])]) -> TreeId {
    let items: Vec<_> = files
        .iter()
        .map(|(path, content)| match (path.strip_suffix('@'), path.strip_suffix('*')) {
            (Some(path), _) => (path, link(std::str::from_utf8(content).unwrap())),
            (_, Some(path)) => (path, file_of(memory, content, 0o755)),
            _ => (*path, file_of(memory, content, 0o644)),
        })
        .collect();
    tree(memory, &items)
}

/// The patch, and the longest piece in which it came.
fn patch_in_pieces(memory: &Memory, before: &TreeId, after: &TreeId) -> (Vec<u8>, usize) {
    let (mut patch, mut longest) = (Vec::new(), 0);
    let mut take = |piece: &[u8]| {
        longest = longest.max(piece.len());
        patch.extend_from_slice(piece);
        Ok(())
    };
    write_patch(memory, memory, before, after, &mut take).unwrap();
    (patch, longest)
}

fn patch(memory: &Memory, before: &TreeId, after: &TreeId) -> Vec<u8> {
    patch_in_pieces(memory, before, after).0
}

fn apply(memory: &Memory, base: &TreeId, patch: &[u8]) -> Result<TreeId, TreeError> {
    let mut editor = Editor::new(memory, Some(*base)).unwrap();
    for (_, content) in apply_patch(&mut editor, memory, patch, 0)? {
        memory.put_blob(&content);
    }
    memory.put(&editor.finish().unwrap())
}

fn text(memory: &Memory, root: &TreeId, path: &str) -> String {
    match crate::lookup(memory, root, path, crate::Follow::All).unwrap().kind {
        crate::FoundKind::Entry(EntryKind::File { blob, .. }) => {
            String::from_utf8(memory.blob(&blob).unwrap()).unwrap()
        }
        _ => panic!("not a file"),
    }
}

fn round(before: &[(&'static str, &[u8])], after: &[(&'static str, &[u8])]) -> String {
    let memory = Memory::new();
    let (before, after) = (build(&memory, before), build(&memory, after));
    let patch = patch(&memory, &before, &after);
    let result = apply(&memory, &before, &patch).unwrap();
    assert_eq!(model(&memory, &result), model(&memory, &after), "{}", String::from_utf8_lossy(&patch));
    String::from_utf8_lossy(&patch).into_owned()
}

#[test]
fn as_git_writes_it() {
    assert_eq!(
        round(&[("a.txt", b"1\n2\n3\n4\n5\n6\n7\n8\n9\n")], &[("a.txt", b"1\n2\n3\n4\nfive\n6\n7\n8\n9\n")]),
        "diff --git a/a.txt b/a.txt\nindex 0719398..4c5701d 100644\n--- a/a.txt\n+++ b/a.txt\n\
         @@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n"
    );
    assert_eq!(
        round(&[], &[("new", b"x")]),
        "diff --git a/new b/new\nnew file mode 100644\nindex 0000000..c1b0730\n--- /dev/null\n+++ b/new\n\
         @@ -0,0 +1 @@\n+x\n\\ No newline at end of file\n"
    );
    assert_eq!(
        round(&[("old", b"hello\n")], &[]),
        "diff --git a/old b/old\ndeleted file mode 100644\nindex ce01362..0000000\n--- a/old\n+++ /dev/null\n\
         @@ -1 +0,0 @@\n-hello\n"
    );
    assert_eq!(
        round(&[("run", b"x\n")], &[("run*", b"x\n")]),
        "diff --git a/run b/run\nold mode 100644\nnew mode 100755\n"
    );
    assert_eq!(
        round(&[("a", b"hello\n")], &[("sub/b", b"hello\n")]),
        "diff --git a/a b/sub/b\nsimilarity index 100%\nrename from a\nrename to sub/b\n"
    );
    assert_eq!(
        round(&[], &[("empty", b"")]),
        "diff --git a/empty b/empty\nnew file mode 100644\nindex 0000000..e69de29\n"
    );
}

#[test]
fn everything_there_and_back() {
    round(&[("bin", b"\0one")], &[("bin", b"\0two\xff")]);
    round(&[], &[("deep/in/bin", b"\0")]);
    round(&[("l@", b"a")], &[("l@", b"b")]);
    round(&[("x", b"file\n")], &[("x@", b"link")]);
    round(&[("swap", b"1\n")], &[("swap/in", b"2\n")]);
    round(&[("swap/in", b"2\n")], &[("swap", b"1\n")]);
    round(&[("a", b"1\n2\n3\n4\n5\n6\n")], &[("b*", b"1\n2\n3\n4\n5\n6\n7")]);
    round(&[("a", b"aaa\n"), ("b", b"bbb\n")], &[("a", b"bbb\n"), ("b", b"aaa\n")]);
    round(&[("a", b"no end")], &[("a", b"no end\n")]);
    round(&[("a", b"x\r\ny\r\n")], &[("a", b"x\r\nz\r\n")]);
    round(&[], &[("with space", b"1\n"), ("quote\"tab\tline\n", b"2\n"), ("\u{e4}\u{f6}", b"3\n")]);
    round(&[("with space", b"\0")], &[("with space", b"\x01\0")]);
    assert_eq!(round(&[("a", b"1")], &[("a", b"1")]), "");
}

/// Copies of a program stand beside each other; a patch with them is made of them one by one.
#[test]
fn equal_binary_contents() {
    let (one, other) = (b"\0one".as_slice(), b"\0other".as_slice());
    round(&[], &[("a", one), ("b", one), ("c", other), ("d", one)]);
    round(&[("a", one), ("b", one), ("c", other)], &[("a", other), ("b", other), ("c", one)]);
    let long: Vec<u8> =
        (0..100_000_u32).flat_map(|at| (at.wrapping_mul(0x9E37_79B1)).to_le_bytes()).collect();
    let memory = Memory::new();
    let files: Vec<_> = ["a", "b", "c", "d", "e"].into_iter().map(|name| (name, &long[..])).collect();
    let (empty, full) = (build(&memory, &[]), build(&memory, &files));
    for (before, after) in [(&empty, &full), (&full, &empty)] {
        let (patch, longest) = patch_in_pieces(&memory, before, after);
        assert_eq!(model(&memory, &apply(&memory, before, &patch).unwrap()), model(&memory, after));
        assert!(patch.len() > 5 * long.len() && longest < 2 * long.len(), "{} of {}", longest, patch.len());
    }
}

#[test]
fn lines_that_have_moved() {
    let memory = Memory::new();
    let patch = patch(
        &memory,
        &build(&memory, &[("f", b"1\n2\n3\n4\n5\n6\n7\n8\n9\n")]),
        &build(&memory, &[("f", b"1\n2\n3\n4\nfive\n6\n7\n8\n9\n")]),
    );
    let moved = build(&memory, &[("f", b"0\n0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n")]);
    let result = apply(&memory, &moved, &patch).unwrap();
    assert_eq!(text(&memory, &result, "f"), "0\n0\n1\n2\n3\n4\nfive\n6\n7\n8\n9\n");
    let other = build(&memory, &[("f", b"1\n2\n3\n4\n6\n7\n8\n9\n")]);
    let error = apply(&memory, &other, &patch).unwrap_err().to_string();
    assert_eq!(error, "patch does not apply to f: hunk at line 5 of the patch: its lines are not there");
}

#[test]
fn patches_from_elsewhere() {
    let memory = Memory::new();
    let base = build(&memory, &[("src/a.c", b"int a;\nint b;\n"), ("gone/only", b"x\n"), ("keep", b"k\n")]);
    let plain =
        b"Some words first.\n\n--- src.orig/a.c\t2020-01-01 00:00:00\n+++ src/src/a.c\t2020-01-02 00:00:00\n\
        @@ -1,2 +1,3 @@\n int a;\n+int c;\n int b;\n";
    let plain = String::from_utf8_lossy(plain)
        .replace("src.orig/a.c", "x/src/a.c")
        .replace("src/src/a.c", "y/src/a.c");
    let result = apply(&memory, &base, plain.as_bytes()).unwrap();
    assert_eq!(text(&memory, &result, "src/a.c"), "int a;\nint c;\nint b;\n");

    let removal = b"diff --git a/gone/only b/gone/only\ndeleted file mode 100644\nindex 587be6b..0000000\n\
        --- a/gone/only\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n";
    let result = apply(&memory, &base, removal).unwrap();
    assert_eq!(
        crate::entries(&memory, &result, "").unwrap(),
        ["keep", "src/"],
        "an empty directory goes as well"
    );

    let copy = b"diff --git a/keep b/more/copy\nsimilarity index 100%\ncopy from keep\ncopy to more/copy\n";
    let result = apply(&memory, &base, copy).unwrap();
    assert_eq!((&*text(&memory, &result, "keep"), &*text(&memory, &result, "more/copy")), ("k\n", "k\n"));

    let swap = b"diff --git a/keep b/src/a.c\nrename from keep\nrename to src/a.c\n\
        diff --git a/src/a.c b/keep\nrename from src/a.c\nrename to keep\n";
    let result = apply(&memory, &base, swap).unwrap();
    assert_eq!(
        (&*text(&memory, &result, "src/a.c"), &*text(&memory, &result, "keep")),
        ("k\n", "int a;\nint b;\n")
    );

    assert_eq!(apply(&memory, &base, b"").unwrap(), base);
    assert_eq!(apply(&memory, &base, b"\n").unwrap(), base);
}

#[test]
fn what_cannot_be_applied() {
    let memory = Memory::new();
    let base = build(&memory, &[("a", b"1\n"), ("d/x", b"1\n"), ("bin", b"\0")]);
    let binary = {
        let (one, other) = (build(&memory, &[("bin", b"\0a")]), build(&memory, &[("bin", b"\0b")]));
        String::from_utf8(patch(&memory, &one, &other)).unwrap()
    };
    for (patch, message) in [
        ("no patch at all", "no file that it changes"),
        ("--- a/a\n+++ b/a\n@@ -1 +1 @@\n-2\n+3\n", "its lines are not there"),
        ("--- a/none\n+++ b/none\n@@ -1 +1 @@\n-2\n+3\n", "none: no such file or directory"),
        ("--- a/d\n+++ b/d\n@@ -1 +1 @@\n-2\n+3\n", "is a directory"),
        ("--- /dev/null\n+++ b/a\n@@ -0,0 +1 @@\n+3\n", "a: it exists already"),
        ("--- a/a\n+++ b/a\n@@ -1,2 +1 @@\n-1\n", "ends too early"),
        ("--- a/a\n+++ b/a\n@@ nonsense\n", "patch"),
        ("--- /dev/null\n+++ b/../../x\n@@ -0,0 +1 @@\n+3\n", "outside"),
        ("diff --git a/x b/x\nBinary files a/x and b/x differ\n", "--binary"),
        (&binary, "its content is another"),
    ] {
        match apply(&memory, &base, patch.as_bytes()) {
            Err(error) => assert!(error.to_string().contains(message), "{patch:?}: {error}"),
            // A change without hunks does nothing.
            Ok(result) => assert_eq!((patch.contains("nonsense"), result), (true, base), "{patch:?}"),
        }
    }
}

proptest! {
    #[test]
    fn any_two_trees(
        one in proptest::collection::btree_map(proptest::sample::select(&["a", "b", "d/a", "d/b", "e/f/g"][..]), "[ab\n]{0,12}|\0[a-c]", 0..5),
        other in proptest::collection::btree_map(proptest::sample::select(&["a", "b", "d/a", "d/b", "e/f/g"][..]), "[ab\n]{0,12}|\0[a-c]", 0..5),
    ) {
        let list = |files: &std::collections::BTreeMap<&'static str, String>| {
            files.iter().map(|(path, text)| (*path, text.clone().into_bytes())).collect::<Vec<_>>()
        };
        let (one, other) = (list(&one), list(&other));
        let view = |files: &[(&'static str, Vec<u8>)]| -> Vec<(&'static str, Vec<u8>)> { files.to_vec() };
        let (one, other) = (view(&one), view(&other));
        let one: Vec<(&'static str, &[u8])> = one.iter().map(|(path, text)| (*path, &text[..])).collect();
        let other: Vec<(&'static str, &[u8])> = other.iter().map(|(path, text)| (*path, &text[..])).collect();
        round(&one, &other);
    }

    #[test]
    fn any_text_is_refused_or_applied(text in "(diff --git a/a b/a\n|--- a/a\n|[+]{3} b/a\n|@@ -1 [+]1,2 @@\n|[-+ \\\\]1\n|GIT binary patch\nliteral 3\n|index 00..11\n|\n){0,12}") {
        let memory = Memory::new();
        let base = build(&memory, &[("a", b"1\n")]);
        let _ = apply(&memory, &base, text.as_bytes());
    }
}
