//! `Container.withExec`: runs a command.

use std::sync::Arc;

use kukri_engine_macros::{ApiEnum, Operation};

use super::Container;
use crate::context::Cx;
use crate::error::OpError;
use crate::operation::Run;
use crate::vertex::edit::Source;
use crate::vertex::exec::{Described, Exec, ExecMount, MountKind, check_writable};
use crate::vertex::{Slot, TreeHandle, Vertex, VertexOp};

/// Which exit statuses are no failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ApiEnum)]
pub enum ReturnType {
    /// 0.
    #[member(name = "SUCCESS")]
    Success,
    /// 1 to 127 and 192 to 255.
    #[member(name = "FAILURE")]
    Failure,
    /// 0 to 127 and 192 to 255: any but those of signals.
    #[member(name = "ANY")]
    Any,
}

impl ReturnType {
    /// Whether `code` is no failure.
    #[must_use]
    pub const fn accepts(self, code: i32) -> bool {
        match self {
            Self::Success => code == 0,
            Self::Failure => matches!(code, 1..=127 | 192..=255),
            Self::Any => matches!(code, 0..=127 | 192..=255),
        }
    }
}

/// Runs a command in the container.
///
/// The command runs when something needs its result. No shell is involved: say `["sh", "-c", "…"]` where one is wanted.
#[derive(Operation)]
#[operation(on = "Container", returns = "Container!")]
#[example(r#"container.from(address: "alpine").withExec(args: ["echo", "hello"]).stdout"# => r#""hello\n""#)]
#[example(r#"container.from(address: "alpine").withExec(args: ["sh", "-c", "echo one && echo two"]).stdout"# => r#""one\ntwo\n""#)]
#[example(r#"container.from(address: "alpine").withExec(args: ["sh", "-c", "exit 3"]).exitCode"# => r#"raises "exit code: 3""#)]
#[example(r#"container.from(address: "alpine").withExec(args: ["sh", "-c", "exit 3"], expect: ANY).exitCode"# => r#"3"#)]
#[example(r#"container.from(address: "alpine").withExec(args: ["wc", "-l"], stdin: "one\ntwo\n").stdout"# => r#""2\n""#)]
#[example(r#"container.from(address: "alpine").withExec(args: ["echo", "hello"], redirectStdout: "/out/log").file(path: "/out/log").contents"# => r#""hello\n""#)]
#[example(r#"container.from(address: "alpine").withEnvVariable(name: "NAME", value: "world").withExec(args: ["echo", "hello $NAME"], expand: true).stdout"# => r#""hello world\n""#)]
#[example(r#"container.from(address: "alpine").withEntrypoint(args: ["echo", "hello"]).withExec(args: ["world"], useEntrypoint: true).stdout"# => r#""hello world\n""#)]
pub struct WithExec {
    /// The command with its arguments; empty: the container's default arguments.
    args: Vec<String>,
    /// Put the entrypoint before the arguments.
    #[arg(default = "false")]
    use_entrypoint: bool,
    /// Text for the command's standard input.
    #[arg(default = "\"\"")]
    stdin: String,
    /// File in the container for the command's standard input.
    #[arg(default = "\"\"")]
    redirect_stdin: String,
    /// File in the container that gets the standard output; `stdout` gives it all the same.
    #[arg(default = "\"\"")]
    redirect_stdout: String,
    /// File in the container that gets the standard error; `stderr` gives it all the same. If it is that of the standard
    /// output, it has both.
    #[arg(default = "\"\"")]
    redirect_stderr: String,
    /// Which exit statuses are no failure.
    #[arg(default = "SUCCESS")]
    expect: ReturnType,
    /// Give the command a session of its own to this engine.
    #[arg(
        default = "false",
        unavailable = "commands cannot have a session of their own yet; make these calls from the program that runs this one"
    )]
    experimental_privileged_nesting: bool,
    /// Run with all capabilities and devices: the command can do what root of the engine's machine can.
    #[arg(default = "false")]
    insecure_root_capabilities: bool,
    /// Replace `$NAME` and `${NAME}` in the arguments by the container's variables.
    #[arg(default = "false")]
    expand: bool,
    /// Run the command as PID 1 itself, without the small init that reaps orphans.
    #[arg(default = "false")]
    no_init: bool,
}

impl Run for WithExec {
    type On = Container;
    type Output = Container;

    async fn run(self, on: Arc<Container>, cx: &Cx) -> Result<Container, OpError> {
        if !self.stdin.is_empty() && !self.redirect_stdin.is_empty() {
            return Err(OpError::new("cannot set both stdin and redirectStdin"));
        }
        let mut args = self.args;
        if args.is_empty() {
            args = on.config.cmd.clone().unwrap_or_default();
        }
        if self.use_entrypoint
            && let Some(entrypoint) = &on.config.entrypoint
        {
            args = entrypoint.iter().cloned().chain(args).collect();
        }
        if self.expand {
            args = on.expand_all(&args)?;
        }
        if args.is_empty() {
            return Err(OpError::new(
                "no command has been set: withExec got no arguments, and there are no default ones",
            ));
        }
        let salt = cx.engine.secret_salt();
        let mut secret_env = on.secret_env.to_vec();
        for (_, secret) in &mut secret_env {
            *secret = secret.keyed(&cx.session, salt).await?;
        }
        let mut mounts = on.mounts_in_order();
        for mount in &mut mounts {
            if let MountKind::Secret { secret, .. } = &mut mount.kind {
                *secret = secret.keyed(&cx.session, salt).await?;
            }
        }
        for mount in &mounts {
            check_place(&mount.path)?;
        }
        let in_container = |path: String| (!path.is_empty()).then(|| on.absolute(&path));
        let redirects =
            [("redirectStdout", &self.redirect_stdout), ("redirectStderr", &self.redirect_stderr)];
        for (name, path) in redirects.into_iter().filter(|(_, path)| !path.is_empty()) {
            check_writable(&on.mounts, name, &on.absolute(path))?;
        }
        let vertex = Vertex::new(VertexOp::Exec(Box::new(Exec {
            rootfs: on.rootfs.clone(),
            args,
            env: on.config.env.clone(),
            volatile_env: on.volatile_env.to_vec(),
            secret_env,
            cwd: on.absolute(""),
            user: on.config.user.clone(),
            mounts,
            stdin: (!self.stdin.is_empty()).then_some(self.stdin),
            redirect_stdin: in_container(self.redirect_stdin),
            redirect_stdout: in_container(self.redirect_stdout),
            redirect_stderr: in_container(self.redirect_stderr),
            expect: self.expect,
            privileged: self.insecure_root_capabilities,
            init: !self.no_init,
            network: cx.engine.environment().network,
            fail: on.error.clone(),
            described: Described {
                config: Arc::clone(&on.config),
                ports: Arc::clone(&on.ports),
                annotations: Arc::clone(&on.annotations),
            },
        })));
        cx.describes(&vertex);
        Ok(on.after(&vertex))
    }
}

impl Container {
    /// The mounts, each after those that it lies below.
    fn mounts_in_order(&self) -> Vec<ExecMount> {
        let mut mounts = self.mounts.to_vec();
        mounts.sort_by(|a, b| a.path.cmp(&b.path));
        mounts
    }

    /// The container as an exec leaves it.
    fn after(&self, exec: &Arc<Vertex>) -> Self {
        let mut next = self.changed();
        next.rootfs = TreeHandle::Output(Arc::clone(exec), Slot::Tree);
        // The exec has its mounts in the order of their paths, the container in that of the steps.
        let VertexOp::Exec(ran) = &exec.op else { return next };
        for mount in Arc::make_mut(&mut next.mounts) {
            let mut trees = ran.mounts.iter().filter(|mounted| mounted.is_tree());
            let Some(slot) = trees.position(|mounted| mounted.path == mount.path) else { continue };
            let tree = TreeHandle::Output(Arc::clone(exec), Slot::Mount(slot));
            match &mut mount.kind {
                MountKind::Directory { source, .. } => *source = Source { tree, path: "".into() },
                // The tree of a mounted file holds that file alone, under its own name.
                MountKind::File { source } => {
                    let name = source.path.rsplit('/').next().unwrap_or_default().into();
                    *source = Source { tree, path: name };
                }
                _ => {}
            }
        }
        next.last_exec = Some(Arc::clone(exec));
        next
    }
}

/// Whether something can be mounted at a path at all.
fn check_place(path: &str) -> Result<(), OpError> {
    let why = match path {
        "/" => "use withRootfs to replace the root file system, or withDirectory to add to it",
        // Every OCI runtime refuses it, as does the kernel for most of it.
        path if path == "/proc" || path.starts_with("/proc/") => {
            "the kernel shows the container's processes there; choose a path that is not in /proc"
        }
        _ => return Ok(()),
    };
    Err(OpError::new(format!("nothing can be mounted at {path}: {why}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses() {
        assert!(ReturnType::Success.accepts(0) && !ReturnType::Success.accepts(1));
        for (code, failure, any) in
            [(0, false, true), (1, true, true), (127, true, true), (137, false, false), (255, true, true)]
        {
            assert_eq!(
                (ReturnType::Failure.accepts(code), ReturnType::Any.accepts(code)),
                (failure, any),
                "{code}"
            );
        }
    }
}
