//! `Query.secret`: A secret that the client looks up when it is needed.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// A secret that the client looks up when it is needed.
#[derive(Operation)]
#[operation(on = "Query", returns = "Secret!", name = "secret", cache = "session")]
#[example(r#"secret(uri: "file://.env").plaintext"# => r#""GREETING=hello\nNAME=world\n""#)]
#[example(r#"container.from(address: "alpine").withMountedSecret(path: "/run/secrets/key", source: secret(uri: "cmd://echo abc")).withExec(args: ["wc", "-c", "/run/secrets/key"]).stdout"# => r#""4 /run/secrets/key\n""#)]
pub struct GetSecret {
    /// `env://NAME`, `file://PATH` or `cmd://COMMAND`.
    uri: String,
    /// What stands for the value in cache keys. Default: derived from the value.
    cache_key: Option<String>,
}

impl Run for GetSecret {
    type On = Query;
    type Output = objects::secret::Secret;

    async fn run(self, _: Arc<Query>, _: &Cx) -> Result<objects::secret::Secret, OpError> {
        objects::secret::Secret::from_uri(&self.uri, self.cache_key.as_deref())
    }
}
