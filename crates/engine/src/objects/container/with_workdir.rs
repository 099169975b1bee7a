//! `Container.withWorkdir`: sets the directory in which later execs start, and from which relative paths count.

use std::sync::Arc;

use kukri_engine_macros::Operation;

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;

/// Longest path that the kernel takes, in bytes: `PATH_MAX` without its NUL.
const MAX_PATH: usize = 4095;

/// Sets the directory in which later execs start, and from which relative paths count.
///
/// It is made, owned by the user, when an exec finds it missing.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withWorkdir(path: "/src").withExec(args: ["pwd"]).stdout"# => r#""/src\n""#)]
#[example(r#"container.withWorkdir(path: "/src").withWorkdir(path: "app").workdir"# => r#""/src/app""#)]
pub struct WithWorkdir {
    /// Absolute, or relative to the present one.
    path: String,
    /// Replace `$NAME` and `${NAME}` in the path by the container's variables.
    #[arg(default = "false")]
    expand: bool,
}

impl Run for WithWorkdir {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, _: &Cx) -> Result<Container, OpError> {
        let path = on.path(&self.path, self.expand)?;
        if path.len() > MAX_PATH {
            return Err(OpError::new(format!(
                "{path:.40}…: the working directory has {} bytes, and a path may have at most {MAX_PATH}; choose a shorter one",
                path.len()
            )));
        }
        Ok(on.configured(|config| config.working_dir = path))
    }
}
