//! `Query.setSecret`: A secret with a given value.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Query;
use crate::args::Sensitive;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::secret::Secret;
use crate::operation::Run;

/// A secret with a given value.
///
/// Its identity is its name: a changed value alone runs nothing again. The value reaches no cache key, log or disk.
#[derive(Operation)]
#[operation(on = "Query", returns = "Secret!", cache = "session", eager = "")]
#[example(r#"container.from(address: "alpine").withSecretVariable(name: "TOKEN", secret: setSecret(name: "token", plaintext: "s3cr3t")).withExec(args: ["sh", "-c", "test \"$TOKEN\" = s3cr3t && echo known"]).stdout"# => r#""known\n""#)]
#[example(r#"container.from(address: "alpine").withSecretVariable(name: "TOKEN", secret: setSecret(name: "token", plaintext: "s3cr3t")).withExec(args: ["sh", "-c", "echo $TOKEN"]).stdout"# => r#""***\n""#)]
pub struct SetSecret {
    /// Its name in this session; given again, it replaces the value.
    name: String,
    /// Its value.
    #[arg(sensitive = "")]
    plaintext: Sensitive,
}

impl Run for SetSecret {
    type On = Query;
    type Output = Secret;

    async fn run(self, _: Arc<Query>, cx: &Cx) -> Result<Secret, OpError> {
        let secret = Secret::named(&self.name);
        if let Some(plaintext) = self.plaintext.0 {
            cx.session.set_secret(&secret, plaintext);
        }
        Ok(secret)
    }
}
