//! IDs on the wire: `Type.digest.check`, all of letters, digits, `_`, `-` and two dots.
//!
//! The digest is that of the call; the check tells a cut or mistyped ID from one that this store has never given out.

use std::sync::Arc;

use data_encoding::BASE64URL_NOPAD;
use kukri_engine::{Call, Engine};
use kukri_model::{Digest, Encoder};

/// Number of bytes of the check.
const CHECK: usize = 3;

/// Why an ID does not lead to an object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not of the form of an ID.
    #[error("{0:?} is not an ID of this engine: an ID is what the field `id` of an object gives")]
    Malformed(String),
    /// The form is right, the check is not.
    #[error("the ID {0:?} is damaged: it was cut or changed on its way")]
    Damaged(String),
    /// Right, but nothing is known of it.
    #[error(
        "the ID {0:?} is not known to this engine's store: it comes from another engine, or its record was pruned; \
         make the object again and ask for its `id`"
    )]
    Unknown(String),
    /// The store failed.
    #[error("the ID {id:?} could not be looked up: {error}")]
    Store {
        /// The ID.
        id: String,
        /// What the store says.
        error: String,
    },
}

fn check(type_name: &str, digest: &Digest) -> String {
    let full = Encoder::new("kukri.id.v1").str(type_name).digest(digest).finish();
    BASE64URL_NOPAD.encode(&full.as_bytes()[..CHECK])
}

/// The ID of an object.
#[must_use]
pub fn encode(type_name: &str, digest: &Digest) -> String {
    let mut id = String::with_capacity(type_name.len() + 49);
    id.push_str(type_name);
    id.push('.');
    BASE64URL_NOPAD.encode_append(digest.as_bytes(), &mut id);
    id.push('.');
    id.push_str(&check(type_name, digest));
    id
}

/// The parts of an ID: type name and digest of the call.
pub fn decode(id: &str) -> Result<(&str, Digest), IdError> {
    let malformed = || IdError::Malformed(shown(id));
    let mut parts = id.split('.');
    let (Some(type_name), Some(digest), Some(sum), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed());
    };
    let name =
        !type_name.is_empty() && type_name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !name {
        return Err(malformed());
    }
    let bytes = BASE64URL_NOPAD.decode(digest.as_bytes()).map_err(|_| IdError::Damaged(shown(id)))?;
    match Digest::from_slice(&bytes) {
        Some(digest) if check(type_name, &digest) == sum => Ok((type_name, digest)),
        _ => Err(IdError::Damaged(shown(id))),
    }
}

/// The call that an ID stands for, and the name of the object's type.
pub fn load<'a>(engine: &Engine, id: &'a str) -> Result<(Arc<Call>, &'a str), IdError> {
    let (type_name, digest) = decode(id)?;
    if digest == engine.root().digest {
        return Ok((Arc::clone(engine.root()), type_name));
    }
    match engine.find_call(&digest) {
        Ok(Some(call)) => Ok((call, type_name)),
        Ok(None) => Err(IdError::Unknown(shown(id))),
        Err(error) => Err(IdError::Store { id: shown(id), error: error.to_string() }),
    }
}

/// An ID for a message: foreign ones may be kilobytes long.
fn shown(id: &str) -> String {
    const MOST: usize = 80;
    if id.chars().count() <= MOST { id.to_owned() } else { id.chars().take(MOST).chain(['…']).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IDs are kept by clients and stores: their form may not change.
    #[test]
    fn golden() {
        let id = encode("Container", &Digest::of(b"kukri"));
        assert_eq!(id, "Container.JnCVDh-brR4a0gbcIyqEVkk0ePuyQLB9reErZjm-890.DQP3");
        assert_eq!(decode(&id), Ok(("Container", Digest::of(b"kukri"))));
        assert!(id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte)));
    }

    #[test]
    fn wrong_ids_are_told_apart() {
        let id = encode("Container", &Digest::of(b"kukri"));
        for text in
            ["", "12345", "EhIIKhIOCglDb250YWluZXIYAQ==", "a.b", "a.b.c.d", ".b.c", "a b.c.d", "é.a.b"]
        {
            assert!(matches!(decode(text), Err(IdError::Malformed(_))), "{text}");
        }
        let other = id.replace("Container", "Directory");
        for text in [&id[..id.len() - 1], &id[..30], &other, "Container.AAAA.AAAA", "Container.é.x"] {
            assert!(!matches!(decode(text), Ok(_) | Err(IdError::Unknown(_))), "{text}");
        }
        assert_eq!(decode(&other), Err(IdError::Damaged(other.clone())));
        assert!(decode(&"x".repeat(1 << 20)).unwrap_err().to_string().len() < 400);
    }
}
