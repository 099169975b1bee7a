//! `Address.secret`: the secret behind this URI. A `cacheKey=…` among its parameters is what stands for the value in cache keys.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Address;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects;
use crate::operation::Run;

/// The secret behind this URI. A `cacheKey=…` among its parameters is what stands for the value in cache
/// keys.
#[derive(Operation)]
#[operation(on = "Address", returns = "Secret!", cache = "session")]
#[example(r#"address(value: "file://README.md").secret.plaintext"# => r##""# Hello\n\nA small project.\n""##)]
pub struct Secret {}

impl Run for Secret {
    type On = Address;
    type Output = objects::secret::Secret;

    async fn run(self, on: Arc<Address>, _: &Cx) -> Result<objects::secret::Secret, OpError> {
        let (uri, key) = on.secret_uri();
        objects::secret::Secret::from_uri(&uri, key.as_deref())
    }
}
