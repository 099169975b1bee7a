//! Contents that were read just now, in the form in which they are sent: most are wanted when a directory is taken over
//! for the first time, and then nothing is copied any more.

use std::io;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use kukri_model::Digest;
use rustix::buffer::spare_capacity;
use rustix::fs::Stat;

use super::read::{self, ReadFile};
use crate::link::CHUNK;
use crate::records::{HEAD, RecordEncoder, SMALL};

/// Contents in one offer.
const MAX_CONTENTS: usize = 256;

/// A stream of records, and what is in it.
#[derive(Default)]
pub(super) struct Offer {
    records: Vec<u8>,
    /// Digest of each content, and where its record ends.
    contents: Vec<(Digest, usize)>,
}

impl Offer {
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// Whether it should go before a file of this length comes in.
    pub fn is_full_for(&self, size: u64) -> bool {
        let full = self.records.len() as u64 + HEAD as u64 + size > CHUNK as u64;
        !self.is_empty() && (full || self.contents.len() >= MAX_CONTENTS)
    }

    /// What it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.records.len() + self.contents.len() * size_of::<(Digest, usize)>()
    }

    /// How many contents there are.
    pub fn count(&self) -> usize {
        self.contents.len()
    }

    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        self.contents.iter().map(|(digest, _)| digest)
    }

    /// Reads a file to its end and hashes it. Of small files the content is added; the empty one is known everywhere.
    pub fn read(&mut self, file: &OwnedFd, found: &Stat, buffer: &mut [u8]) -> io::Result<ReadFile> {
        let stamp = read::stamp(found);
        if stamp.size > SMALL {
            return read::read(file, found, buffer);
        }
        let head = self.records.len();
        let start = head + HEAD;
        if self.records.capacity() == 0 {
            self.records.reserve_exact(CHUNK);
        }
        self.records.resize(start, 0);
        let length = loop {
            let length = self.records.len() - start;
            if length as u64 > SMALL {
                // It has grown.
                let mut hasher = blake3::Hasher::new();
                hasher.update(&self.records[start..]);
                self.records.truncate(head);
                return read::read_on(file, stamp, hasher, length as u64, buffer);
            }
            let expected = (stamp.size as usize + 1).saturating_sub(length);
            self.records.reserve(if expected > 0 { expected } else { SMALL as usize + 1 - length });
            match rustix::io::read(file, spare_capacity(&mut self.records)) {
                Ok(0) => break length,
                // A read that ends exactly where the file was said to end saves the one that would return nothing.
                Ok(count) if (length + count) as u64 == stamp.size => break length + count,
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => {
                    self.records.truncate(head);
                    return Err(error.into());
                }
            }
        };
        let digest = Digest::of(&self.records[start..]);
        if length == 0 {
            self.records.truncate(head);
        } else {
            self.records[head..head + Digest::LEN].copy_from_slice(digest.as_bytes());
            self.records[head + Digest::LEN..start].copy_from_slice(&(length as u64).to_le_bytes());
            self.contents.push((digest, self.records.len()));
        }
        Ok(ReadFile { stamp, size: length as u64, digest })
    }

    /// The records that are wanted (not 0), as payloads.
    pub fn payloads(self, wanted: &[u8]) -> Vec<Bytes> {
        if wanted.iter().all(|wanted| *wanted != 0) {
            return vec![self.records.into()];
        }
        let (mut encoder, mut payloads, mut start) = (RecordEncoder::default(), Vec::new(), 0);
        for ((_, end), wanted) in self.contents.iter().zip(wanted) {
            if *wanted != 0 {
                encoder.extend(&self.records[start..*end]);
                payloads.extend(std::iter::from_fn(|| encoder.take_full()));
            }
            start = *end;
        }
        payloads.extend(encoder.take_rest());
        payloads
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::records::{Piece, RecordDecoder};

    /// Reads files with these contents; `stated` is the length that each is said to have.
    fn offer_of(files: &[(&[u8], u64)]) -> (Offer, Vec<ReadFile>) {
        let dir = tempfile::tempdir().unwrap();
        let (mut offer, mut buffer, mut read) = (Offer::default(), read::buffer(), Vec::new());
        for (content, stated) in files {
            fs::write(dir.path().join("f"), content).unwrap();
            let file = OwnedFd::from(fs::File::open(dir.path().join("f")).unwrap());
            let mut found = rustix::fs::fstat(&file).unwrap();
            found.st_size = *stated as _;
            read.push(offer.read(&file, &found, &mut buffer).unwrap());
        }
        (offer, read)
    }

    fn contents(payloads: Vec<Bytes>) -> Vec<Vec<u8>> {
        let mut decoder = RecordDecoder::new(SMALL);
        let mut contents = Vec::new();
        for payload in payloads {
            for piece in decoder.push(payload).unwrap() {
                let Piece::Whole(digest, bytes) = piece else { panic!("{piece:?}") };
                assert_eq!(Digest::of(&bytes), digest);
                contents.push(bytes.to_vec());
            }
        }
        assert!(decoder.is_at_boundary());
        contents
    }

    #[test]
    fn only_what_is_wanted_is_sent_and_the_empty_file_never() {
        let files: [(&[u8], u64); 4] = [(b"one", 3), (b"", 0), (b"two", 3), (b"three", 5)];
        let (offer, read) = offer_of(&files);
        assert_eq!((offer.count(), read[1].digest), (3, Digest::of(b"")));
        assert_eq!(contents(offer.payloads(&[1, 1, 1])), [&b"one"[..], b"two", b"three"]);
        assert_eq!(contents(offer_of(&files).0.payloads(&[0, 0, 1])), [b"three"]);
        assert!(offer_of(&files).0.payloads(&[0, 0, 0]).is_empty());
    }

    #[test]
    fn files_that_change_while_they_are_read_are_what_was_read() {
        let long = vec![7; SMALL as usize + 100];
        let whole = &long[..SMALL as usize];
        let (offer, read) = offer_of(&[(b"grown", 1), (b"shrunk", 100), (&long, 3), (whole, SMALL)]);
        let expected: [&[u8]; 4] = [b"grown", b"shrunk", &long, whole];
        for (read, content) in read.iter().zip(expected) {
            assert_eq!((read.size, read.digest), (content.len() as u64, Digest::of(content)));
        }
        assert_eq!(contents(offer.payloads(&[1, 1, 1])), [&b"grown"[..], b"shrunk", whole]);
    }
}
