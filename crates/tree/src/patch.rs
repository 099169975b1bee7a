//! Patches in the format of `git diff --binary`: writing, reading and applying them.
//!
//! A patch says less than a tree: of a file's mode only whether it can be executed, nothing of owners and times, and
//! nothing of empty directories, devices and pipes.

mod apply;
mod binary;
mod parse;
mod write;

pub use apply::apply_patch;
pub use write::write_patch;

/// Modes of git.
const MODE_FILE: u32 = 0o100_644;
const MODE_EXECUTABLE: u32 = 0o100_755;
const MODE_LINK: u32 = 0o120_000;

/// Most bytes of one content that a patch may hold.
const MAX_CONTENT: u64 = 1 << 30;

/// One file of a patch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct FilePatch {
    /// Name before; none for a new file.
    old: Option<Vec<u8>>,
    /// Name after; none for a removed file.
    new: Option<Vec<u8>>,
    old_mode: Option<u32>,
    new_mode: Option<u32>,
    /// Whether the file keeps existing under its old name.
    copy: bool,
    /// Digest of the content before, if it is told in full.
    old_id: Option<String>,
    body: Body,
}

/// What happens to the content.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
enum Body {
    /// Nothing.
    #[default]
    Same,
    /// Lines are replaced.
    Text(Vec<TextHunk>),
    /// It becomes this.
    Literal(Vec<u8>),
    /// It is built from the old one by these instructions.
    Delta(Vec<u8>),
}

/// Lines that are replaced, with lines around them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct TextHunk {
    /// Line of the patch, for messages.
    at: usize,
    /// First line in the old content, from 1; 0 when there is none.
    old_start: usize,
    /// First line in the new content.
    new_start: usize,
    lines: Vec<TextLine>,
}

/// One line of a hunk. Its text has the line's end, unless it is the last of a file without one.
#[derive(Clone, PartialEq, Eq, Debug)]
enum TextLine {
    Context(Vec<u8>),
    Removed(Vec<u8>),
    Added(Vec<u8>),
}

/// The name that git gives to a content.
fn object_id(content: &[u8]) -> String {
    use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY};
    let mut hash = Context::new(&SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(format!("blob {}\0", content.len()).as_bytes());
    hash.update(content);
    hash.finish().as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
