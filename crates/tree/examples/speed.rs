//! How long the common operations take on a tree of 50,000 files: `cargo run --release -p kukri-tree --example speed`.
#![expect(clippy::print_stdout, reason = "an example shows its result")]

use std::error::Error;
use std::time::Instant;

use kukri_model::Digest;
use kukri_tree::{
    CopyOptions, Editor, Equality, FileSource, Filter, Memory, Meta, compare, diff_tree, filter, glob, hash,
};

fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let result = work();
    println!("{what:<44} {:>10.1} µs", start.elapsed().as_secs_f64() * 1e6);
    result
}

fn main() -> Result<(), Box<dyn Error>> {
    let memory = Memory::new();
    let blob = memory.put_blob(b"x");
    let file = || FileSource { blob, size: 1, meta: Meta::new(0o644), link_group: 0 };

    let mut editor = Editor::new(&memory, None)?;
    timed("add 50,000 files in 500 directories", || {
        (0..50_000).try_for_each(|at| {
            let kind = if at % 3 == 0 { "py" } else { "txt" };
            editor.set_file(format!("src/part{}/dir{}/file{at}.{kind}", at % 20, at % 500), file())
        })
    })?;
    let sealed = timed("seal them", || editor.finish())?;
    let root = memory.put(&sealed)?;

    let mut editor = Editor::new(&memory, Some(root))?;
    timed("chain of 1,000 with_new_file", || {
        (0..1000).try_for_each(|at| editor.set_file(format!("new/{at}"), file()))
    })?;
    let changed = memory.put(&timed("seal it", || editor.finish())?)?;

    let found = timed("glob **/*.py", || glob(&memory, &root, "**/*.py"))?;
    println!("  ({} found)", found.len());
    timed("glob src/part1/*/*.py", || glob(&memory, &root, "src/part1/*/*.py"))?;
    let some = Filter::new(&["**/*.py"], &["**/dir1*"], false)?;
    timed("filter **/*.py without **/dir1*", || filter(&memory, &root, &some))?;
    let few = Filter::new(&[], &["src/part3/dir3"], false)?;
    timed("filter without one directory", || filter(&memory, &root, &few))?;
    let mut ignoring = Filter::new::<&str>(&[], &[], true)?;
    ignoring.add_gitignore("", b"*.pyc\n__pycache__/\n*.py\n/build");
    timed("filter with a .gitignore", || filter(&memory, &root, &ignoring))?;
    timed("compare after 1,000 additions", || compare(&memory, &root, &changed, Equality::Content))?;
    timed("diff_tree after 1,000 additions", || diff_tree(&memory, &root, &changed))?;
    let mut editor = Editor::new(&memory, Some(root))?;
    timed("merge the whole into nothing", || editor.merge("copy", &root, CopyOptions::default()))?;
    timed("set the times of 100,000", || editor.set_times(1))?;
    timed("seal them", || editor.finish())?;
    let mut editor = Editor::new(&memory, Some(root))?;
    timed("remove **/*.py", || editor.remove("**/*.py"))?;
    timed("Directory.digest", || hash::directory_digest(&memory, &memory, &root))?;
    timed("BLAKE3 of 1 MB, to compare", || Digest::of(&vec![0; 1 << 20]));
    Ok(())
}
