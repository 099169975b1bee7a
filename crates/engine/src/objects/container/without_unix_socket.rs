//! `Container.withoutUnixSocket`: removes a mounted Unix socket.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Removes a mounted Unix socket; where none is mounted, nothing happens.
#[derive(Operation)]
#[operation(
    on = "Container",
    returns = "Container!",
    no_effect = "withUnixSocket is not available, so no socket is mounted"
)]
pub struct WithoutUnixSocket {
    /// Where it is mounted.
    path: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithoutUnixSocket {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        // `withUnixSocket` mounts none yet, so there is none to remove. The path is looked at for its errors.
        on.path(&self.path, self.expand)?;
        Ok(on.changed())
    }
}
