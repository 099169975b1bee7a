//! Pages of runs. What commands write may be confidential: only their user may read them, or say where they lie.

use std::fs::{self, DirBuilder, OpenOptions};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kukri_telemetry::Trace;

use super::state;
use crate::fail::Failure;

/// How long a page that was opened stays: a browser may read it again.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

const ENDING: &str = "html";

/// Writes the page of a run to a file that the user has chosen.
pub fn write_page(trace: &Trace, path: &Path) -> Result<(), Failure> {
    let mut options = OpenOptions::new();
    write(trace, path, options.write(true).create(true).truncate(true).mode(0o600))
}

/// Writes it to a new file in a directory for nothing else; gives its path. Pages of earlier days are removed there.
pub fn new_page(trace: &Trace) -> Result<PathBuf, Failure> {
    let hint = "choose a file with `kukri trace open --output FILE`";
    let directory = state()
        .ok_or_else(|| Failure::new("there is no place for the page: HOME is not set").hint(hint))?
        .join("pages");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&directory)
        .map_err(|error| Failure::new(format!("cannot make {}: {error}", directory.display())).hint(hint))?;
    // What cannot be removed now is so another time.
    let _ = remove_old(&directory);
    let path = directory.join(format!("{}-{:016x}.{ENDING}", trace.run.id, random()));
    let mut options = OpenOptions::new();
    // New, so that nothing is followed and nothing of others written to.
    write(trace, &path, options.write(true).create_new(true).mode(0o600))
        .map_err(|failure| failure.hint(hint))?;
    Ok(path)
}

fn write(trace: &Trace, path: &Path, options: &OpenOptions) -> Result<(), Failure> {
    let written = options.open(path).and_then(|mut file| file.write_all(trace.html().as_bytes()));
    written.map_err(|error| Failure::new(format!("cannot write the trace to {}: {error}", path.display())))
}

fn remove_old(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
        if entry.path().extension().is_some_and(|ending| ending == ENDING) && age > KEPT {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// From the system's random numbers.
fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}
