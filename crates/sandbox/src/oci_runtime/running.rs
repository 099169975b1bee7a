//! One container from its start to its end, on a thread of its own.

use std::fs::{self, File};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::{oneshot, watch};

use super::bundle::{self, Plan};
use super::spawn::spawn;
use super::state::{self, WORDS};
use super::{Kind, OciRuntimeError, Shared, namespace_of, rootfs};
use crate::error::UNFIT;
use crate::native::plan::Exec;
use crate::native::report::{Record, TAG_ENDED, TAG_EXEC_FAILED, TAG_STARTED};
use crate::native::wait::{self, Ended};
use crate::native::{failure, prepare, read_record};
use crate::{
    BoxFuture, Cgroup, Exit, ExitStatus, Gauge, NetworkLease, RunRequest, Running, SandboxError, Stdin, Usage,
};

/// How long the runtime may take to write the container's process id after it has started the command.
const PID_PATIENCE: Duration = Duration::from_secs(1);
/// How long a runtime whose container we cannot ask lives before we take it that the command runs.
const GRACE: Duration = Duration::from_millis(20);
const POLL: Duration = Duration::from_millis(1);

/// A container that was started.
pub(super) struct Started {
    init: Arc<ContainerInit>,
    end: watch::Receiver<Option<Result<Exit, String>>>,
    gauge: Option<Gauge>,
    address: Option<IpAddr>,
}

/// PID 1 of a container, for signals.
#[derive(Default)]
struct ContainerInit(Mutex<Option<OwnedFd>>);

impl ContainerInit {
    fn signal(&self, signal: Signal) -> io::Result<()> {
        match &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(pidfd) => pidfd_send_signal(pidfd, signal).map_err(Into::into),
            None => Err(io::Error::from_raw_os_error(libc::ESRCH)),
        }
    }

    fn set(&self, pidfd: Option<OwnedFd>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = pidfd;
    }
}

impl Running for Started {
    fn wait(&mut self) -> BoxFuture<'_, Result<Exit, SandboxError>> {
        Box::pin(async move {
            let doing = "wait for a container";
            let end = self.end.wait_for(Option::is_some).await;
            match end.as_deref() {
                Ok(Some(Ok(exit))) => Ok(exit.clone()),
                Ok(Some(Err(message))) => Err(SandboxError::io(doing, io::Error::other(message.clone()))),
                _ => Err(SandboxError::io(doing, io::Error::other("its thread failed"))),
            }
        })
    }

    fn kill(&self) {
        let _ = self.init.signal(Signal::KILL);
    }

    fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        let doing = || format!("send signal {signal}");
        let named = Signal::from_named_raw(signal)
            .ok_or_else(|| SandboxError::io(doing(), io::Error::from_raw_os_error(libc::EINVAL)))?;
        self.init.signal(named).map_err(|source| SandboxError::io(doing(), source))
    }

    fn gauge(&self) -> Option<Gauge> {
        self.gauge.clone()
    }

    fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The runtime's process and what belongs to its container.
struct Launched {
    shared: Arc<Shared>,
    id: String,
    begin: Instant,
    runtime: OwnedFd,
    report: Option<File>,
    cgroup: Option<Box<dyn Cgroup>>,
    gauge: Option<Gauge>,
    lease: Option<NetworkLease>,
    created: Vec<PathBuf>,
    exec: Exec,
    searched: Vec<String>,
    root: Option<OwnedFd>,
    ended: Option<Ended>,
}

/// Starts a container, answers, waits for its end, and clears away.
pub(super) fn supervise(
    request: RunRequest,
    lease: Option<NetworkLease>,
    shared: Arc<Shared>,
    reply: oneshot::Sender<Result<Started, SandboxError>>,
) {
    let mut launched = match launch(request, lease, shared) {
        Ok(launched) => launched,
        Err(error) => return drop(reply.send(Err(error))),
    };
    if let Err(error) = launched.until_started() {
        launched.clear();
        return drop(reply.send(Err(error)));
    }
    // The container's mounts go when nothing holds them any more.
    launched.root = None;
    let init = Arc::new(ContainerInit::default());
    init.set(launched.container_pid());
    let (end, ended) = watch::channel(None);
    let address = launched.lease.as_ref().and_then(|lease| lease.address);
    // Where nobody waits for the answer any more, dropping it kills the container.
    let gauge = launched.gauge.clone();
    drop(reply.send(Ok(Started { init: Arc::clone(&init), end: ended, gauge, address })));
    let exit = launched.until_ended();
    init.set(None);
    launched.clear();
    drop(launched);
    let _ = end.send(Some(exit.map_err(|error| error.to_string())));
}

fn launch(
    mut request: RunRequest,
    lease: Option<NetworkLease>,
    shared: Arc<Shared>,
) -> Result<Launched, SandboxError> {
    let begin = Instant::now();
    let spec = std::mem::take(&mut request.spec);
    let process = spec.process().as_ref().ok_or_else(|| SandboxError::spec("process", "is missing"))?;
    let (exec, searched) = prepare::exec(process)?;
    let uid = process.user().uid();
    let init = request.init && bundle::has_place_for_init(&spec);
    let id = request.id.clone();
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Err(SandboxError::spec(
            "id",
            format!("{id:?} may only have letters, digits, '-', '_' and '.'"),
        ));
    }
    let resources = spec.linux().as_ref().and_then(|linux| linux.resources().as_ref());
    let mut cgroup =
        shared.cgroups.as_ref().map(|cgroups| cgroups.create(&id, resources, request.count)).transpose()?;
    let gauge = request.count.then(|| Gauge::new(cgroup.as_deref(), lease.as_ref()));

    let stdin = match std::mem::take(&mut request.stdin) {
        Stdin::Null => null()?,
        Stdin::File(fd) => fd,
        Stdin::Bytes(bytes) => prepare::memory(c"stdin", &bytes)
            .map_err(|error| SandboxError::io("keep the standard input in memory", error))?,
    };
    for fd in [stdin.as_fd(), request.stdout.as_fd(), request.stderr.as_fd()] {
        give_pipe_to(fd, uid);
    }
    let (report, report_write) = if init {
        let (read, write) = io::pipe().map_err(|error| SandboxError::io("make the init's pipe", error))?;
        (Some(File::from(OwnedFd::from(read))), Some(OwnedFd::from(write)))
    } else {
        (None, None)
    };

    let bundle = shared.state.bundle();
    let log = shared.state.run_file(&id, "log");
    let mut args = shared.global_options(&log);
    args.push("run".into());
    args.extend(["--bundle".into(), bundle.to_string_lossy().into_owned()]);
    args.extend(["--pid-file".into(), shared.state.run_file(&id, "pid").to_string_lossy().into_owned()]);
    if init {
        match shared.kind {
            Kind::Runsc => args.extend((3..7).map(|number| format!("--pass-fd={number}:{number}"))),
            Kind::Crun | Kind::Other => args.push("--preserve-fds=4".into()),
        }
    }
    args.push(id.clone());
    let plan = Plan {
        request: &request,
        spec,
        init: init.then(|| bundle::init_args(&exec)),
        network: namespace_of(lease.as_ref())?,
        own_groups: cgroup.is_some(),
        kind: shared.kind,
    };
    let stdio = [stdin.as_fd(), request.stdout.as_fd(), request.stderr.as_fd()];
    // With our init, the runtime neither sees the command's streams nor says anything on them.
    let (null, words) = (null()?, shared.state.words(&id)?);
    let mut fds = Vec::new();
    if let Some(report) = &report_write {
        fds.extend([null.as_fd(), words.as_fd(), words.as_fd(), report.as_fd()]);
    }
    fds.extend(stdio);
    let groups = cgroup.as_mut().map(|cgroup| cgroup.join_files()).unwrap_or_default();
    let (made, runtime) = shared.place.inside(shared.kind == Kind::Crun, || {
        let made = plan.make(&bundle)?;
        let runtime = spawn(&shared.program, &args, &fds, &groups)
            .map_err(|source| OciRuntimeError::Start { program: shared.program.clone(), source })?;
        Ok::<_, SandboxError>((made, runtime))
    })??;
    Ok(Launched {
        shared: Arc::clone(&shared),
        id,
        begin,
        runtime,
        report,
        cgroup,
        gauge,
        lease,
        created: made.created,
        exec,
        searched,
        root: Some(made.root),
        ended: None,
    })
}

fn null() -> Result<OwnedFd, SandboxError> {
    File::open("/dev/null").map(Into::into).map_err(|error| SandboxError::io("open /dev/null", error))
}

/// Programs open `/dev/stdout` anew and may then write to it as their user.
fn give_pipe_to(fd: std::os::fd::BorrowedFd<'_>, uid: u32) {
    if uid != 0
        && let Ok(pipe) = fd.try_clone_to_owned().map(File::from)
        && pipe.metadata().is_ok_and(|meta| meta.file_type().is_fifo())
    {
        let _ = std::os::unix::fs::fchown(&pipe, Some(uid), None);
    }
}

impl Launched {
    /// Waits until the command runs, or until it is known that it does not.
    fn until_started(&mut self) -> Result<(), SandboxError> {
        let Some(report) = self.report.as_mut() else { return self.until_alive() };
        let record = read_record(report);
        if record.is_some_and(|record| record.tag == TAG_STARTED) {
            return Ok(());
        }
        let ended = self.reap()?;
        Err(match record {
            Some(record) => failure::init(record, &self.exec, &self.searched, self.root.as_ref()),
            None => self.runtime_failure(&ended),
        })
    }

    /// Without our init nobody tells that the command runs: the runtime's log tells when it does not.
    fn until_alive(&mut self) -> Result<(), SandboxError> {
        let pid_file = self.shared.state.run_file(&self.id, "pid");
        let mut alive_since = None;
        loop {
            if let Some(ended) = self.try_reap()? {
                let code = matches!(ended, ExitStatus::Code(0));
                return if code || self.logged().is_none() {
                    Ok(())
                } else {
                    Err(self.runtime_failure(&ended))
                };
            }
            if alive_since.is_none() && pid_file.exists() {
                alive_since = Some(Instant::now());
            }
            if alive_since.is_some_and(|since| since.elapsed() >= GRACE) {
                return Ok(());
            }
            std::thread::sleep(POLL);
        }
    }

    fn until_ended(&mut self) -> Result<Exit, SandboxError> {
        let mut status = self.reap()?;
        let wall = self.begin.elapsed();
        let mut told = false;
        while let Some(record) = self.report.as_mut().and_then(read_record) {
            if record.tag == TAG_ENDED {
                told = true;
                let signal = (record.value & 0x7f) as i32;
                let code = (record.value >> 8 & 0xff) as i32;
                status = if signal == 0 { ExitStatus::Code(code) } else { ExitStatus::Signal(signal) };
            }
        }
        let killed = ExitStatus::Code(128 + libc::SIGKILL);
        if self.report.is_some() && !told && status == killed {
            // The init itself was killed, which runtimes report as a shell would.
            status = ExitStatus::Signal(libc::SIGKILL);
        }
        let usage = self.ended.take().map(|ended| (ended.user, ended.system, ended.max_rss_bytes));
        let (user, system, max_rss_bytes) = usage.unwrap_or_default();
        let network = self.gauge.as_ref().and_then(Gauge::network);
        let cgroup = match &self.gauge {
            Some(gauge) => gauge.cgroup(),
            None => self.cgroup.as_ref().map(|cgroup| cgroup.usage()).unwrap_or_default(),
        };
        self.cgroup = None;
        Ok(Exit {
            status,
            usage: Usage { wall, user, system, max_rss_bytes, cgroup, network },
            created: std::mem::take(&mut self.created),
        })
    }

    /// Reaps the runtime, whose end is the container's.
    fn reap(&mut self) -> Result<ExitStatus, SandboxError> {
        self.reap_with(true).map(|status| status.unwrap_or(ExitStatus::Code(0)))
    }

    fn try_reap(&mut self) -> Result<Option<ExitStatus>, SandboxError> {
        self.reap_with(false)
    }

    fn reap_with(&mut self, block: bool) -> Result<Option<ExitStatus>, SandboxError> {
        if self.ended.is_none() {
            self.ended = wait::wait(&self.runtime, block)
                .map_err(|error| SandboxError::io("wait for the OCI runtime", error))?;
        }
        Ok(self.ended.as_ref().map(|ended| ended.status))
    }

    /// The container's PID 1.
    fn container_pid(&mut self) -> Option<OwnedFd> {
        let file = self.shared.state.run_file(&self.id, "pid");
        let begin = Instant::now();
        while begin.elapsed() < PID_PATIENCE {
            let text = fs::read_to_string(&file).unwrap_or_default();
            if let Some(pid) = text.trim().parse().ok().and_then(Pid::from_raw) {
                return pidfd_open(pid, PidfdFlags::empty()).ok();
            }
            if matches!(self.try_reap(), Ok(Some(_)) | Err(_)) {
                return None;
            }
            std::thread::sleep(POLL);
        }
        tracing::warn!(id = self.id, "the OCI runtime did not tell the container's process id");
        None
    }

    /// What the runtime logged as errors.
    fn logged(&self) -> Option<String> {
        let text = fs::read_to_string(self.shared.state.run_file(&self.id, "log")).ok()?;
        errors(&text)
    }

    /// The runtime ended without the init having said anything, or without an init.
    fn runtime_failure(&self, ended: &ExitStatus) -> SandboxError {
        let logged = self.logged();
        if let Some(record) = logged.as_deref().and_then(|message| self.exec_failure(message)) {
            return failure::init(record, &self.exec, &self.searched, self.root.as_ref());
        }
        let said = fs::read_to_string(self.shared.state.run_file(&self.id, WORDS)).unwrap_or_default();
        // What fails in the container itself is written to standard error, by some in the form of the log.
        let mut message = match (logged.or_else(|| errors(&said)), said.trim()) {
            (Some(logged), _) => logged,
            (None, "") => format!("it ended with {ended:?} and logged nothing"),
            (None, said) => said.to_owned(),
        };
        let lower = message.to_lowercase();
        if lower.contains("argument list too long") {
            return failure::too_long(&self.exec);
        }
        if lower.contains("mount") && lower.contains("not a directory") {
            message.push_str(UNFIT);
        }
        OciRuntimeError::Failed { program: self.shared.program.clone(), message }.into()
    }

    /// What a message about the command means in the terms of our own executor.
    fn exec_failure(&self, message: &str) -> Option<Record> {
        let errno = exec_errno(message)?;
        let found = self.exec.paths.strings().iter().position(|path| {
            let path = path.to_string_lossy();
            self.root.as_ref().is_some_and(|root| rootfs::open(root.as_fd(), Path::new(&*path)).is_ok())
        });
        Some(Record {
            tag: TAG_EXEC_FAILED,
            value: errno as u32,
            index: found.unwrap_or(0) as u32,
            exists: found.is_some().into(),
        })
    }

    /// Removes what the container left on the host.
    fn clear(&mut self) {
        let root = self.shared.state.root();
        if matches!(self.try_reap(), Ok(None)) {
            let _ = wait::signal(&self.runtime, libc::SIGKILL);
            let _ = self.reap();
        }
        if root.join(&self.id).exists() {
            state::delete(&self.shared.place, &self.shared.program, &root, &self.id);
        }
        for ending in ["log", "pid", WORDS] {
            let _ = fs::remove_file(self.shared.state.run_file(&self.id, ending));
        }
    }
}

/// The error messages in a log of JSON lines.
fn errors(log: &str) -> Option<String> {
    let mut found = Vec::new();
    for line in log.lines() {
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else { continue };
        let text =
            |key: &str| entry.get(key).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        if matches!(text("level").as_str(), "error" | "fatal") {
            found.push(text("msg"));
        }
    }
    (!found.is_empty()).then(|| found.join("; "))
}

/// The error number behind a message that is about executing the command; runtimes do not tell it otherwise.
fn exec_errno(message: &str) -> Option<i32> {
    let message = message.to_lowercase();
    if !message.contains("exec") {
        return None;
    }
    if message.contains("exec format error") {
        Some(libc::ENOEXEC)
    } else if message.contains("not found in $path") || message.contains("no such file or directory") {
        Some(libc::ENOENT)
    } else if message.contains("permission denied") || message.contains("not executable") {
        Some(libc::EACCES)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_found_in_logs() {
        let log = r#"{"level":"info","msg":"hello","time":"x"}
{"level":"error","msg":"no room"}
not json
{"level":"fatal","msg":"gone"}"#;
        assert_eq!(errors(log).unwrap(), "no room; gone");
        assert_eq!(errors("{\"level\":\"warning\",\"msg\":\"w\"}"), None);
    }

    #[test]
    fn messages_about_the_command_are_understood() {
        for (message, errno) in [
            (r#"exec: "nope": executable file not found in $PATH"#, Some(libc::ENOENT)),
            ("executable file `nope` not found in $PATH: No such file or directory", Some(libc::ENOENT)),
            ("open executable: Permission denied", Some(libc::EACCES)),
            ("exec /bin/x: exec format error", Some(libc::ENOEXEC)),
            ("mount `proc` to `proc`: No such file or directory", None),
        ] {
            assert_eq!(exec_errno(message), errno, "{message}");
        }
    }
}
