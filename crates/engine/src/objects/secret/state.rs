//! A secret: an identity, and where its value is looked up. Never the value itself.

use std::sync::Arc;

use kukri_model::schema::ObjectDef;
use kukri_model::{Digest, Encoder};

use crate::error::OpError;
use crate::value::ObjectType;

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "Secret",
    doc: "A value that reaches no log, cache key, disk or image.",
    interfaces: &[],
};

/// A secret.
#[derive(Clone, Debug)]
pub struct Secret {
    /// What stands for it in keys.
    pub identity: Digest,
    /// Name of one made by `setSecret`, else empty.
    pub name: Arc<str>,
    /// Where its value is looked up, else empty.
    pub uri: Arc<str>,
}

impl ObjectType for Secret {
    const NAME: &'static str = "Secret";
}

const SCHEMES: [&str; 3] = ["env", "file", "cmd"];

impl Secret {
    /// A secret whose value the session was given.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let identity = Encoder::new("kukri.secret.name.v1").str(name).finish();
        Self { identity, name: name.into(), uri: "".into() }
    }

    /// A secret that the client looks up.
    pub fn from_uri(uri: &str, cache_key: Option<&str>) -> Result<Self, OpError> {
        let Some((scheme, rest)) = uri.split_once("://").filter(|(_, rest)| !rest.is_empty()) else {
            return Err(OpError::new(format!(
                "malformed id: {uri:?} is not \"scheme://…\" (as in env://TOKEN)"
            )));
        };
        if !SCHEMES.contains(&scheme) {
            return Err(OpError::new(format!(
                "unsupported secret provider: \"{scheme}\" (this engine knows {})",
                SCHEMES.join(", ")
            )));
        }
        let _ = rest;
        let mut identity = Encoder::new("kukri.secret.uri.v1");
        match cache_key {
            Some(key) => identity.str("key").str(key),
            None => identity.str("uri").str(uri),
        };
        Ok(Self { identity: identity.finish(), name: "".into(), uri: uri.into() })
    }
}
