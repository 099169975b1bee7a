//! The byte encoding under every cache key.
//!
//! A key must come out the same on every machine and in every later version, so the encoding is our own and fixed:
//! each value is one tag byte and its content; texts and lists carry their length as 8 bytes, little-endian. Two
//! different sequences of calls never give the same bytes.

use crate::Digest;

/// Collects values and hashes them.
///
/// ```
/// use kukri_model::Encoder;
/// let mut key = Encoder::new("example.v1");
/// key.str("name").u64(3);
/// let digest = key.finish();
/// ```
#[derive(Clone)]
pub struct Encoder(blake3::Hasher);

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Encoder")
    }
}

impl Encoder {
    /// Starts a key. `domain` names what is described, with a version: it separates kinds of keys.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        let mut encoder = Self(blake3::Hasher::new());
        encoder.str(domain);
        encoder
    }

    fn tagged(&mut self, tag: u8, bytes: &[u8]) -> &mut Self {
        self.0.update(&[tag]);
        self.0.update(bytes);
        self
    }

    /// A text.
    pub fn str(&mut self, text: &str) -> &mut Self {
        self.bytes_with_tag(b's', text.as_bytes())
    }

    /// Bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes_with_tag(b'y', bytes)
    }

    fn bytes_with_tag(&mut self, tag: u8, bytes: &[u8]) -> &mut Self {
        self.tagged(tag, &(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    /// An unsigned number.
    pub fn u64(&mut self, value: u64) -> &mut Self {
        self.tagged(b'u', &value.to_le_bytes())
    }

    /// A signed number.
    pub fn i64(&mut self, value: i64) -> &mut Self {
        self.tagged(b'i', &value.to_le_bytes())
    }

    /// A float, by its bits.
    pub fn f64(&mut self, value: f64) -> &mut Self {
        self.tagged(b'f', &value.to_bits().to_le_bytes())
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.tagged(b'b', &[u8::from(value)])
    }

    /// A digest.
    pub fn digest(&mut self, digest: &Digest) -> &mut Self {
        self.tagged(b'd', digest.as_bytes())
    }

    /// The absence of a value.
    pub fn none(&mut self) -> &mut Self {
        self.tagged(b'n', &[])
    }

    /// The start of a list of `len` values, which follow.
    pub fn list(&mut self, len: usize) -> &mut Self {
        self.tagged(b'l', &(len as u64).to_le_bytes())
    }

    /// A list of texts.
    pub fn strs<T: AsRef<str>>(&mut self, texts: impl ExactSizeIterator<Item = T>) -> &mut Self {
        self.list(texts.len());
        for text in texts {
            self.str(text.as_ref());
        }
        self
    }

    /// An optional text.
    pub fn opt_str(&mut self, text: Option<&str>) -> &mut Self {
        match text {
            Some(text) => self.str(text),
            None => self.none(),
        }
    }

    /// The digest of all that was added.
    #[must_use]
    pub fn finish(&self) -> Digest {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn borders_between_values_count() {
        let mut a = Encoder::new("t");
        a.str("ab").str("c");
        let mut b = Encoder::new("t");
        b.str("a").str("bc");
        assert_ne!(a.finish(), b.finish());
    }

    /// A changed encoding would turn every key of every store into a miss.
    #[test]
    fn golden() {
        let mut key = Encoder::new("golden.v1");
        key.str("é").bytes(&[0, 1]).u64(1).i64(-1).f64(0.5).bool(true).none().strs(["a", "b"].iter());
        key.digest(&Digest::of(b"")).opt_str(None);
        assert_eq!(key.finish().hex(), "e283c11109abf2a70da98e74745120cb9635469e41b0b69af2f95501c5acd785");
    }
}
