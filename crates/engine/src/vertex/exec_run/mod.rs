//! Runs a command: prepares its file systems, starts it, follows its output, and keeps what it left.

mod environment;
mod links;
mod mounts;
mod output;
mod place;
mod scrub;
mod settle;
mod shown;
mod stdin;
mod stubs;
mod targets;
mod telemetry;
mod usage;

use std::sync::Arc;

use kukri_sandbox::{ExitStatus, Rootfs, RunRequest, SandboxError};
use kukri_solver::RunContext;
use kukri_tree::{EntryKind, Follow, FoundKind, TreeError, TreeId, lookup};

use super::exec::Exec;
use super::{Vertex, VertexValue};
use crate::error::{ExecError, OpError, OrFail};
use output::{Captured, Streams};

impl Exec {
    /// Does it. `trees` are the values of [`Exec::trees`].
    pub async fn run(&self, trees: &[TreeId], run: &RunContext<Vertex>) -> Result<VertexValue, OpError> {
        if let Some(message) = &self.fail {
            return Err(OpError::new(&**message));
        }
        let engine = &run.context.engine;
        let root = *trees.first().ok_or_else(|| OpError::new("internal error: an exec without a root"))?;
        let user = self.user(engine.store(), root).await?;
        let secrets = environment::Secrets::load(self, &run.context.session).await?;
        let seeds = mounts::seeds(self, run).await?;
        let locks = mounts::lock_volumes(self, run).await;
        let mut prepared = mounts::prepare(self, engine, trees, &secrets, &seeds).await?;
        let streams = Streams::new().or_fail()?;
        let (stdout, stderr) = (streams.stdout_writer, streams.stderr_writer);
        let mut telemetry = telemetry::StepTelemetry::of(self, run, &secrets)?;
        let trace = telemetry.trace();
        let spec = environment::spec(self, engine.environment(), &user, &secrets, &prepared, trace)?;
        let samples = engine.watchers().samples(run.vertex);
        let request = RunRequest {
            id: format!("{}-{}", std::process::id(), run.vertex),
            spec,
            rootfs: Rootfs::Overlay {
                lowers: prepared
                    .root
                    .lowers
                    .iter()
                    .chain(&engine.environment().mount_points)
                    .cloned()
                    .collect(),
                upper: prepared.workspace.upper().to_owned(),
                work: prepared.workspace.work().to_owned(),
                userxattr: false,
            },
            files: prepared.files.clone(),
            network: engine.environment().network,
            loopback: telemetry.on_loopback(),
            stdin: stdin::stdin(self, engine.store(), trees, &secrets, &prepared).await?,
            stdout,
            stderr,
            count: samples.is_some(),
            init: self.init,
        };
        let happened = |name, code| engine.watchers().moment(run.vertex, name, code);
        happened("Container created", None);
        prepared.began_ns = settle::changes_now();
        let mut running = match engine.runtime().run(request).await {
            Ok(running) => running,
            Err(error) => return Err(self.not_started(run.vertex, &error, &secrets)),
        };
        happened("Container started", None);
        let follow = output::follow(streams.stdout, streams.stderr, secrets.values(), engine, run.vertex);
        tokio::pin!(follow);
        // What a command leaves behind may hold the pipes open; once it has ended, its tree is killed and they close.
        let gauge = running.gauge();
        let ended = async { tokio::join!(running.wait(), &mut follow) };
        let (exit, captured) = usage::during(ended, gauge, samples, run).await;
        let exit = exit.or_fail()?;
        drop(running);
        telemetry.finish(self, &run.context.session).await;
        engine.watchers().tell(run.vertex, &usage::total(run.vertex, &exit.usage));
        let captured = captured
            .map_err(|error| OpError::new(format!("cannot keep the output of the command: {error}")))?;
        // An output file in a volume is written later, and whoever waits for the volume must find it.
        let locks = self.writes_into_volume().then_some(locks);
        let code = match exit.status {
            ExitStatus::Code(code) => code,
            ExitStatus::Signal(signal) => 128 + signal,
        };
        happened("Container exited", Some(code));
        if !self.expect.accepts(code) {
            return Err(self.failure(run.vertex, code, &captured, &exit, engine.store(), &secrets));
        }
        let output = settle::settle(self, engine, prepared, &user, captured, &exit, code).await?;
        drop(locks);
        Ok(VertexValue::Exec(Arc::new(output)))
    }

    /// Who the command runs as.
    async fn user(
        &self,
        store: &kukri_store::Store,
        root: TreeId,
    ) -> Result<kukri_tree::owner::User, OpError> {
        let (store, spec) = (store.clone(), self.user.clone());
        crate::blocking(move || {
            let passwd = read_small(&store, &root, "etc/passwd")?;
            let group = read_small(&store, &root, "etc/group")?;
            kukri_tree::owner::lookup_user(&spec, passwd.as_deref(), group.as_deref()).or_fail()
        })
        .await
    }

    /// Whether an output goes into a file of a volume.
    fn writes_into_volume(&self) -> bool {
        let mounts = place::places(self);
        let volume = |path: &String| matches!(place::place(&mounts, path), (place::Place::Volume(_), _));
        self.redirect_stdout.iter().chain(&self.redirect_stderr).any(volume)
    }

    /// The arguments for an error, without values of secrets: whoever wrote one there did not mean it to be shown.
    fn told_args(&self, secrets: &environment::Secrets) -> Vec<String> {
        let told = |arg: &String| {
            let mut scrubber = scrub::Scrubber::new(&secrets.values()).ok()?;
            let mut text = scrubber.push(arg.as_bytes());
            text.extend(scrubber.finish());
            Some(String::from_utf8_lossy(&text).into_owned())
        };
        self.args.iter().map(|arg| told(arg).unwrap_or_else(|| "***".to_owned())).collect()
    }

    /// The command could not be started. As in a shell, 127 is "not found" and 126 "found, but cannot be executed".
    fn not_started(&self, step: u64, error: &SandboxError, secrets: &environment::Secrets) -> OpError {
        let exit_code = match error {
            SandboxError::CommandNotFound { .. } => 127,
            SandboxError::NotExecutable { .. }
            | SandboxError::MissingInterpreter { .. }
            | SandboxError::WrongFormat { .. } => 126,
            _ => {
                let command = crate::text::command(&self.args);
                return OpError::new(format!("{}: {error}", crate::text::short(&command)));
            }
        };
        OpError::Exec(Arc::new(ExecError {
            cmd: self.told_args(secrets),
            exit_code,
            stdout: String::new(),
            stderr: error.to_string(),
            step,
            recipe: self.recipe(),
            note: Some(error.to_string()),
        }))
    }

    fn failure(
        &self,
        step: u64,
        exit_code: i32,
        captured: &Captured,
        exit: &kukri_sandbox::Exit,
        store: &kukri_store::Store,
        secrets: &environment::Secrets,
    ) -> OpError {
        let note = match exit.status {
            _ if store.disk_is_full() => Some(
                "the disk of the engine's root is full: free space, or run `kukri cache prune`".to_owned(),
            ),
            _ if exit.usage.cgroup.oom_kills.is_some_and(|kills| kills > 0) => Some(
                "killed: it needed more memory than it may have, see `kukri engine --memory-max`".to_owned(),
            ),
            _ if exit.usage.cgroup.refused_processes.is_some_and(|refused| refused > 0) => {
                Some("it wanted more processes than it may have, see `kukri engine --pids-max`".to_owned())
            }
            ExitStatus::Signal(signal) => Some(format!("killed by signal {signal}")),
            ExitStatus::Code(_) => None,
        };
        OpError::Exec(Arc::new(ExecError {
            cmd: self.told_args(secrets),
            exit_code,
            stdout: shown::in_error(captured.stdout.window(), &secrets.values()),
            stderr: shown::in_error(captured.stderr.window(), &secrets.values()),
            step,
            recipe: self.recipe(),
            note,
        }))
    }
}

/// Longest file that is read into memory as a whole for the engine's own needs.
const SMALL: u64 = 64 << 20;

/// The content of a file, if it is there.
fn read_small(store: &kukri_store::Store, tree: &TreeId, path: &str) -> Result<Option<Vec<u8>>, OpError> {
    match lookup(store, tree, path, Follow::All) {
        Ok(found) => match found.kind {
            FoundKind::Entry(EntryKind::File { blob, size, .. }) if size <= SMALL => {
                store.read_blob(&blob).or_fail().map(Some)
            }
            FoundKind::Entry(EntryKind::File { size, .. }) => {
                Err(OpError::new(format!("/{path}: {size} bytes are too many to be read as a whole")))
            }
            _ => Ok(None),
        },
        Err(TreeError::NotFound(_) | TreeError::NotADirectory(_)) => Ok(None),
        Err(error) => Err(OpError::new(error.to_string())),
    }
}
