//! How long reading and hashing all files of a directory takes with two threads: the least that a first sync can take.
//!
//! `hash_floor DIRECTORY [ROUNDS]` prints seconds, one line for each round. Files are found before the clock starts.

#![expect(clippy::print_stdout, reason = "a program for a terminal")]

use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use kukri_model::Digest;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let mut args = std::env::args_os().skip(1);
    let root = PathBuf::from(args.next().ok_or("usage: hash_floor DIRECTORY [ROUNDS]")?);
    let rounds = args.next().and_then(|text| text.to_str()?.parse().ok()).unwrap_or(5);
    let mut files = Vec::new();
    find(&root, &mut files)?;
    for _ in 0..rounds {
        let start = Instant::now();
        hash(&files)?;
        println!("{:.6}", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn find(directory: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            find(&entry.path(), files)?;
        } else if kind.is_file() {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn hash(files: &[PathBuf]) -> Result<(), Failure> {
    std::thread::scope(|scope| {
        let halves: Vec<_> =
            files.chunks(files.len().div_ceil(2).max(1)).map(|half| scope.spawn(|| hash_all(half))).collect();
        halves.into_iter().try_for_each(|half| half.join().map_err(|_| "a thread panicked")?)
    })
}

fn hash_all(files: &[PathBuf]) -> Result<(), Failure> {
    let mut content = Vec::new();
    for path in files {
        content.clear();
        std::fs::File::open(path)?.read_to_end(&mut content)?;
        std::hint::black_box(Digest::of(&content));
    }
    Ok(())
}
