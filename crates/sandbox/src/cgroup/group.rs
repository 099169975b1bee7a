//! The control group of one run.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::files::Files;
use super::layout::{Hierarchy, Layout, Version, words};
use super::limits::Setting;
use super::{CgroupError, Inner};
use crate::{Cgroup, CgroupReader, CgroupUsage};

/// Rounds of killing; each one catches what was forked during the round before.
const KILL_ROUNDS: usize = 100;
/// How long an earlier run of the same name may take to go.
const REPLACE_PATIENCE: Duration = Duration::from_secs(1);

/// The control group of one run: a directory in each hierarchy that is needed; none where nothing is limited.
#[derive(Debug)]
pub struct Group {
    files: Files,
    /// `cgroup.procs` of each directory, until they are taken.
    join: Vec<OwnedFd>,
    /// The v2 group itself, for `CLONE_INTO_CGROUP`.
    descriptor: Option<OwnedFd>,
    inner: Arc<Inner>,
}

impl Group {
    pub(super) fn new(inner: Arc<Inner>) -> Self {
        Self { files: Files::default(), join: Vec::new(), descriptor: None, inner }
    }

    /// Makes this run's directory in a hierarchy.
    pub(super) fn add(
        &mut self,
        hierarchy: &Hierarchy,
        layout: &Layout,
        id: &str,
    ) -> Result<(), CgroupError> {
        let path = hierarchy.dir.join(id);
        let made = match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                hierarchy.clear_leftovers();
                layout.restore(hierarchy).and_then(|()| fs::create_dir(&path))
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => replace(&path),
            outcome => outcome,
        };
        let failed = |source| CgroupError::Create { path: path.clone(), source };
        made.map_err(failed)?;
        self.files.dirs.push((hierarchy.controllers.clone(), path.clone()));
        let join = File::options().write(true).open(path.join("cgroup.procs")).map_err(failed)?;
        self.join.push(join.into());
        if layout.version == Some(Version::V2) {
            self.descriptor = Some(File::open(&path).map_err(failed)?.into());
            self.files.is_v2 = true;
        }
        Ok(())
    }

    /// Writes one limit.
    pub(super) fn set(&self, setting: &Setting) -> Result<(), CgroupError> {
        let Some(dir) = self.files.dir(setting.controller.name()) else { return Ok(()) };
        let path = dir.join(setting.file);
        match fs::write(&path, &setting.value) {
            Err(source) if setting.required => {
                Err(CgroupError::Limit { path, value: setting.value.clone(), source })
            }
            _ => Ok(()),
        }
    }

    /// Moves a process into the group, from outside.
    ///
    /// # Errors
    /// When the process is gone or the kernel refuses.
    pub fn attach(&self, pid: u32) -> Result<(), CgroupError> {
        for (_, dir) in &self.files.dirs {
            let path = dir.join("cgroup.procs");
            fs::write(&path, pid.to_string()).map_err(|source| CgroupError::Limit {
                path,
                value: pid.to_string(),
                source,
            })?;
        }
        Ok(())
    }

    /// The directory to name in `clone3` with `CLONE_INTO_CGROUP`; only on v2.
    #[must_use]
    pub fn clone_into(&self) -> Option<BorrowedFd<'_>> {
        self.descriptor.as_ref().map(AsFd::as_fd)
    }
}

impl Cgroup for Group {
    fn join_files(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.join)
    }

    fn kill(&self) {
        let dirs: Vec<PathBuf> = self.files.dirs.iter().map(|(_, dir)| dir.clone()).collect();
        kill_all(&dirs);
    }

    fn usage(&self) -> CgroupUsage {
        self.files.usage()
    }

    fn reader(&self) -> CgroupReader {
        let files = self.files.clone();
        Arc::new(move || files.read())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let dirs = std::mem::take(&mut self.files.dirs).into_iter().map(|(_, dir)| dir).collect();
        self.inner.remover.remove(dirs);
    }
}

/// Makes a group in place of one with the same name, whose run has ended but which is not removed yet.
fn replace(path: &Path) -> io::Result<()> {
    let begun = Instant::now();
    loop {
        // Only a group without processes can be removed.
        let _ = fs::remove_dir(path);
        match fs::create_dir(path) {
            Err(error)
                if error.kind() == io::ErrorKind::AlreadyExists && begun.elapsed() < REPLACE_PATIENCE =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            outcome => return outcome,
        }
    }
}

/// Kills every process in a group, given by its directories; returns when none is left or none can be killed.
pub(super) fn kill_all(dirs: &[PathBuf]) {
    // The kernel does it at once on v2 from 5.14 on.
    if dirs.iter().any(|dir| fs::write(dir.join("cgroup.kill"), "1").is_ok()) {
        return;
    }
    // No more forks, so that every round leaves fewer.
    for dir in dirs {
        let limit = dir.join("pids.max");
        if limit.exists() {
            let _ = fs::write(limit, "0");
        }
    }
    for _ in 0..KILL_ROUNDS {
        if dirs.iter().map(|dir| kill_round(dir)).sum::<usize>() == 0 {
            return;
        }
        std::thread::yield_now();
    }
}

/// Kills the processes which are in the group now; returns how many there were.
fn kill_round(dir: &Path) -> usize {
    let file = dir.join("cgroup.procs");
    let pid = |word: &String| word.parse().ok().and_then(Pid::from_raw);
    let first: Vec<Pid> = words(&file).iter().filter_map(pid).collect();
    let open: Vec<(Pid, OwnedFd)> = first
        .into_iter()
        .filter_map(|pid| pidfd_open(pid, PidfdFlags::empty()).ok().map(|descriptor| (pid, descriptor)))
        .collect();
    // A number may have been given to another process since it was read. The descriptors cannot change their process,
    // so those whose number is still in the group are the right ones.
    let second: Vec<Pid> = words(&file).iter().filter_map(pid).collect();
    for (_, descriptor) in open.iter().filter(|(pid, _)| second.contains(pid)) {
        let _ = pidfd_send_signal(descriptor, Signal::KILL);
    }
    second.len()
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};

    use oci_spec::runtime::{LinuxMemoryBuilder, LinuxPidsBuilder, LinuxResources};

    use super::super::ControlGroups;
    use super::super::files::number;
    use super::*;

    #[expect(clippy::print_stderr, reason = "tells the reader of the test's output")]
    fn groups() -> Option<ControlGroups> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: needs root");
            return None;
        }
        let groups = ControlGroups::detect();
        if let Some(reason) = groups.reason() {
            eprintln!("skipped: {reason}");
            return None;
        }
        Some(groups)
    }

    fn limits(pids: Option<i64>, memory: Option<i64>) -> LinuxResources {
        let mut resources = LinuxResources::default();
        if let Some(limit) = pids {
            resources.set_pids(Some(LinuxPidsBuilder::default().limit(limit).build().unwrap()));
        }
        if let Some(limit) = memory {
            resources.set_memory(Some(LinuxMemoryBuilder::default().limit(limit).build().unwrap()));
        }
        resources
    }

    /// Starts a shell command which joins the group before it runs.
    fn spawn(group: &mut Group, script: &str) -> Child {
        let files = group.join_files();
        let mut command = Command::new("sh");
        command.args(["-c", script]).stdout(Stdio::null()).stderr(Stdio::null());
        // SAFETY: only writes to open files, as the native executor does.
        unsafe {
            command.pre_exec(move || {
                for file in &files {
                    rustix::io::write(file, b"0")?;
                }
                Ok(())
            })
        };
        command.spawn().unwrap()
    }

    fn wait(child: &mut Child, patience: Duration) -> Option<std::process::ExitStatus> {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if let Some(status) = child.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        None
    }

    #[test]
    fn privileged_a_fork_bomb_is_held_and_killed() {
        let Some(groups) = groups() else { return };
        let resources = limits(Some(32), None);
        let mut group = groups.create_group("bomb", Some(&resources), false).unwrap();
        let dir = group.files.dir("pids").unwrap().to_path_buf();
        let mut child = spawn(
            &mut group,
            // Ends at about 2000 should the limit not hold.
            "bomb() { [ $1 = 0 ] || { bomb $(($1-1)) & bomb $(($1-1)) & }; sleep 300; }; bomb 10",
        );
        let begun = Instant::now();
        while group.usage().refused_processes == Some(0) && begun.elapsed() < Duration::from_secs(5) {
            assert!(number(&dir.join("pids.current")).unwrap() <= 32);
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(group.usage().refused_processes.unwrap() > 0, "the limit was reached");
        let begun = Instant::now();
        group.kill();
        assert!(wait(&mut child, Duration::from_secs(2)).is_some());
        drop(group);
        drop(groups);
        assert!(!dir.exists(), "removed with all that was in it");
        assert!(begun.elapsed() < Duration::from_secs(2));
    }

    #[test]
    fn privileged_memory_is_limited_and_counted() {
        let Some(groups) = groups() else { return };
        let limit = 32 << 20;
        let mut group = groups.create_group("memory", Some(&limits(None, Some(limit))), false).unwrap();
        let mut child = spawn(&mut group, "x=$(head -c 200000000 /dev/zero | tr '\\0' x)");
        let status = wait(&mut child, Duration::from_secs(20)).expect("ends");
        assert!(!status.success());
        let usage = group.usage();
        assert!(usage.oom_kills.unwrap() > 0);
        let peak = usage.memory_peak_bytes.unwrap();
        assert!(peak > 1 << 20 && peak <= limit as u64, "{peak}");
    }

    #[test]
    fn privileged_cpu_time_is_counted() {
        let Some(groups) = groups() else { return };
        let mut group = groups.create_group("cpu", None, true).unwrap();
        let mut child = spawn(&mut group, "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done");
        wait(&mut child, Duration::from_secs(20)).expect("ends");
        assert!(group.usage().cpu_micros.unwrap() > 1000);
    }

    /// All that this machine has hierarchies for, also where nothing is limited.
    #[test]
    fn privileged_a_run_is_counted_while_it_lives() {
        let Some(groups) = groups() else { return };
        let mut group = groups.create_group("count", None, true).unwrap();
        let read = group.reader();
        let script = "x=$(head -c 8000000 /dev/zero | tr '\\0' x); i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; \
                      sleep 300";
        let mut child = spawn(&mut group, script);
        let begun = Instant::now();
        let counted = |usage: CgroupUsage| {
            usage.memory_current_bytes > Some(8_000_000) && usage.user_micros > Some(1000)
        };
        while !counted(read()) && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let usage = read();
        assert!(counted(usage), "{usage:?}");
        assert!(usage.memory_peak_bytes >= usage.memory_current_bytes, "{usage:?}");
        let times = [usage.user_micros, usage.system_micros].map(Option::unwrap);
        assert!(usage.cpu_micros.unwrap() >= times[0] && times[1] < 10_000_000, "{usage:?}");
        let has_v2 = groups.version() == Some(Version::V2) || Layout::any_v2().is_some();
        let counts_pressure = has_v2 && fs::read_to_string("/proc/pressure/cpu").is_ok();
        assert_eq!(usage.cpu_pressure.some_micros.is_some(), counts_pressure, "{usage:?}");
        assert_eq!(usage.io_pressure.full_micros.is_some(), counts_pressure, "{usage:?}");
        let dirs: Vec<PathBuf> = group.files.dirs.iter().map(|(_, dir)| dir.clone()).collect();
        group.kill();
        assert!(wait(&mut child, Duration::from_secs(2)).is_some());
        drop((group, groups));
        assert!(dirs.iter().all(|dir| !dir.exists()), "{dirs:?}");
        assert_eq!(read(), CgroupUsage::default(), "it is gone");
    }

    /// Hybrid machines have a v2 tree too, if without the controllers that we want.
    #[test]
    fn privileged_v2_groups_are_joined_counted_and_killed() {
        if groups().is_none() {
            return;
        }
        let Some(layout) = Layout::any_v2() else {
            #[expect(clippy::print_stderr, reason = "tells the reader of the test's output")]
            {
                eprintln!("skipped: no cgroup2 tree is mounted");
            }
            return;
        };
        let groups = ControlGroups::with_layout(layout);
        let mut group = groups.create_group("v2", None, false).unwrap();
        assert!(group.clone_into().is_some());
        let script = "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 300 & sleep 300";
        let mut child = spawn(&mut group, script);
        let dir = group.files.dirs[0].1.clone();
        let begun = Instant::now();
        while words(&dir.join("cgroup.procs")).len() < 3 && begun.elapsed() < Duration::from_secs(10) {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(group.usage().cpu_micros.unwrap() > 1000);
        group.kill();
        assert!(wait(&mut child, Duration::from_secs(2)).is_some());
        drop((group, groups));
        assert!(!dir.exists());
    }

    #[test]
    fn privileged_a_run_without_limits_needs_no_group_on_v1() {
        let Some(groups) = groups() else { return };
        let mut group = groups.create_group("free", None, false).unwrap();
        let expected = usize::from(groups.version() == Some(Version::V2));
        assert_eq!(group.join_files().len(), expected);
    }

    #[test]
    fn limits_are_refused_where_there_are_no_groups() {
        let groups = ControlGroups::none("because");
        assert!(groups.create_group("a", None, false).is_ok());
        let error = groups.create_group("a", Some(&limits(Some(5), None)), false).unwrap_err();
        assert_eq!(error.to_string(), "limits cannot be set here: because");
    }

    #[test]
    fn limits_that_are_never_set_are_refused_everywhere() {
        let resources = serde_json::from_str(r#"{"cpu": {"cpus": "0"}}"#).unwrap();
        let error = ControlGroups::none("because").create_group("a", Some(&resources), false).unwrap_err();
        assert!(matches!(error, CgroupError::Unsupported { limit: "cpu.cpus" }), "{error}");
    }

    #[test]
    fn names_cannot_leave_the_engines_group() {
        let groups = ControlGroups::none("because");
        for name in ["", "..", "a/b", ".hidden"] {
            assert!(matches!(groups.create_group(name, None, false), Err(CgroupError::Name(_))), "{name:?}");
        }
    }
}
