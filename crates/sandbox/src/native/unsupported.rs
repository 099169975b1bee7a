//! What a spec may ask for and the native executor does not do. It is refused: a border that its author believes in and
//! that is not there is worse than an error.

use std::path::Path;

use oci_spec::runtime::{LinuxNamespaceType, Mount, Spec};

use crate::{NetworkMode, SandboxError};

/// Kernel parameters that belong to the container's IPC namespace.
const IPC: [&str; 8] = [
    "kernel.msgmax",
    "kernel.msgmnb",
    "kernel.msgmni",
    "kernel.sem",
    "kernel.shmall",
    "kernel.shmmax",
    "kernel.shmmni",
    "kernel.shm_rmid_forced",
];

/// Refuses what would be passed over otherwise.
pub fn check(spec: &Spec, network: NetworkMode) -> Result<(), SandboxError> {
    for (field, asked) in asked(spec) {
        if asked {
            return Err(SandboxError::Unsupported {
                feature: format!("{field} of a container's spec"),
                next:
                    "the engine's own sandbox does not do it; leave it out, or use an OCI runtime that does \
                       (--oci-runtime runc)"
                        .to_owned(),
            });
        }
    }
    for mount in spec.mounts().iter().flatten() {
        check_mount(mount)?;
    }
    check_parameters(spec, network)
}

/// Fields by name, each with whether the spec uses it. Empty lists and values that are the default count as unused.
fn asked(spec: &Spec) -> Vec<(&'static str, bool)> {
    fn list<T>(list: &Option<Vec<T>>) -> bool {
        list.as_ref().is_some_and(|list| !list.is_empty())
    }
    fn text(text: &Option<String>) -> bool {
        text.as_ref().is_some_and(|text| !text.is_empty())
    }
    let mut fields = vec![
        ("uidMappings", list(spec.uid_mappings()) || list(spec.gid_mappings())),
        ("solaris", spec.solaris().is_some()),
        ("windows", spec.windows().is_some()),
        ("vm", spec.vm().is_some()),
        ("zos", spec.zos().is_some()),
    ];
    if let Some(hooks) = spec.hooks() {
        #[allow(deprecated, reason = "old specs have it")]
        let prestart = list(hooks.prestart());
        let others = [
            hooks.create_runtime(),
            hooks.create_container(),
            hooks.start_container(),
            hooks.poststart(),
            hooks.poststop(),
        ];
        fields.push(("hooks", prestart || others.into_iter().any(list)));
    }
    if let Some(process) = spec.process() {
        fields.extend([
            ("process.apparmorProfile", text(process.apparmor_profile())),
            ("process.selinuxLabel", text(process.selinux_label())),
            ("process.ioPriority", process.io_priority().is_some()),
            ("process.scheduler", process.scheduler().is_some()),
            ("process.execCPUAffinity", process.exec_cpu_affinity().is_some()),
            ("process.commandLine", text(process.command_line())),
            ("process.terminal", process.terminal() == Some(true)),
        ]);
    }
    if let Some(linux) = spec.linux() {
        let resources = linux.resources().as_ref();
        fields.extend([
            ("linux.uidMappings", list(linux.uid_mappings()) || list(linux.gid_mappings())),
            ("linux.cgroupsPath", linux.cgroups_path().as_ref().is_some_and(|path| path != Path::new(""))),
            ("linux.rootfsPropagation", text(linux.rootfs_propagation())),
            ("linux.mountLabel", text(linux.mount_label())),
            ("linux.intelRdt", linux.intel_rdt().is_some()),
            ("linux.memoryPolicy", linux.memory_policy().is_some()),
            ("linux.personality", linux.personality().is_some()),
            ("linux.timeOffsets", linux.time_offsets().as_ref().is_some_and(|offsets| !offsets.is_empty())),
            ("linux.netDevices", linux.net_devices().as_ref().is_some_and(|devices| !devices.is_empty())),
            // Nodes are made for the listed devices only, and the capability to make others is not given by default.
            ("linux.resources.devices", resources.is_some_and(|resources| list(resources.devices()))),
        ]);
        if let Some(seccomp) = linux.seccomp() {
            fields.extend([
                ("linux.seccomp.flags", list(seccomp.flags())),
                ("linux.seccomp.listenerPath", seccomp.listener_path().is_some()),
            ]);
        }
    }
    fields
}

/// Mapped mounts. Other words go to the file system, which refuses those that it does not know.
fn check_mount(mount: &Mount) -> Result<(), SandboxError> {
    let mapped = mount.uid_mappings().is_some()
        || mount.gid_mappings().is_some()
        || mount.options().iter().flatten().any(|option| option == "idmap" || option == "ridmap");
    if mapped {
        return Err(SandboxError::Unsupported {
            feature: format!("the mount on {} with mapped users", mount.destination().display()),
            next: "the engine's own sandbox does not do it; give the files to the users who need them"
                .to_owned(),
        });
    }
    Ok(())
}

/// Parameters which are not the container's own would be changed for the whole machine.
fn check_parameters(spec: &Spec, network: NetworkMode) -> Result<(), SandboxError> {
    let linux = spec.linux().as_ref();
    let has = |kind| {
        let listed = linux.and_then(|linux| linux.namespaces().as_ref());
        listed.into_iter().flatten().any(|namespace| namespace.typ() == kind)
    };
    for name in linux.and_then(|linux| linux.sysctl().as_ref()).into_iter().flat_map(|sysctl| sysctl.keys()) {
        let own = if name.starts_with("net.") {
            network != NetworkMode::Host
        } else if name.starts_with("fs.mqueue.") || IPC.contains(&name.as_str()) {
            has(LinuxNamespaceType::Ipc)
        } else {
            name == crate::spec::PID_MAX && crate::spec::pid_max_is_of_the_namespace()
        };
        if !own || name.contains('/') || name.contains("..") {
            let problem = format!("{name} is not a parameter of the container alone");
            return Err(SandboxError::spec("linux.sysctl", problem));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spec::{Command, default_spec, privileged};

    fn refused(change: &str) -> String {
        let mut spec = serde_json::to_value(default_spec(Command::default())).unwrap();
        merge(&mut spec, serde_json::from_str(change).unwrap());
        let spec: Spec = serde_json::from_value(spec).unwrap();
        check(&spec, NetworkMode::None).expect_err(change).to_string()
    }

    fn merge(into: &mut serde_json::Value, from: serde_json::Value) {
        match (into, from) {
            (serde_json::Value::Object(into), serde_json::Value::Object(from)) => {
                for (key, value) in from {
                    merge(into.entry(key).or_insert(serde_json::Value::Null), value);
                }
            }
            (into, from) => *into = from,
        }
    }

    #[test]
    fn what_the_engine_asks_for_is_done() {
        check(&default_spec(Command::default()), NetworkMode::Host).unwrap();
        check(&privileged(default_spec(Command::default())), NetworkMode::Host).unwrap();
    }

    #[test]
    fn what_is_not_done_is_refused_by_name() {
        let id = r#"[{"containerID": 0, "hostID": 1000, "size": 1}]"#;
        for (field, change) in [
            ("process.apparmorProfile", r#"{"process": {"apparmorProfile": "docker-default"}}"#.to_owned()),
            ("process.selinuxLabel", r#"{"process": {"selinuxLabel": "a:b:c:s0"}}"#.to_owned()),
            ("process.terminal", r#"{"process": {"terminal": true}}"#.to_owned()),
            (
                "process.ioPriority",
                r#"{"process": {"ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 1}}}"#.to_owned(),
            ),
            ("linux.mountLabel", r#"{"linux": {"mountLabel": "a:b:c:s0"}}"#.to_owned()),
            ("linux.cgroupsPath", r#"{"linux": {"cgroupsPath": "/a"}}"#.to_owned()),
            ("linux.rootfsPropagation", r#"{"linux": {"rootfsPropagation": "shared"}}"#.to_owned()),
            ("linux.uidMappings", format!(r#"{{"linux": {{"uidMappings": {id}}}}}"#)),
            ("linux.timeOffsets", r#"{"linux": {"timeOffsets": {"boottime": {"secs": 1}}}}"#.to_owned()),
            (
                "linux.resources.devices",
                r#"{"linux": {"resources": {"devices": [{"allow": false, "access": "rwm"}]}}}"#.to_owned(),
            ),
            (
                "linux.seccomp.flags",
                r#"{"linux": {"seccomp": {"flags": ["SECCOMP_FILTER_FLAG_LOG"]}}}"#.to_owned(),
            ),
            ("hooks", r#"{"hooks": {"createRuntime": [{"path": "/bin/true"}]}}"#.to_owned()),
            ("hooks", r#"{"hooks": {"prestart": [{"path": "/bin/true"}]}}"#.to_owned()),
            (
                "/mapped",
                format!(
                    r#"{{"mounts": [{{"destination": "/mapped", "source": "/", "options": ["bind"], "uidMappings": {id}}}]}}"#
                ),
            ),
            (
                "/mapped",
                r#"{"mounts": [{"destination": "/mapped", "source": "/", "options": ["bind", "idmap"]}]}"#
                    .to_owned(),
            ),
            ("vm.swappiness", r#"{"linux": {"sysctl": {"vm.swappiness": "1"}}}"#.to_owned()),
            ("vm.dirty", r#"{"linux": {"sysctl": {"net.core/../vm.dirty": "1"}}}"#.to_owned()),
        ] {
            let said = refused(&change);
            let name = field.rsplit('/').next().unwrap_or(field);
            assert!(said.contains(name), "{field}: {said}");
        }
    }

    #[test]
    fn parameters_of_the_containers_own_namespaces_are_set() {
        let mut spec = default_spec(Command::default());
        let own = ["net.ipv4.ip_unprivileged_port_start", "kernel.shmmax", "fs.mqueue.msg_max"];
        let sysctl = own.map(|name| (name.to_owned(), "1".to_owned())).into_iter().collect();
        spec.linux_mut().as_mut().unwrap().set_sysctl(Some(sysctl));
        check(&spec, NetworkMode::Bridge).unwrap();
        let error = check(&spec, NetworkMode::Host).unwrap_err();
        assert!(error.to_string().contains("net.ipv4"), "{error}");
    }
}
