//! Edits, against trees built from scratch.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::filter::Filter;
use crate::memory::Memory;
use crate::testing::{Item, dir, doubled, file, link, model, paths, random_items, tree};
use crate::{lookup, walk::Walk};

fn source(content: &str) -> FileSource {
    let Item::Other(EntryKind::File { meta, blob, size, link_group }) = file(content) else {
        panic!("a file")
    };
    FileSource { blob, size, meta, link_group }
}

fn edit(memory: &Memory, base: Option<TreeId>, change: impl FnOnce(&mut Editor<'_>)) -> TreeId {
    let mut editor = Editor::new(memory, base).unwrap();
    change(&mut editor);
    memory.put(&editor.finish().unwrap()).unwrap()
}

#[test]
fn building_from_nothing() {
    let memory = Memory::new();
    let built = edit(&memory, None, |editor| {
        editor.set_file("/a/b/x", source("1")).unwrap();
        editor.set_file("a/./b/../y/", source("2")).unwrap();
        editor.set_symlink("l", "a/b").unwrap();
        editor.make_dir("d/e", 0o700).unwrap();
        editor.make_dir("d", 0o700).unwrap();
    });
    let private = Item::Dir(Meta::new(0o700));
    let wanted =
        tree(&memory, &[("a/b/x", file("1")), ("a/y", file("2")), ("d/e", private), ("l", link("a/b"))]);
    assert_eq!(built, wanted);
}

#[test]
fn links_on_the_way_stay_inside() {
    let memory = Memory::new();
    let base = tree(
        &memory,
        &[
            ("usr/lib", dir()),
            ("lib", link("usr/lib")),
            ("abs", link("/usr")),
            ("out", link("../../../usr")),
            ("loop", link("loop")),
            ("dangling", link("made/here")),
        ],
    );
    let result = edit(&memory, Some(base), |editor| {
        editor.set_file("lib/1", source("1")).unwrap();
        editor.set_file("abs/lib/2", source("2")).unwrap();
        editor.set_file("out/lib/3", source("3")).unwrap();
        editor.set_file("dangling/4", source("4")).unwrap();
        editor.set_file("abs", source("5")).unwrap();
        assert_eq!(editor.set_file("loop/x", source("")), Err(TreeError::TooManyLinks("loop".into())));
        assert_eq!(editor.real_path("lib/1", Follow::All), Ok(Some(b"usr/lib/1".to_vec())));
        assert_eq!(editor.kind("lib", Follow::All), Ok(Some(Kind::Dir)));
        assert!(matches!(
            editor.kind("lib", Follow::Parents),
            Ok(Some(Kind::Other(EntryKind::Symlink { .. })))
        ));
        assert_eq!(editor.kind("nothing", Follow::All), Ok(None));
    });
    assert_eq!(
        paths(&memory, &result),
        [
            "abs",
            "dangling",
            "lib",
            "loop",
            "made/",
            "made/here/",
            "made/here/4",
            "out",
            "usr/",
            "usr/lib/",
            "usr/lib/1",
            "usr/lib/2",
            "usr/lib/3",
        ]
    );
}

#[test]
fn what_is_refused() {
    let memory = Memory::new();
    let base = tree(&memory, &[("f", file("1")), ("d/x", file("2"))]);
    let mut editor = Editor::new(&memory, Some(base)).unwrap();
    let text = |result: Result<(), TreeError>| result.unwrap_err().to_string();
    assert!(text(editor.make_dir("../x", 0o755)).contains("cannot create directory outside parent"));
    assert_eq!(text(editor.set_file("f/x", source(""))), "path f is a file, not a directory");
    assert_eq!(text(editor.set_file("d", source(""))), "path d is a directory, not a file");
    assert_eq!(text(editor.set_file("/", source(""))), "path / is a directory, not a file");
    assert_eq!(text(editor.set_file("", source(""))), "path / is a directory, not a file");
    assert_eq!(text(editor.make_dir("f", 0o755)), "path f is a file, not a directory");
    assert!(text(editor.set_file("n".repeat(256), source(""))).contains("exceeds the maximum supported 255"));
    assert_eq!(text(editor.chown("none", 1, 1, true)), "none: no such file or directory");
    assert!(editor.remove("[").is_err());
    assert_eq!(editor.finish().unwrap(), Sealed::existing(base), "nothing was done");
}

#[test]
fn a_link_target_cannot_make_a_name_that_is_too_long() {
    let memory = Memory::new();
    let base = tree(&memory, &[("l", link(&"n".repeat(256)))]);
    let mut editor = Editor::new(&memory, Some(base)).unwrap();
    assert!(matches!(editor.set_file("l/x", source("")), Err(TreeError::NameTooLong(_))));
}

#[test]
fn removing() {
    let memory = Memory::new();
    let base = tree(
        &memory,
        &[
            ("a/x.py", file("1")),
            ("a/x.txt", file("2")),
            ("a/b/y.py", file("3")),
            ("[id].ts", file("4")),
            ("i.ts", file("5")),
            ("l", link("a")),
        ],
    );
    let left = |pattern: &str| {
        let result = edit(&memory, Some(base), |editor| editor.remove(pattern).unwrap());
        paths(&memory, &result)
    };
    let all = paths(&memory, &base);
    let without = |gone: &[&str]| -> Vec<String> {
        all.iter().filter(|path| !gone.contains(&path.as_str())).cloned().collect()
    };
    assert_eq!(left("a/x.py"), without(&["a/x.py"]));
    assert_eq!(left("a"), without(&["a/", "a/x.py", "a/x.txt", "a/b/", "a/b/y.py"]));
    assert_eq!(left("a/*.py"), without(&["a/x.py"]));
    assert_eq!(left("**/*.py"), without(&["a/x.py", "a/b/y.py"]));
    assert_eq!(left("l/*.py"), without(&["a/x.py"]));
    assert_eq!(left("l"), without(&["l"]));
    assert_eq!(left("[id].ts"), without(&["[id].ts"]), "an exact name before a pattern");
    assert_eq!(left("[ij].ts"), without(&["i.ts"]));
    for nothing in ["none", "none/x", "a/x.py/z", "*.none", "none/*"] {
        assert_eq!(left(nothing), all, "{nothing}");
    }
    assert!(left("/").is_empty());
}

#[test]
fn what_changes_nothing_has_no_nodes() {
    let memory = Memory::new();
    let base = tree(&memory, &[("a/b/x", file("1")), ("c", file("2"))]);
    let mut editor = Editor::new(&memory, Some(base)).unwrap();
    editor.remove("a/none").unwrap();
    editor.remove("**/*.none").unwrap();
    editor.make_dir("a/b", 0o700).unwrap();
    editor.set_file("a/b/x", source("1")).unwrap();
    editor.set_file("a/new", source("3")).unwrap();
    editor.remove("a/new").unwrap();
    assert_eq!(editor.finish().unwrap(), Sealed::existing(base));

    let mut editor = Editor::new(&memory, Some(base)).unwrap();
    editor.set_file("a/b/x", source("other")).unwrap();
    let sealed = editor.finish().unwrap();
    assert_eq!(sealed.nodes.len(), 3);
    assert_eq!(sealed.nodes[2].0, sealed.id.stored, "the root comes last");
}

#[test]
fn metadata() {
    let memory = Memory::new();
    let base = tree(&memory, &[("d/f", file("1")), ("d/l", link("f")), ("e/g", file("2"))]);
    let result = edit(&memory, Some(base), |editor| {
        editor.set_file("d/new", source("3")).unwrap();
        editor.chown("d", 5, 6, true).unwrap();
        editor.chown("e", 7, 8, false).unwrap();
        editor.chmod("d/l", 0o600, false).unwrap();
        editor.chmod("e", 0o700, true).unwrap();
        editor.set_times(9).unwrap();
    });
    let meta = |path: &str| {
        let found = lookup(&memory, &result, path, Follow::Parents).unwrap();
        let meta = found.meta();
        assert_eq!(meta.mtime_ns, 9, "{path}");
        (meta.uid, meta.gid, meta.mode)
    };
    assert_eq!(meta(""), (0, 0, 0o755));
    assert_eq!(meta("d"), (5, 6, 0o755));
    assert_eq!(meta("d/f"), (5, 6, 0o600));
    assert_eq!(meta("d/l"), (5, 6, 0o777));
    assert_eq!(meta("d/new"), (5, 6, 0o644));
    assert_eq!(meta("e"), (7, 8, 0o700));
    assert_eq!(meta("e/g"), (0, 0, 0o700));
}

#[test]
fn edits_after_changing_everything() {
    let memory = Memory::new();
    let base = tree(&memory, &[("d/f", file("1")), ("d/g", file("2")), ("h", file("3"))]);
    let result = edit(&memory, Some(base), |editor| {
        editor.set_times(4).unwrap();
        editor.remove("d/f").unwrap();
        editor.remove("h").unwrap();
        editor.set_file("d/k", source("5")).unwrap();
    });
    assert_eq!(paths(&memory, &result), ["d/", "d/g", "d/k"]);
    let found = lookup(&memory, &result, "d/g", Follow::All).unwrap();
    assert_eq!(found.meta().mtime_ns, 4);
}

#[test]
fn merging() {
    let memory = Memory::new();
    let from = tree(
        &memory,
        &[
            ("a/new", file("n")),
            ("a/same", file("new")),
            ("own", Item::Dir(Meta::new(0o700))),
            ("own/x", file("o")),
        ],
    );
    let base = tree(&memory, &[("a/old", file("1")), ("a/same", file("old")), ("own", dir())]);
    let result =
        edit(&memory, Some(base), |editor| editor.merge("/", &from, CopyOptions::default()).unwrap());
    let wanted = tree(
        &memory,
        &[
            ("a/new", file("n")),
            ("a/old", file("1")),
            ("a/same", file("new")),
            ("own", Item::Dir(Meta::new(0o700))),
            ("own/x", file("o")),
        ],
    );
    assert_eq!(result, wanted);
}

#[test]
fn merging_into_nothing_shares() {
    let memory = Memory::new();
    let from = tree(&memory, &[("a/b/c", file("1"))]);
    let mut editor = Editor::new(&memory, None).unwrap();
    editor.merge("x/y", &from, CopyOptions::default()).unwrap();
    let sealed = editor.finish().unwrap();
    assert_eq!(sealed.nodes.len(), 2, "x and the root");
    let id = memory.put(&sealed).unwrap();
    assert_eq!(paths(&memory, &id), ["x/", "x/y/", "x/y/a/", "x/y/a/b/", "x/y/a/b/c"]);

    let whole = edit(&memory, None, |editor| editor.merge("", &from, CopyOptions::default()).unwrap());
    assert_eq!(whole, from);

    // The directory itself is made anew, whatever the source's root looks like.
    let odd = tree(&memory, &[("", Item::Dir(Meta::new(0o1777))), ("a/f", file("1"))]);
    let result = edit(&memory, None, |editor| editor.merge("t", &odd, CopyOptions::default()).unwrap());
    assert_eq!(lookup(&memory, &result, "t", Follow::All).unwrap().meta().mode, 0o755);
}

#[test]
fn merging_with_options() {
    let memory = Memory::new();
    let from = tree(
        &memory,
        &[("a/b/x.py", file("1")), ("a/b/x.txt", file("2")), ("c/y.txt", file("3")), ("l", link("a"))],
    );
    let filter = Filter::new(&["**/*.py", "l"], &[], false).unwrap();
    let options = CopyOptions { owner: Some((5, 6)), mode: Some(0o640), filter: Some(&filter) };
    let result = edit(&memory, None, |editor| editor.merge("to", &from, options).unwrap());
    assert_eq!(paths(&memory, &result), ["to/", "to/a/", "to/a/b/", "to/a/b/x.py", "to/l"]);
    for (path, mode) in [("to", 0o640), ("to/a/b", 0o640), ("to/a/b/x.py", 0o640), ("to/l", 0o777)] {
        let found = lookup(&memory, &result, path, Follow::Parents).unwrap();
        assert_eq!((found.meta().uid, found.meta().gid, found.meta().mode), (5, 6, mode), "{path}");
    }
    let nothing = Filter::new(&["none"], &[], false).unwrap();
    let options = CopyOptions { filter: Some(&nothing), ..CopyOptions::default() };
    let result = edit(&memory, None, |editor| editor.merge("to", &from, options).unwrap());
    assert_eq!(paths(&memory, &result), ["to/"]);
}

#[test]
fn merging_what_does_not_fit() {
    let memory = Memory::new();
    let from = tree(&memory, &[("d/x/y", file("1"))]);
    let base = tree(&memory, &[("t/d/x", file("2"))]);
    let mut editor = Editor::new(&memory, Some(base)).unwrap();
    let error = editor.merge("t", &from, CopyOptions::default()).unwrap_err();
    assert_eq!(error, TreeError::NotADirectory("t/d/x".into()));
    let mut editor = Editor::new(&memory, Some(from)).unwrap();
    let base_inner = tree(&memory, &[("d/x", file("2"))]);
    let error = editor.merge("/", &base_inner, CopyOptions::default()).unwrap_err();
    assert_eq!(error, TreeError::IsADirectory("d/x".into()));
}

#[test]
fn replacing() {
    let memory = Memory::new();
    let (base, other) = (tree(&memory, &[("a/x", file("1"))]), tree(&memory, &[("y", file("2"))]));
    let inner = edit(&memory, Some(base), |editor| editor.replace_subtree("a/x", &other).unwrap());
    assert_eq!(paths(&memory, &inner), ["a/", "a/x/", "a/x/y"]);
    let root = edit(&memory, Some(base), |editor| {
        editor.set_file("a/z", source("3")).unwrap();
        editor.replace_subtree("/", &other).unwrap();
    });
    assert_eq!(root, other);
}

#[test]
fn a_chain_of_a_thousand_files_is_cheap() {
    let memory = Memory::new();
    let mut editor = Editor::new(&memory, None).unwrap();
    let start = std::time::Instant::now();
    for number in 0..1000 {
        editor.set_file(format!("src/{number}"), source("x")).unwrap();
    }
    // Some 5 µs each without optimisation; a cost that follows the directory's size would be far above.
    assert!(start.elapsed().as_millis() < 500, "{:?}", start.elapsed());
    assert_eq!(editor.finish().unwrap().nodes.len(), 2);
}

#[test]
fn what_is_there_often_is_changed_once() {
    let memory = Memory::new();
    let root = crate::testing::doubled(&memory, 64, "x");
    let owned = edit(&memory, Some(root), |editor| editor.chown("", 5, 6, true).unwrap());
    let start = std::time::Instant::now();
    let copied = edit(&memory, None, |editor| {
        editor.merge("c", &root, CopyOptions { owner: Some((5, 6)), ..CopyOptions::default() }).unwrap();
        // What was made a moment ago is read and changed again.
        editor.set_file("c/a/b/new", source("new")).unwrap();
        editor.set_times(7).unwrap();
        editor.remove("c/a/b/new").unwrap();
    });
    let timed = edit(&memory, Some(owned), |editor| editor.set_times(7).unwrap());
    let crate::FoundKind::Dir { id, .. } = lookup(&memory, &copied, "c", Follow::All).unwrap().kind else {
        panic!("a directory")
    };
    assert_eq!(id, timed);
    let digest = |tree| crate::hash::directory_digest(&memory, &memory, tree).unwrap();
    assert_eq!(digest(&owned), digest(&timed));
    assert_ne!(digest(&owned), digest(&root));
    let diff = crate::diff_tree(&memory, &root, &owned).unwrap();
    assert_eq!((diff.id.content, diff.nodes.len()), (owned.content, 65));
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn depth_costs_no_stack() {
    let deep = || {
        let memory = Memory::new();
        let root = crate::testing::nested(&memory, 3000);
        let result = edit(&memory, Some(root), |editor| {
            editor.set_times(1).unwrap();
            editor
                .merge("d/d", &root, CopyOptions { owner: Some((1, 1)), ..CopyOptions::default() })
                .unwrap();
            editor.remove("**/none").unwrap();
        });
        assert_eq!(Walk::new(&memory, &result).count(), 3002);
        let taken =
            crate::filter::filter(&memory, &result, &Filter::new(&[], &["**/x"], false).unwrap()).unwrap();
        assert_eq!(taken, Sealed::existing(result));
        assert_eq!(crate::compare(&memory, &root, &result, crate::Equality::Stored).unwrap().len(), 3003);
        memory.put(&crate::diff_tree(&memory, &root, &result).unwrap()).unwrap();
        crate::hash::directory_digest(&memory, &memory, &result).unwrap();
    };
    // Without optimisation this takes 112 KiB at a depth of 30, of 3,000 and of 10,000 alike. Of the rest, a call for
    // each of the 3,000 levels would have 48 bytes.
    std::thread::Builder::new().stack_size(256 << 10).spawn(deep).unwrap().join().unwrap();
}

#[derive(Clone, Debug)]
enum Step {
    File(&'static str, &'static str),
    Dir(&'static str),
    Remove(&'static str),
    Merge(&'static str, Vec<(&'static str, Item)>),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let path = proptest::sample::select(vec!["a", "b", "a/x", "a/y", "b/x/1", "c/z", "a/x/1"]);
    let into = proptest::sample::select(vec!["", "a", "c", "new/dir"]);
    let step = prop_oneof![
        (path.clone(), proptest::sample::select(vec!["one", "two"]))
            .prop_map(|(path, text)| Step::File(path, text)),
        path.clone().prop_map(Step::Dir),
        path.prop_map(Step::Remove),
        (into, random_items()).prop_map(|(path, items)| Step::Merge(path, items)),
    ];
    proptest::collection::vec(step, 0..8)
}

/// The same edit on a plain map of paths. False when it is not allowed; then the map is as before.
fn apply(all: &mut BTreeMap<String, Item>, step: &Step) -> bool {
    let is_dir = |all: &BTreeMap<String, Item>, path: &str| match all.get(path) {
        Some(Item::Dir(_)) => Some(true),
        Some(Item::Other(_)) => Some(false),
        None => None,
    };
    let parents = |path: &str| -> Vec<String> {
        path.match_indices('/').map(|(at, _)| path[..at].to_owned()).collect()
    };
    let fits = |all: &BTreeMap<String, Item>, path: &str| {
        parents(path).iter().all(|up| is_dir(all, up) != Some(false))
    };
    let make_parents = |all: &mut BTreeMap<String, Item>, path: &str| {
        for up in parents(path) {
            all.entry(up).or_insert_with(dir);
        }
    };
    match step {
        Step::File(path, text) => {
            if !fits(all, path) || is_dir(all, path) == Some(true) {
                return false;
            }
            make_parents(all, path);
            all.insert((*path).to_owned(), file(text));
        }
        Step::Dir(path) => {
            if !fits(all, path) || is_dir(all, path) == Some(false) {
                return false;
            }
            make_parents(all, path);
            all.entry((*path).to_owned()).or_insert_with(dir);
        }
        Step::Remove(path) => {
            all.retain(|have, _| have != path && !have.starts_with(&format!("{path}/")));
        }
        Step::Merge(..) => return false,
    }
    true
}

proptest! {
    /// Any sequence of edits gives the tree that is built at once from what the edits mean.
    #[test]
    fn agrees_with_a_map_of_paths(start in random_items(), steps in steps()) {
        // Links would need the map to resolve them; they have tests of their own.
        let plain = |items: &[(&'static str, Item)]| -> Vec<(&'static str, Item)> {
            items.iter().filter(|(_, item)| !matches!(item, Item::Other(EntryKind::Symlink { .. }))).cloned().collect()
        };
        let memory = Memory::new();
        let base = tree(&memory, &plain(&start));
        let mut wanted = model(&memory, &base);
        let mut editor = Editor::new(&memory, Some(base)).unwrap();
        for step in &steps {
            if let Step::Merge(into, items) = step {
                let from = tree(&memory, &plain(items));
                let before = wanted.clone();
                let mut fine = into.is_empty() || apply(&mut wanted, &Step::Dir(into));
                for (path, item) in model(&memory, &from).into_iter().skip(1) {
                    let path = if into.is_empty() { path } else { format!("{into}/{path}") };
                    let same = wanted.get(&path).is_none_or(|old| matches!(old, Item::Dir(_)) == matches!(item, Item::Dir(_)));
                    fine &= same;
                    wanted.insert(path, item);
                }
                let mut attempt = Editor::new(&memory, None).unwrap();
                std::mem::swap(&mut attempt, &mut editor);
                // A merge that fails leaves a part behind, so it is tried on a copy.
                let now = memory.put(&attempt.finish().unwrap()).unwrap();
                editor = Editor::new(&memory, Some(now)).unwrap();
                prop_assert_eq!(editor.merge(into, &from, CopyOptions::default()).is_ok(), fine);
                if !fine {
                    wanted = before;
                    editor = Editor::new(&memory, Some(now)).unwrap();
                }
                continue;
            }
            let fine = apply(&mut wanted, step);
            let done = match step {
                Step::File(path, text) => editor.set_file(path, source(text)),
                Step::Dir(path) => editor.make_dir(path, 0o755),
                Step::Remove(path) => editor.remove(path),
                Step::Merge(..) => Ok(()),
            };
            prop_assert_eq!(done.is_ok(), fine, "{:?}", step);
        }
        let result = memory.put(&editor.finish().unwrap()).unwrap();
        prop_assert_eq!(&model(&memory, &result), &wanted);
        let entries: Vec<_> = wanted.iter().map(|(path, item)| (path.as_str(), item.clone())).collect();
        prop_assert_eq!(tree(&Memory::new(), &entries), result, "the identity too");
    }
}

#[test]
fn merging_goes_through_links_to_directories() {
    let memory = Memory::new();
    let base =
        tree(&memory, &[("usr/lib/old", file("1")), ("lib", link("usr/lib")), ("broken", link("none"))]);
    let source =
        tree(&memory, &[("lib/new", file("2")), ("lib/deep/x", file("3")), ("usr/lib", link("elsewhere"))]);
    let lib_only = Filter::new(&["lib/**"], &[], false).unwrap();
    for filter in [None, Some(&lib_only)] {
        let source = if filter.is_some() {
            source
        } else {
            tree(&memory, &[("lib/new", file("2")), ("lib/deep/x", file("3"))])
        };
        let merged = edit(&memory, Some(base), |editor| {
            let options = CopyOptions { filter, ..CopyOptions::default() };
            editor.merge("", &source, options).unwrap();
        });
        let wanted = tree(
            &memory,
            &[
                ("usr/lib/old", file("1")),
                ("usr/lib/new", file("2")),
                ("usr/lib/deep/x", file("3")),
                ("lib", link("usr/lib")),
                ("broken", link("none")),
            ],
        );
        assert_eq!(merged, wanted);
    }
    let mut editor = Editor::new(&memory, Some(base)).unwrap();
    let nowhere = tree(&memory, &[("broken/x", file("1"))]);
    let error = editor.merge("", &nowhere, CopyOptions::default()).unwrap_err();
    assert_eq!(error, TreeError::NotADirectory("broken".into()));
}

/// Trees that share their directories are small, and may have more of them than memory holds.
#[test]
fn directories_in_use_are_bounded() {
    let memory = Memory::new();
    let (root, other) = (doubled(&memory, 24, "x"), doubled(&memory, 24, "y"));
    let mut editor = Editor::new(&memory, Some(root)).unwrap();
    let error = editor.merge("", &other, CopyOptions::default()).unwrap_err();
    assert!(error.to_string().contains("would have to be changed one by one"), "{error}");
}
