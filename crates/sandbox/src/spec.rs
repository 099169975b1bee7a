//! Container specs with the defaults that users of Docker know.

use std::path::{Path, PathBuf};

use oci_spec::runtime::{
    Capabilities, Capability, Linux, LinuxCapabilities, LinuxNamespace, LinuxNamespaceType, Mount, Process,
    Root, Spec, User,
};

use crate::native::ALL_CAPABILITIES;
use crate::seccomp;

/// Kernel interfaces that tell about, or reach, more than the container.
const MASKED: [&str; 12] = [
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
];

/// Kernel interfaces that may be read but not changed.
const READONLY: [&str; 5] = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/// Docker's capability set.
const CAPABILITIES: [Capability; 14] = {
    use Capability::*;
    [
        AuditWrite,
        Chown,
        DacOverride,
        Fowner,
        Fsetid,
        Kill,
        Mknod,
        NetBindService,
        NetRaw,
        Setfcap,
        Setgid,
        Setpcap,
        Setuid,
        SysChroot,
    ]
};

/// What [`default_spec`] is told about the command.
#[derive(Clone, Debug, Default)]
pub struct Command {
    /// Program and arguments.
    pub args: Vec<String>,
    /// `NAME=value` entries, the whole environment.
    pub env: Vec<String>,
    /// Absolute working directory; `/` when empty.
    pub cwd: PathBuf,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
    /// Supplementary groups.
    pub additional_gids: Vec<u32>,
    /// Host name; the engine's own is never visible.
    pub hostname: String,
}

/// A spec with Docker's defaults: namespaces of all kinds but user, `/proc`, `/dev`, `/dev/pts`, `/dev/shm`,
/// `/dev/mqueue` and a read-only `/sys`; masked and read-only paths; 14 capabilities; the default seccomp profile.
///
/// `no_new_privileges` is off, as it is there and in BuildKit: `sudo` in a step must work, and set-user-id programs
/// can reach no more than the bounding set. Callers who want it call `set_no_new_privileges` on the process.
#[must_use]
pub fn default_spec(command: Command) -> Spec {
    let capabilities: Capabilities = CAPABILITIES.into_iter().collect();
    let mut user = User::default();
    user.set_uid(command.uid).set_gid(command.gid);
    if !command.additional_gids.is_empty() {
        user.set_additional_gids(Some(command.additional_gids));
    }
    let mut process = Process::default();
    process
        .set_terminal(Some(false))
        .set_user(user)
        .set_args(Some(command.args))
        .set_env(Some(command.env))
        .set_cwd(if command.cwd.as_os_str().is_empty() { PathBuf::from("/") } else { command.cwd })
        .set_capabilities(Some(capability_sets(&capabilities)))
        .set_rlimits(None)
        .set_no_new_privileges(Some(false));
    let mut root = Root::default();
    root.set_path(PathBuf::from("rootfs")).set_readonly(Some(false));
    let mut linux = Linux::default();
    linux
        .set_namespaces(Some(namespaces()))
        .set_masked_paths(Some(MASKED.map(str::to_owned).to_vec()))
        .set_readonly_paths(Some(READONLY.map(str::to_owned).to_vec()))
        .set_seccomp(Some(seccomp::default_profile(&capabilities)))
        .set_resources(None);
    let mut spec = Spec::default();
    spec.set_process(Some(process))
        .set_root(Some(root))
        .set_hostname((!command.hostname.is_empty()).then_some(command.hostname))
        .set_mounts(Some(mounts()))
        .set_linux(Some(linux));
    spec
}

/// The kernel parameter which bounds the numbers of processes, and with them how many there can be.
pub const PID_MAX: &str = "kernel.pid_max";

/// Whether each pid namespace has a [`PID_MAX`] of its own (Linux 6.14). Before, it is the machine's.
#[must_use]
pub fn pid_max_is_of_the_namespace() -> bool {
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    let mut numbers = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (6, 14)
}

/// Lets the container's processes and threads have numbers up to `most` only: a limit that, unlike a control group,
/// costs a run nothing. Only where [`pid_max_is_of_the_namespace`].
pub fn bound_pid_numbers(spec: &mut Spec, most: u32) {
    if let Some(linux) = spec.linux_mut() {
        let mut sysctl = linux.sysctl().clone().unwrap_or_default();
        sysctl.insert(PID_MAX.to_owned(), most.to_string());
        linux.set_sysctl(Some(sysctl));
    }
}

/// The spec with nearly all borders open, as for `insecureRootCapabilities`: every capability, no filter, nothing
/// masked, `/sys` and the control groups writable. Namespaces stay.
#[must_use]
pub fn privileged(mut spec: Spec) -> Spec {
    let all: Capabilities = ALL_CAPABILITIES.into_iter().collect();
    if let Some(process) = spec.process_mut() {
        process.set_capabilities(Some(capability_sets(&all))).set_no_new_privileges(Some(false));
    }
    if let Some(linux) = spec.linux_mut() {
        linux.set_seccomp(None).set_masked_paths(None).set_readonly_paths(None);
    }
    let mut listed = spec.mounts().clone().unwrap_or_default();
    for mount in &mut listed {
        if mount.typ().as_deref() == Some("sysfs") {
            let options =
                mount.options().iter().flatten().filter(|option| *option != "ro").cloned().collect();
            mount.set_options(Some(options));
        }
    }
    let after = listed.iter().position(|mount| mount.destination() == Path::new("/sys"));
    let place = after.map_or(listed.len(), |index| index + 1);
    listed.insert(place, mount("/sys/fs/cgroup", "cgroup", &["nosuid", "noexec", "nodev", "rw"]));
    spec.set_mounts(Some(listed));
    spec
}

fn capability_sets(set: &Capabilities) -> LinuxCapabilities {
    let mut sets = LinuxCapabilities::default();
    sets.set_bounding(Some(set.clone()))
        .set_effective(Some(set.clone()))
        .set_permitted(Some(set.clone()))
        .set_inheritable(None)
        .set_ambient(None);
    sets
}

fn namespaces() -> Vec<LinuxNamespace> {
    use LinuxNamespaceType::{Cgroup, Ipc, Mount, Network, Pid, Uts};
    [Pid, Ipc, Uts, Mount, Cgroup, Network]
        .into_iter()
        .map(|kind| {
            let mut namespace = LinuxNamespace::default();
            namespace.set_typ(kind);
            namespace
        })
        .collect()
}

fn mounts() -> Vec<Mount> {
    vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"],
        ),
        mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ]
}

fn mount(destination: &str, kind: &str, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_destination(PathBuf::from(destination))
        .set_typ(Some(kind.to_owned()))
        .set_source(Some(PathBuf::from(kind)))
        .set_options(Some(options.iter().map(|&option| option.to_owned()).collect()));
    mount
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_survives_the_way_through_json() {
        let spec = default_spec(Command { args: vec!["true".to_owned()], ..Command::default() });
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), spec);
        assert!(text.contains("\"SCMP_ACT_ERRNO\""), "{text}");
    }

    #[test]
    fn privileged_opens_the_borders() {
        let spec = privileged(default_spec(Command::default()));
        let linux = spec.linux().as_ref().unwrap();
        assert!(linux.seccomp().is_none() && linux.masked_paths().is_none());
        let mounts = spec.mounts().as_ref().unwrap();
        let sys = mounts.iter().position(|mount| mount.destination() == Path::new("/sys")).unwrap();
        assert!(!mounts[sys].options().as_ref().unwrap().contains(&"ro".to_owned()));
        assert_eq!(mounts[sys + 1].destination(), Path::new("/sys/fs/cgroup"));
        let bounding = spec.process().as_ref().unwrap().capabilities().as_ref().unwrap().bounding();
        assert_eq!(bounding.as_ref().unwrap().len(), 41);
    }
}
