//! Texts as lines: what of them differs, as `git diff` has it, and merging two changes of one text.

use std::ops::Range;

use imara_diff::{Algorithm, Diff, InternedInput};

/// Longest content that is looked at as text, in bytes; longer ones are treated as binary.
pub const TEXT_LIMIT: u64 = 64 << 20;

/// How much of a content decides whether it is binary, as in git.
const BINARY_WINDOW: usize = 8000;

/// Whether a content is not text: it has a NUL near its beginning, or is too long.
#[must_use]
pub fn is_binary(content: &[u8]) -> bool {
    content.len() as u64 > TEXT_LIMIT || content[..content.len().min(BINARY_WINDOW)].contains(&0)
}

/// Lines with their ends; the last one may have none.
#[must_use]
pub fn split(content: &[u8]) -> Vec<&[u8]> {
    content.split_inclusive(|byte| *byte == b'\n').collect()
}

/// Lines that were replaced by others, by their numbers from 0.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hunk {
    /// Lines of the earlier text.
    pub before: Range<usize>,
    /// Lines of the later text.
    pub after: Range<usize>,
}

/// What differs, in order.
#[must_use]
pub fn hunks(before: &[u8], after: &[u8]) -> Vec<Hunk> {
    let input = InternedInput::new(before, after);
    let mut diff = Diff::compute(Algorithm::Myers, &input);
    diff.postprocess_lines(&input);
    let range = |range: Range<u32>| range.start as usize..range.end as usize;
    diff.hunks().map(|hunk| Hunk { before: range(hunk.before), after: range(hunk.after) }).collect()
}

/// Which side wins where both changed the same lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Prefer {
    /// None: it is a conflict, which stands in the result between markers.
    Neither,
    /// The first.
    Ours,
    /// The second.
    Theirs,
}

/// Two changes of one text in one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Merged {
    /// The text.
    pub content: Vec<u8>,
    /// How many conflicts stand in it between markers.
    pub conflicts: usize,
}

/// Merges the changes that two texts made to `base`. Changes that overlap or touch are a conflict, as in git, unless they
/// are equal.
#[must_use]
pub fn merge(base: &[u8], ours: &[u8], theirs: &[u8], prefer: Prefer) -> Merged {
    let (one, other) = (hunks(base, ours), hunks(base, theirs));
    let (base_lines, our_lines, their_lines) = (split(base), split(ours), split(theirs));
    let mut merged = Merged { content: Vec::with_capacity(ours.len().max(theirs.len())), conflicts: 0 };
    // How far the three texts are done.
    let (mut at, mut at_one, mut at_other) = (0, 0, 0);
    let (mut left, mut right) = (one.iter().peekable(), other.iter().peekable());
    while let Some(start) = [left.peek(), right.peek()].iter().flatten().map(|hunk| hunk.before.start).min() {
        let mut end = start;
        let (mut changed_one, mut changed_other) = (false, false);
        // Lines of a side beyond those of the base, within this region.
        let (mut shift_one, mut shift_other) = (0_isize, 0_isize);
        loop {
            let mut grown = false;
            while let Some(hunk) = left.next_if(|hunk| hunk.before.start <= end) {
                (end, changed_one, grown) = (end.max(hunk.before.end), true, true);
                shift_one += hunk.after.len() as isize - hunk.before.len() as isize;
            }
            while let Some(hunk) = right.next_if(|hunk| hunk.before.start <= end) {
                (end, changed_other, grown) = (end.max(hunk.before.end), true, true);
                shift_other += hunk.after.len() as isize - hunk.before.len() as isize;
            }
            if !grown {
                break;
            }
        }
        extend(&mut merged.content, &base_lines[at..start]);
        (at_one, at_other) = (at_one + start - at, at_other + start - at);
        let length = |shift: isize| (end - start).checked_add_signed(shift).unwrap_or(0);
        let from_one = &our_lines[at_one..at_one + length(shift_one)];
        let from_other = &their_lines[at_other..at_other + length(shift_other)];
        match (changed_one, changed_other, prefer) {
            (true, false, _) => extend(&mut merged.content, from_one),
            (false, _, _) => extend(&mut merged.content, from_other),
            _ if from_one == from_other => extend(&mut merged.content, from_one),
            (_, _, Prefer::Ours) => extend(&mut merged.content, from_one),
            (_, _, Prefer::Theirs) => extend(&mut merged.content, from_other),
            (_, _, Prefer::Neither) => {
                conflict(&mut merged.content, from_one, from_other);
                merged.conflicts += 1;
            }
        }
        (at, at_one, at_other) = (end, at_one + from_one.len(), at_other + from_other.len());
    }
    extend(&mut merged.content, &base_lines[at..]);
    merged
}

fn extend(out: &mut Vec<u8>, lines: &[&[u8]]) {
    lines.iter().for_each(|line| out.extend_from_slice(line));
}

/// Both sides between markers; lines at the borders in which they agree stay outside.
fn conflict(out: &mut Vec<u8>, ours: &[&[u8]], theirs: &[&[u8]]) {
    let same = |pairs: &mut dyn Iterator<Item = (&&[u8], &&[u8])>| {
        pairs.take_while(|(one, other)| one == other).count()
    };
    let head = same(&mut ours.iter().zip(theirs));
    let tail = same(&mut ours[head..].iter().rev().zip(theirs[head..].iter().rev()));
    extend(out, &ours[..head]);
    for (marker, lines) in [
        (&b"<<<<<<< ours\n"[..], &ours[head..ours.len() - tail]),
        (b"=======\n", &theirs[head..theirs.len() - tail]),
        (b">>>>>>> theirs\n", &[]),
    ] {
        if !out.is_empty() && !out.ends_with(b"\n") {
            out.push(b'\n');
        }
        out.extend_from_slice(marker);
        extend(out, lines);
    }
    extend(out, &ours[ours.len() - tail..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn merged(base: &str, ours: &str, theirs: &str, prefer: Prefer) -> (String, usize) {
        let merged = merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes(), prefer);
        (String::from_utf8(merged.content).unwrap(), merged.conflicts)
    }

    #[test]
    fn binary_contents() {
        assert!(is_binary(b"a\0b"));
        assert!(!is_binary(b"text\n"));
        let mut late = vec![b'x'; 9000];
        late.push(0);
        assert!(!is_binary(&late));
    }

    #[test]
    fn changes_apart() {
        let base = "1\n2\n3\n4\n5\n";
        assert_eq!(
            merged(base, "one\n2\n3\n4\n5\n", "1\n2\n3\n4\nfive\nsix\n", Prefer::Neither),
            ("one\n2\n3\n4\nfive\nsix\n".to_owned(), 0)
        );
        assert_eq!(
            merged(base, "2\n3\n4\n5\n", "1\n2\n3\n4\n", Prefer::Neither),
            ("2\n3\n4\n".to_owned(), 0)
        );
        assert_eq!(merged(base, "1\nx\n3\n4\n5\n", "1\nx\n3\n4\n5\n", Prefer::Neither).1, 0);
    }

    #[test]
    fn changes_of_the_same_lines() {
        let (base, ours, theirs) = ("a\nb\nc\n", "a\nours\nc\n", "a\ntheirs\nc\n");
        assert_eq!(merged(base, ours, theirs, Prefer::Ours), (ours.to_owned(), 0));
        assert_eq!(merged(base, ours, theirs, Prefer::Theirs), (theirs.to_owned(), 0));
        assert_eq!(
            merged(base, ours, theirs, Prefer::Neither),
            ("a\n<<<<<<< ours\nours\n=======\ntheirs\n>>>>>>> theirs\nc\n".to_owned(), 1)
        );
        // Both added to nothing; the border in which they agree stays outside, and ends of lines are made.
        assert_eq!(
            merged("", "x\n1", "x\n2", Prefer::Neither),
            ("x\n<<<<<<< ours\n1\n=======\n2\n>>>>>>> theirs\n".to_owned(), 1)
        );
    }

    #[test]
    fn changes_that_touch_are_conflicts() {
        assert_eq!(merged("a\nb\n", "A\nb\n", "a\nB\n", Prefer::Neither).1, 1);
        assert_eq!(merged("a\nm\nb\n", "A\nm\nb\n", "a\nm\nB\n", Prefer::Neither).1, 0);
    }

    fn text() -> impl Strategy<Value = String> {
        proptest::collection::vec("[abc]\n", 0..12).prop_map(|lines| lines.concat())
    }

    proptest! {
        #[test]
        fn one_change_alone_is_the_result(base in text(), changed in text()) {
            for prefer in [Prefer::Neither, Prefer::Ours, Prefer::Theirs] {
                prop_assert_eq!(merged(&base, &changed, &base, prefer), (changed.clone(), 0));
                prop_assert_eq!(merged(&base, &base, &changed, prefer), (changed.clone(), 0));
                prop_assert_eq!(merged(&base, &changed, &changed, prefer), (changed.clone(), 0));
            }
        }

        #[test]
        fn hunks_lead_from_one_text_to_the_other(before in text(), after in text()) {
            let (old, new) = (split(before.as_bytes()), split(after.as_bytes()));
            let mut made: Vec<&[u8]> = Vec::new();
            let mut at = 0;
            for hunk in hunks(before.as_bytes(), after.as_bytes()) {
                made.extend(&old[at..hunk.before.start]);
                made.extend(&new[hunk.after.clone()]);
                at = hunk.before.end;
            }
            made.extend(&old[at..]);
            prop_assert_eq!(made, new);
        }

        #[test]
        fn sides_without_a_conflict_do_not_matter(base in text(), ours in text(), theirs in text()) {
            let (one, conflicts) = merged(&base, &ours, &theirs, Prefer::Neither);
            if conflicts == 0 {
                prop_assert_eq!(&merged(&base, &theirs, &ours, Prefer::Neither).0, &one);
                prop_assert_eq!(&merged(&base, &ours, &theirs, Prefer::Ours).0, &one);
            }
        }
    }
}
