//! `Container.withMountedSecret`: mounts a secret as a file in memory.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::args::Ref;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::secret::Secret;
use crate::operation::Run;
use crate::vertex::exec::{ExecMount, MountKind};

/// Mounts a secret as a file in memory.
///
/// The value reaches no cache key, log or image.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withMountedSecret(path: "/run/secrets/key", source: setSecret(name: "key", plaintext: "s3cr3t")).withExec(args: ["wc", "-c", "/run/secrets/key"]).stdout"# => r#""6 /run/secrets/key\n""#)]
#[example(r#"container.from(address: "alpine").withMountedSecret(path: "/run/secrets/key", source: setSecret(name: "key", plaintext: "s3cr3t"), owner: "nobody", mode: 288).withExec(args: ["stat", "-c", "%U %a", "/run/secrets/key"]).stdout"# => r#""nobody 440\n""#)]
pub struct WithMountedSecret {
    /// Where, in the container.
    path: String,
    /// The secret.
    source: Ref<Secret>,
    /// `user[:group]`, names or numbers; names are looked up in the container's `/etc/passwd` and `/etc/group`. Empty: root.
    #[arg(default = "\"\"")]
    owner: String,
    /// Permission bits.
    #[arg(default = "256")]
    mode: i64,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithMountedSecret {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        let mode = crate::objects::mode(self.mode)?;
        let kind = MountKind::Secret { secret: self.source.object, owner: self.owner.into(), mode };
        Ok(on.mounted(ExecMount { path: path.into(), kind }))
    }
}
