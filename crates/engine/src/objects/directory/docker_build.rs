//! `Directory.dockerBuild`: builds a Dockerfile with the directory as its context.

use kukri_engine_macros::Operation;
use kukri_model::Platform;

use crate::args::Ref;
use crate::objects::inputs::BuildArg;
use crate::objects::secret::Secret;
use crate::objects::socket::Socket;

/// Builds a Dockerfile with the directory as its context.
#[derive(Operation)]
#[operation(
    on = "Directory",
    returns = "Container!",
    unavailable = "Dockerfiles are not supported yet; describe the steps with from, withDirectory and withExec"
)]
#[example(r#"host.directory(path: ".").dockerBuild(buildArgs: [{name: "VERSION", value: "1.2"}]).sync"# => r#"raises "describe the steps with from, withDirectory and withExec""#)]
pub struct DockerBuild {
    /// Where the Dockerfile lies in the directory.
    #[arg(default = "\"Dockerfile\"")]
    dockerfile: String,
    /// What the image is built for. Default: the engine's platform.
    platform: Option<Platform>,
    /// Values of `ARG`s.
    #[arg(default = "[]")]
    build_args: Vec<BuildArg>,
    /// The stage that is wanted. Default: the last.
    #[arg(default = "\"\"")]
    target: String,
    /// Secrets for `RUN --mount=type=secret`, by their names.
    #[arg(default = "[]")]
    secrets: Vec<Ref<Secret>>,
    /// Run commands without a small init process.
    #[arg(default = "false")]
    no_init: bool,
    /// The agent for `RUN --mount=type=ssh`.
    ssh: Option<Ref<Socket>>,
}
