//! From a [`RunRequest`] to a [`Plan`]: everything that needs the host's paths, memory or thought is done here.
//!
//! Runs on a launcher thread which stands in the engine's mount namespace.

use std::cell::Cell;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxNamespaceType, PosixRlimitType, Process, Spec};

use super::launcher::check;
use super::mounting::Mounting;
use super::plan::{Exec, Label, Op, Outcome, Plan, Strings, Target};
use super::{Ground, capability, failure};
use crate::{NetworkMode, RunRequest, SandboxError, Stdin};

/// Where commands are searched when the container's environment does not say.
pub const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A plan and what stays with the engine.
pub struct Prepared {
    /// For the child.
    pub plan: Plan,
    /// The init's reports.
    pub report: Option<File>,
    /// The root mount, to look at files after a failure.
    pub root: RawFd,
    /// What is tried to execute, and what was searched.
    pub searched: Vec<String>,
}

/// Namespaces and groups that the run joins.
pub struct Surroundings {
    /// Network namespace; `None` for the engine's own, or a new one when the mode is [`NetworkMode::None`].
    pub network: Option<OwnedFd>,
    /// Files through which control groups are joined.
    pub cgroup: Vec<OwnedFd>,
}

/// Collects ops with their labels.
pub struct Builder {
    pub plan: Plan,
}

impl Builder {
    /// Adds an op under a stage's name.
    pub fn stage(&mut self, stage: &'static str, path: Option<&str>, op: Op) {
        self.add(Label::Stage(stage, path.map(str::to_owned)), op);
    }

    /// Adds an op.
    pub fn add(&mut self, label: Label, op: Op) {
        self.plan.labels.push(label);
        self.plan.ops.push(op);
    }

    /// Keeps a descriptor until the start is over and returns its number.
    pub fn keep(&mut self, fd: OwnedFd) -> RawFd {
        let raw = fd.as_raw_fd();
        self.plan.keep.push(fd);
        raw
    }

    /// Reserves a place for a descriptor made in the child.
    pub fn slot(&mut self) -> usize {
        self.plan.slots.push(Cell::new(-1));
        self.plan.slots.len() - 1
    }

    /// The target for a path in the container. `report` tells whether creating it is told to the caller.
    pub fn target(&mut self, path: &Path, file: bool, report: bool) -> Result<Target, SandboxError> {
        let parts = components(path)?;
        let mut steps = Vec::with_capacity(parts.len());
        let mut so_far = PathBuf::new();
        for part in &parts {
            so_far.push(part);
            let index = report.then(|| {
                self.plan.created.push((Path::new("/").join(&so_far), false.into()));
                self.plan.created.len() - 1
            });
            steps.push((text(path_text(&so_far)?, "path")?, index));
        }
        let whole = if parts.is_empty() { CString::from(c".") } else { text(path_text(&so_far)?, "path")? };
        Ok(Target { path: whole, steps, file })
    }
}

/// The components of an absolute path, with `.` and `..` resolved by their names.
pub fn components(path: &Path) -> Result<Vec<&std::ffi::OsStr>, SandboxError> {
    use std::path::Component;
    if !path.is_absolute() {
        return Err(SandboxError::spec("path", format!("{} is not absolute", path.display())));
    }
    let mut parts = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => parts.push(name),
            Component::ParentDir => drop(parts.pop()),
            _ => {}
        }
    }
    Ok(parts)
}

fn path_text(path: &Path) -> Result<&str, SandboxError> {
    path.to_str().ok_or_else(|| SandboxError::spec("path", format!("{} is not UTF-8", path.display())))
}

/// A string for the kernel.
pub fn text(text: &str, field: &str) -> Result<CString, SandboxError> {
    CString::new(text).map_err(|_| SandboxError::spec(field, format!("{text:?} contains a null byte")))
}

/// Turns the request into a plan.
pub fn prepare(
    mut request: RunRequest,
    surroundings: Surroundings,
    ground: &Ground,
) -> Result<Prepared, SandboxError> {
    let spec = std::mem::take(&mut request.spec);
    let process = spec.process().as_ref().ok_or_else(|| SandboxError::spec("process", "is missing"))?;
    super::unsupported::check(&spec, request.network)?;
    let namespaces = Namespaces::of(&spec)?;
    let (exec, searched) = exec(process)?;
    let mut builder = Builder {
        plan: Plan {
            ops: Vec::with_capacity(64),
            labels: Vec::with_capacity(64),
            clone_flags: namespaces.clone_flags,
            keep: Vec::new(),
            slots: Vec::new(),
            created: Vec::new(),
            exec,
            outcome: Outcome::new(),
        },
    };

    for fd in surroundings.cgroup {
        let fd = builder.keep(fd);
        builder.stage("join the control group", None, Op::Write { fd, bytes: b"0" });
    }
    if namespaces.cgroup {
        let flags = libc::CLONE_NEWCGROUP as u64;
        builder.stage("make a control group namespace", None, Op::Unshare { flags });
    }
    match (request.network, surroundings.network) {
        (NetworkMode::Host, _) => {}
        (_, Some(namespace)) => {
            let fd = builder.keep(namespace);
            let kind = libc::CLONE_NEWNET as u32;
            builder.stage("enter the network namespace", None, Op::Enter { fd, kind });
        }
        (_, None) => {
            builder.plan.clone_flags |= libc::CLONE_NEWNET as u64;
            builder.stage(failure::LOOPBACK, None, Op::Loopback);
        }
    }

    let root = Mounting::new(&mut builder, &spec, ground).mount(&request)?;

    names(&spec, &mut builder)?;
    let linux = spec.linux().as_ref();
    let mut sysctls: Vec<_> = linux.and_then(|linux| linux.sysctl().as_ref()).into_iter().flatten().collect();
    sysctls.sort();
    for (key, value) in sysctls {
        let path = format!("/proc/sys/{}", key.replace('.', "/"));
        let op = Op::WriteFile { path: text(&path, "linux.sysctl")?, bytes: value.clone().into_bytes() };
        builder.stage("set a kernel parameter", Some(key), op);
    }
    if let Some(score) = process.oom_score_adj() {
        let path = CString::from(c"/proc/self/oom_score_adj");
        let op = Op::WriteFile { path, bytes: score.to_string().into_bytes() };
        builder.stage("set the OOM score", None, op);
    }
    let slot = builder.slot();
    for path in linux.and_then(|linux| linux.masked_paths().as_ref()).into_iter().flatten() {
        builder.stage("mask a path", Some(path), Op::Mask { path: text(path, "linux.maskedPaths")?, slot });
    }
    for path in linux.and_then(|linux| linux.readonly_paths().as_ref()).into_iter().flatten() {
        let op = Op::Readonly { path: text(path, "linux.readonlyPaths")? };
        builder.stage("make a path read-only", Some(path), op);
    }

    let user = process.user();
    let workdir = path_text(process.cwd())?;
    let target = builder.target(process.cwd(), false, false)?;
    let owner = (user.uid(), user.gid());
    builder.add(Label::Workdir(workdir.to_owned()), Op::Workdir { target, owner });
    if spec.root().as_ref().is_some_and(|root| root.readonly() == Some(true)) {
        builder.stage("make the root read-only", None, Op::RootReadonly);
    }

    let report = stdio(request, user.uid(), ground, &mut builder)?;
    restrict(&spec, process, ground, &mut builder)?;
    Ok(Prepared { plan: builder.plan, report, root, searched })
}

struct Namespaces {
    clone_flags: u64,
    cgroup: bool,
}

impl Namespaces {
    fn of(spec: &Spec) -> Result<Self, SandboxError> {
        let listed = spec.linux().as_ref().and_then(|linux| linux.namespaces().as_ref());
        let mut flags = 0;
        let mut cgroup = false;
        for namespace in listed.into_iter().flatten() {
            let kind = namespace.typ();
            if namespace.path().is_some() && kind != LinuxNamespaceType::Network {
                let problem = "joining a namespace by path is not supported here; use an OCI runtime";
                return Err(SandboxError::spec("linux.namespaces", problem));
            }
            flags |= match kind {
                LinuxNamespaceType::Pid => libc::CLONE_NEWPID,
                LinuxNamespaceType::Mount => libc::CLONE_NEWNS,
                LinuxNamespaceType::Ipc => libc::CLONE_NEWIPC,
                LinuxNamespaceType::Uts => libc::CLONE_NEWUTS,
                LinuxNamespaceType::Cgroup => {
                    cgroup = true;
                    0
                }
                // `RunRequest::network` says which.
                LinuxNamespaceType::Network => 0,
                LinuxNamespaceType::User | LinuxNamespaceType::Time => {
                    let problem = format!("{kind} namespaces are not supported here; use an OCI runtime");
                    return Err(SandboxError::spec("linux.namespaces", problem));
                }
            };
        }
        let needed = libc::CLONE_NEWPID | libc::CLONE_NEWNS;
        if flags & needed != needed {
            // Without them, killing PID 1 would not end the tree, and mounts would land in the launcher's namespace.
            return Err(SandboxError::spec("linux.namespaces", "pid and mount namespaces are required"));
        }
        Ok(Self { clone_flags: flags as u64, cgroup })
    }
}

/// How the command is executed, and the directories that are searched for it.
pub fn exec(process: &Process) -> Result<(Exec, Vec<String>), SandboxError> {
    let args = process.args().as_deref().unwrap_or_default();
    let command = args.first().ok_or_else(|| SandboxError::spec("process.args", "is empty"))?;
    let env = process.env().as_deref().unwrap_or_default();
    let mut searched = Vec::new();
    let paths = if command.contains('/') {
        vec![text(command, "process.args")?]
    } else {
        let path = env.iter().rev().find_map(|entry| entry.strip_prefix("PATH=")).unwrap_or(DEFAULT_PATH);
        let mut paths = Vec::new();
        for directory in path.split(':') {
            let directory = if directory.is_empty() { "." } else { directory };
            searched.push(directory.to_owned());
            if !command.is_empty() {
                paths.push(text(&format!("{}/{command}", directory.trim_end_matches('/')), "process.args")?);
            }
        }
        paths
    };
    let all = |list: &[String], field: &str| {
        list.iter().map(|entry| text(entry, field)).collect::<Result<Vec<_>, _>>()
    };
    let exec = Exec {
        paths: Strings::new(paths),
        argv: Strings::new(all(args, "process.args")?),
        envp: Strings::new(all(env, "process.env")?),
        init: None,
    };
    Ok((exec, searched))
}

fn names(spec: &Spec, builder: &mut Builder) -> Result<(), SandboxError> {
    for (name, call, field) in [
        (spec.hostname(), libc::SYS_sethostname, "hostname"),
        (spec.domainname(), libc::SYS_setdomainname, "domainname"),
    ] {
        if let Some(name) = name {
            builder.stage("set the host name", Some(name), Op::Name { call, name: text(name, field)? });
        }
    }
    Ok(())
}

/// Standard descriptors, the report pipe and the session; returns the engine's end of the pipe.
fn stdio(
    request: RunRequest,
    uid: u32,
    ground: &Ground,
    builder: &mut Builder,
) -> Result<Option<File>, SandboxError> {
    let failed = |doing: &'static str| move |source: io::Error| SandboxError::io(doing, source);
    let stdin = match request.stdin {
        Stdin::Null => OwnedFd::from(File::open("/dev/null").map_err(failed("open /dev/null"))?),
        Stdin::File(fd) => fd,
        Stdin::Bytes(bytes) => {
            memory(c"stdin", &bytes).map_err(failed("keep the standard input in memory"))?
        }
    };
    let terminal = rustix::termios::isatty(&stdin);
    let mut fds = [0; 3];
    for (index, fd) in [stdin, request.stdout, request.stderr].into_iter().enumerate() {
        // Programs open /dev/stdout anew and may then write to it as their user.
        let pipe = File::from(fd.try_clone().map_err(failed("copy a standard stream"))?);
        if uid != 0 && pipe.metadata().is_ok_and(|meta| meta.file_type().is_fifo()) {
            let _ = std::os::unix::fs::fchown(&pipe, Some(uid), None);
        }
        fds[index] = builder.keep(above_stdio(fd).map_err(failed("move a standard stream"))?);
    }
    let mut engine_end = None;
    let mut container_end = None;
    if request.init {
        let (read, write) = std::io::pipe().map_err(failed("make the init's pipe"))?;
        container_end =
            Some(builder.keep(above_stdio(write.into()).map_err(failed("move the init's pipe"))?));
        engine_end = Some(File::from(OwnedFd::from(read)));
        let mut argv = vec![CString::from(c"kukri-init")];
        argv.push(text(&builder.plan.exec.paths.len().to_string(), "process.args")?);
        argv.extend_from_slice(builder.plan.exec.paths.strings());
        argv.extend_from_slice(builder.plan.exec.argv.strings());
        builder.plan.exec.init = Some((ground.init.as_raw_fd(), Strings::new(argv)));
    }
    builder.stage("set up standard streams", None, Op::Stdio { fds, report: container_end });
    builder.stage("start a session", None, Op::Session { terminal: terminal && !request.init });
    Ok(engine_end)
}

/// The same file with a descriptor number that no standard stream replaces.
pub fn above_stdio(fd: OwnedFd) -> io::Result<OwnedFd> {
    if fd.as_raw_fd() >= 10 {
        return Ok(fd);
    }
    rustix::io::fcntl_dupfd_cloexec(&fd, 10).map_err(Into::into)
}

/// A file in memory that cannot be changed, read from its start.
pub fn memory(name: &std::ffi::CStr, bytes: &[u8]) -> io::Result<OwnedFd> {
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: a string.
    let fd = check(unsafe { libc::memfd_create(name.as_ptr(), flags) })?;
    // SAFETY: just opened.
    let mut file = unsafe { File::from_raw_fd(fd) };
    file.write_all(bytes)?;
    io::Seek::rewind(&mut file)?;
    let seals = libc::F_SEAL_SEAL | libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_WRITE;
    // SAFETY: an integer argument.
    check(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_ADD_SEALS, seals) })?;
    Ok(file.into())
}

/// Limits, user, capabilities, filter: what makes the process less than the engine, in the order in which it can.
fn restrict(
    spec: &Spec,
    process: &Process,
    ground: &Ground,
    builder: &mut Builder,
) -> Result<(), SandboxError> {
    let user = process.user();
    builder.stage("set the umask", None, Op::Umask(user.umask().unwrap_or(0o022)));
    for limit in process.rlimits().iter().flatten() {
        let op = Op::Limit { resource: resource(limit.typ()), soft: limit.soft(), hard: limit.hard() };
        builder.stage("set a resource limit", Some(&limit.typ().to_string()), op);
    }
    let masks = capability::masks(process.capabilities().as_ref(), ground.capabilities);
    let op = Op::DropBounding { last: ground.last_capability, keep: masks.bounding };
    builder.stage("drop capabilities", None, op);

    let filter = match spec.linux().as_ref().and_then(|linux| linux.seccomp().as_ref()) {
        Some(profile) => {
            let filter = ground.filters.compiled(profile)?;
            Some(Op::Seccomp { filter, flags: 0 })
        }
        None => None,
    };
    let no_new_privileges = process.no_new_privileges() == Some(true);
    let credentials = Op::Credentials {
        uid: user.uid(),
        gid: user.gid(),
        groups: user.additional_gids().clone().unwrap_or_default(),
        capabilities: masks,
    };
    let who = format!("{}:{}", user.uid(), user.gid());
    // Installing a filter takes either no_new_privs or the capability that becoming the user gives up.
    if no_new_privileges {
        builder.stage("change the user", Some(&who), credentials);
        builder.stage("tie the container to the engine", None, Op::DieWithParent);
        builder.stage("set no_new_privs", None, Op::NoNewPrivileges);
        if let Some(filter) = filter {
            builder.stage("install the system call filter", None, filter);
        }
    } else {
        if let Some(filter) = filter {
            builder.stage("install the system call filter", None, filter);
        }
        builder.stage("change the user", Some(&who), credentials);
        builder.stage("tie the container to the engine", None, Op::DieWithParent);
    }
    Ok(())
}

fn resource(limit: PosixRlimitType) -> u32 {
    let resource = match limit {
        PosixRlimitType::RlimitCpu => libc::RLIMIT_CPU,
        PosixRlimitType::RlimitFsize => libc::RLIMIT_FSIZE,
        PosixRlimitType::RlimitData => libc::RLIMIT_DATA,
        PosixRlimitType::RlimitStack => libc::RLIMIT_STACK,
        PosixRlimitType::RlimitCore => libc::RLIMIT_CORE,
        PosixRlimitType::RlimitRss => libc::RLIMIT_RSS,
        PosixRlimitType::RlimitNproc => libc::RLIMIT_NPROC,
        PosixRlimitType::RlimitNofile => libc::RLIMIT_NOFILE,
        PosixRlimitType::RlimitMemlock => libc::RLIMIT_MEMLOCK,
        PosixRlimitType::RlimitAs => libc::RLIMIT_AS,
        PosixRlimitType::RlimitLocks => libc::RLIMIT_LOCKS,
        PosixRlimitType::RlimitSigpending => libc::RLIMIT_SIGPENDING,
        PosixRlimitType::RlimitMsgqueue => libc::RLIMIT_MSGQUEUE,
        PosixRlimitType::RlimitNice => libc::RLIMIT_NICE,
        PosixRlimitType::RlimitRtprio => libc::RLIMIT_RTPRIO,
        PosixRlimitType::RlimitRttime => libc::RLIMIT_RTTIME,
    };
    // The type differs between C libraries.
    #[allow(clippy::unnecessary_cast, reason = "signed in musl, unsigned in glibc")]
    let resource = resource as u32;
    resource
}

/// The highest capability that the kernel knows.
pub fn last_capability() -> u32 {
    let mut text = String::new();
    let read =
        File::open("/proc/sys/kernel/cap_last_cap").and_then(|mut file| file.read_to_string(&mut text));
    read.ok().and_then(|_| text.trim().parse().ok()).unwrap_or(40)
}
