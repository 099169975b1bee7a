//! Contents and nodes on their way: a stream of records, cut into payloads anywhere.
//!
//! A record is a digest (32 bytes), a length (64 bits, little-endian) and so many bytes.

use bytes::{Bytes, BytesMut};
use kukri_model::Digest;

use crate::SessionError;
use crate::link::CHUNK;

/// Bytes before the content of a record.
pub(crate) const HEAD: usize = Digest::LEN + 8;

/// Contents up to this length are handled whole, in memory; longer ones are streamed.
pub(crate) const SMALL: u64 = 256 << 10;

/// Collects records into payloads of about [`CHUNK`] bytes.
#[derive(Debug, Default)]
pub(crate) struct RecordEncoder {
    buffer: Vec<u8>,
}

impl RecordEncoder {
    /// Begins a record; its bytes follow with [`RecordEncoder::extend`].
    pub fn begin(&mut self, digest: &Digest, length: u64) {
        self.buffer.reserve(HEAD);
        self.buffer.extend_from_slice(digest.as_bytes());
        self.buffer.extend_from_slice(&length.to_le_bytes());
    }

    /// Adds bytes of the record.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// A whole record.
    pub fn record(&mut self, digest: &Digest, bytes: &[u8]) {
        self.begin(digest, bytes.len() as u64);
        self.extend(bytes);
    }

    /// The next payload, once there is enough for one.
    pub fn take_full(&mut self) -> Option<Bytes> {
        if self.buffer.len() < CHUNK {
            return None;
        }
        let rest = self.buffer.split_off(CHUNK);
        Some(std::mem::replace(&mut self.buffer, rest).into())
    }

    /// All that is left; none if nothing is.
    pub fn take_rest(&mut self) -> Option<Bytes> {
        if self.buffer.is_empty() { None } else { Some(std::mem::take(&mut self.buffer).into()) }
    }
}

/// What comes out of a stream of records.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece {
    /// A whole record.
    Whole(Digest, Bytes),
    /// A long record begins, of this length.
    Begin(Digest, u64),
    /// The next bytes of it.
    Part(Bytes),
    /// It is complete.
    End(Digest),
}

/// Puts payloads together to records.
#[derive(Debug)]
pub(crate) struct RecordDecoder {
    /// Records above this length come in parts.
    whole_limit: u64,
    buffer: BytesMut,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Head,
    Whole(Digest, usize),
    Parts(Digest, u64),
}

impl RecordDecoder {
    pub fn new(whole_limit: u64) -> Self {
        Self { whole_limit, buffer: BytesMut::new(), state: State::Head }
    }

    /// Whether no record is cut off here.
    pub fn is_at_boundary(&self) -> bool {
        matches!(self.state, State::Head) && self.buffer.is_empty()
    }

    /// Adds a payload and takes what is complete.
    pub fn push(&mut self, mut payload: Bytes) -> Result<Vec<Piece>, SessionError> {
        let mut pieces = Vec::new();
        loop {
            match self.state {
                State::Head => {
                    let Some(head) = self.gather(&mut payload, HEAD) else { return Ok(pieces) };
                    let (digest, length) = head.split_at(Digest::LEN);
                    let digest =
                        Digest::from_slice(digest).ok_or_else(|| SessionError::protocol("a bad record"))?;
                    let length = u64::from_le_bytes(
                        length.try_into().map_err(|_| SessionError::protocol("a bad record"))?,
                    );
                    self.state = if length <= self.whole_limit {
                        State::Whole(digest, length as usize)
                    } else {
                        pieces.push(Piece::Begin(digest, length));
                        State::Parts(digest, length)
                    };
                }
                State::Whole(digest, length) => {
                    let Some(bytes) = self.gather(&mut payload, length) else { return Ok(pieces) };
                    pieces.push(Piece::Whole(digest, bytes));
                    self.state = State::Head;
                }
                State::Parts(digest, 0) => {
                    pieces.push(Piece::End(digest));
                    self.state = State::Head;
                }
                State::Parts(digest, left) => {
                    if payload.is_empty() {
                        return Ok(pieces);
                    }
                    let part =
                        payload.split_to(payload.len().min(usize::try_from(left).unwrap_or(usize::MAX)));
                    self.state = State::Parts(digest, left - part.len() as u64);
                    pieces.push(Piece::Part(part));
                }
            }
        }
    }

    /// The next `length` bytes; out of the payload itself when they lie in it whole.
    fn gather(&mut self, payload: &mut Bytes, length: usize) -> Option<Bytes> {
        if self.buffer.is_empty() && payload.len() >= length {
            return Some(payload.split_to(length));
        }
        let part = payload.split_to(payload.len().min(length - self.buffer.len()));
        self.buffer.extend_from_slice(&part);
        (self.buffer.len() == length).then(|| self.buffer.split().freeze())
    }
}

/// Digests, one after the other.
pub(crate) fn pack_digests<'a>(digests: impl IntoIterator<Item = &'a Digest>) -> Bytes {
    let mut out = Vec::new();
    for digest in digests {
        out.extend_from_slice(digest.as_bytes());
    }
    out.into()
}

/// Reads what [`pack_digests`] wrote.
pub(crate) fn unpack_digests(bytes: &[u8]) -> Result<Vec<Digest>, SessionError> {
    let chunks = bytes.chunks_exact(Digest::LEN);
    if !chunks.remainder().is_empty() {
        return Err(SessionError::protocol("a cut list of digests"));
    }
    Ok(chunks.filter_map(Digest::from_slice).collect())
}

/// Digests and lengths, one after the other.
pub(crate) fn pack_sized<'a>(contents: impl IntoIterator<Item = (&'a Digest, u64)>) -> Bytes {
    let mut out = Vec::new();
    for (digest, size) in contents {
        out.extend_from_slice(digest.as_bytes());
        out.extend_from_slice(&size.to_le_bytes());
    }
    out.into()
}

/// Reads what [`pack_sized`] wrote.
pub(crate) fn unpack_sized(bytes: &[u8]) -> Result<Vec<(Digest, u64)>, SessionError> {
    let chunks = bytes.chunks_exact(HEAD);
    if !chunks.remainder().is_empty() {
        return Err(SessionError::protocol("a cut list of contents"));
    }
    let parse = |chunk: &[u8]| {
        let (digest, size) = chunk.split_at(Digest::LEN);
        Some((Digest::from_slice(digest)?, u64::from_le_bytes(size.try_into().ok()?)))
    };
    Ok(chunks.filter_map(parse).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn records_survive_any_cuts(
            records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..12),
            cuts in prop::collection::vec(1_usize..97, 1..20),
        ) {
            let mut encoder = RecordEncoder::default();
            for record in &records {
                encoder.record(&Digest::of(record), record);
            }
            let mut wire = encoder.take_rest().unwrap_or_default();
            let mut decoder = RecordDecoder::new(100);
            let (mut back, mut open) = (Vec::new(), Vec::new());
            for cut in cuts.iter().cycle() {
                if wire.is_empty() { break; }
                for piece in decoder.push(wire.split_to(wire.len().min(*cut))).unwrap() {
                    match piece {
                        Piece::Whole(digest, bytes) => {
                            prop_assert!(bytes.len() <= 100);
                            back.push((digest, bytes.to_vec()));
                        }
                        Piece::Begin(_, length) => prop_assert!(length > 100),
                        Piece::Part(bytes) => open.extend_from_slice(&bytes),
                        Piece::End(digest) => back.push((digest, std::mem::take(&mut open))),
                    }
                }
            }
            prop_assert!(decoder.is_at_boundary());
            let expected: Vec<_> = records.iter().map(|record| (Digest::of(record), record.clone())).collect();
            prop_assert_eq!(back, expected);
        }
    }

    #[test]
    fn a_cut_record_is_noticed_and_a_huge_length_takes_no_memory() {
        let mut encoder = RecordEncoder::default();
        encoder.begin(&Digest::of(b""), u64::MAX);
        let mut decoder = RecordDecoder::new(SMALL);
        let pieces = decoder.push(encoder.take_rest().unwrap()).unwrap();
        assert_eq!(pieces, [Piece::Begin(Digest::of(b""), u64::MAX)]);
        assert!(!decoder.is_at_boundary());
        assert!(unpack_digests(&[0; 33]).is_err());
    }
}
