//! A secret: an identity, and where its value is looked up. Never the value itself.

use std::sync::Arc;

use kukri_model::schema::ObjectDef;
use kukri_model::{Digest, Encoder};

use crate::error::OpError;
use crate::session::Session;
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
    /// What it is looked up by in a session.
    pub identity: Digest,
    /// What stands for it in cache keys. `None`: that comes from its value, so it is known only once that was looked up.
    pub key: Option<Digest>,
    /// Name of one made by `setSecret`, else empty.
    pub name: Arc<str>,
    /// Where its value is looked up, else empty.
    pub uri: Arc<str>,
}

impl ObjectType for Secret {
    const NAME: &'static str = "Secret";
}

/// What clients look up, when the value is needed.
const SCHEMES: [&str; 9] = ["env", "file", "cmd", "op", "vault", "libsecret", "gcp", "aws+sm", "aws+ps"];

impl Secret {
    /// A secret whose value the session was given.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let identity = Encoder::new("kukri.secret.name.v1").str(name).finish();
        Self { identity, key: Some(identity), name: name.into(), uri: "".into() }
    }

    /// A secret that the client looks up.
    pub fn from_uri(uri: &str, cache_key: Option<&str>) -> Result<Self, OpError> {
        // The text is not shown: people sometimes put the value where the URI belongs.
        let Some((scheme, rest)) = uri.split_once("://") else {
            return Err(OpError::new(
                "malformed id: the URI of a secret says where its value lies, as in env://TOKEN, file://PATH or cmd://COMMAND; \
                 a value itself is given with setSecret",
            ));
        };
        if !SCHEMES.contains(&scheme) {
            return Err(OpError::new(format!(
                "unsupported secret provider: \"{scheme}\" (this engine knows {})",
                SCHEMES.join(", ")
            )));
        }
        if rest.is_empty() {
            let missing = match scheme {
                "env" => "the name of a variable is missing, as in env://TOKEN",
                "file" => "the path of a file is missing, as in file://PATH",
                "cmd" => "a command is missing, as in cmd://COMMAND",
                _ => "it does not say which secret",
            };
            return Err(OpError::new(format!("malformed id: \"{scheme}://\": {missing}")));
        }
        let identity = Encoder::new("kukri.secret.uri.v1").str(uri).finish();
        let key = cache_key.map(|key| Encoder::new("kukri.secret.key.v1").str(key).finish());
        Ok(Self { identity, key, name: "".into(), uri: uri.into() })
    }

    /// What stands for it in cache keys.
    #[must_use]
    pub fn cache_key(&self) -> Digest {
        self.key.unwrap_or(self.identity)
    }

    /// The same secret with its cache key, which is made from its value where none was given. `salt` keeps values from
    /// being guessed by their keys.
    pub async fn keyed(self: &Arc<Self>, session: &Session, salt: &[u8; 32]) -> Result<Arc<Self>, OpError> {
        if self.key.is_some() {
            return Ok(Arc::clone(self));
        }
        let value = session.secret(self).await?;
        let key = Encoder::new("kukri.secret.value.v1").bytes(salt).bytes(&value).finish();
        Ok(Arc::new(Self { key: Some(key), ..Self::clone(self) }))
    }
}
