//! The root file system and all mounts of a plan.

use std::os::fd::{AsRawFd, RawFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxDevice, LinuxDeviceType, Mount, Spec};

use super::options::MountOptions;
use super::plan::{Label, Node, Op, Parameter};
use super::prepare::{Builder, components, text};
use super::{Ground, mounts};
use crate::{FileSource, Rootfs, RunRequest, SandboxError, userns};

/// Devices that every container has: name and number.
const DEVICES: [(&str, u32, u32); 6] =
    [("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0)];

/// Links that every container has in `/dev`.
const LINKS: [(&str, &str); 6] = [
    ("ptmx", "pts/ptmx"),
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("core", "/proc/kcore"),
];

/// Adds the mounts of a request to a plan.
pub struct Mounting<'a> {
    builder: &'a mut Builder,
    spec: &'a Spec,
    ground: &'a Ground,
    /// Where something is mounted already: what is created below does not land in the root.
    covered: Vec<PathBuf>,
    /// Slots of mounts that are made before the root is entered, by destination.
    early: Vec<(PathBuf, usize)>,
}

impl<'a> Mounting<'a> {
    /// For one plan.
    pub fn new(builder: &'a mut Builder, spec: &'a Spec, ground: &'a Ground) -> Self {
        Self { builder, spec, ground, covered: Vec::new(), early: Vec::new() }
    }

    /// Adds everything in order; returns the number of the root mount's descriptor.
    pub fn mount(mut self, request: &RunRequest) -> Result<RawFd, SandboxError> {
        let slots = self.clone_files(request)?;
        self.make_early()?;
        let root = self.root(&request.rootfs)?;
        let spec = self.spec;
        for mount in spec.mounts().iter().flatten() {
            self.one(mount)?;
        }
        self.other_devices()?;
        for (file, slot) in request.files.iter().zip(slots) {
            let target = self.target(&file.path, true)?;
            match (&file.source, slot) {
                (_, Some(slot)) => {
                    let label = Label::Mount("an injected file".to_owned(), file.path.clone());
                    self.builder.add(label, Op::AttachSlot { slot, target });
                }
                (FileSource::Host(source), None) => {
                    let options = MountOptions::parse(&["ro", "nosuid", "nodev"].map(str::to_owned));
                    let what = source.display().to_string();
                    let mount = mounts::bind(source, &options).map_err(failed(&what, &file.path))?;
                    let fd = self.builder.keep(mount);
                    self.builder.add(Label::Mount(what, file.path.clone()), Op::Attach { fd, target });
                }
                (FileSource::Content(_), None) => {}
            }
        }
        Ok(root)
    }

    /// In a user namespace the kernel must see its own `/proc` and `/sys` to give out others, so they are made while
    /// the launcher's are still there.
    fn make_early(&mut self) -> Result<(), SandboxError> {
        if !self.ground.user_namespace {
            return Ok(());
        }
        for mount in self.spec.mounts().iter().flatten() {
            let kind = mount.typ().as_deref().unwrap_or_default();
            if kind != "proc" && kind != "sysfs" {
                continue;
            }
            let options = MountOptions::parse(mount.options().as_deref().unwrap_or_default());
            let slot = self.builder.slot();
            self.early.push((mount.destination().clone(), slot));
            let op = Op::Make {
                kind: text(kind, "mounts")?,
                parameters: parameters(&options)?,
                attributes: options.set,
                slot,
            };
            self.builder.add(Label::Mount(kind.to_owned(), mount.destination().clone()), op);
        }
        Ok(())
    }

    /// Writes the files with content and has the child clone each; returns their slots.
    fn clone_files(&mut self, request: &RunRequest) -> Result<Vec<Option<usize>>, SandboxError> {
        let mut contents = Vec::new();
        let mut names = Vec::new();
        let mut slots = Vec::with_capacity(request.files.len());
        for file in &request.files {
            slots.push(match &file.source {
                FileSource::Content(content) => {
                    let slot = self.builder.slot();
                    names.push((text(&contents.len().to_string(), "files")?, slot));
                    contents.push((content.as_slice(), file.uid, file.gid, file.mode));
                    Some(slot)
                }
                FileSource::Host(_) => None,
            });
        }
        if !contents.is_empty() {
            let tree = mounts::files(&contents)
                .map_err(|source| SandboxError::io("write the files to inject", source))?;
            let tree = self.builder.keep(tree);
            self.builder.stage("prepare injected files", None, Op::CloneFiles { tree, names });
        }
        Ok(slots)
    }

    fn root(&mut self, rootfs: &Rootfs) -> Result<RawFd, SandboxError> {
        let mount = match rootfs {
            Rootfs::Overlay { lowers, upper, work, userxattr } => {
                if lowers.is_empty() {
                    return Err(SandboxError::spec(
                        "rootfs",
                        "an overlay needs at least one lower directory",
                    ));
                }
                let overlay = mounts::Overlay { lowers, upper: Some((upper, work)), userxattr: *userxattr };
                mounts::overlay(&overlay, 0).map_err(failed("overlay", Path::new("/")))?
            }
            Rootfs::Bind(path) => {
                let options = MountOptions::parse(&["rbind".to_owned()]);
                mounts::bind(path, &options).map_err(failed(&path.display().to_string(), Path::new("/")))?
            }
        };
        let fd = mount.as_raw_fd();
        self.builder.keep(mount);
        self.builder.stage("enter the root file system", None, Op::Root { fd });
        Ok(fd)
    }

    fn one(&mut self, mount: &Mount) -> Result<(), SandboxError> {
        let options = MountOptions::parse(mount.options().as_deref().unwrap_or_default());
        let kind = mount.typ().as_deref().unwrap_or("none");
        let destination = mount.destination();
        if options.bind || kind == "bind" {
            let source = mount.source().as_deref().ok_or_else(|| {
                SandboxError::spec("mounts", format!("{} has no source", destination.display()))
            })?;
            let what = source.display().to_string();
            let made = mounts::bind(source, &options).map_err(failed(&what, destination))?;
            self.attach(made, what, destination)?;
        } else if kind == "overlay" {
            let made = spec_overlay(&options).map_err(failed("overlay", destination))?;
            self.attach(made, "overlay".to_owned(), destination)?;
        } else if kind == "cgroup" {
            self.cgroup(mount, &options)?;
        } else {
            self.file_system(kind, &options, destination)?;
        }
        if options.propagation != 0 {
            let path = text(&destination.display().to_string(), "mounts")?;
            let op = Op::Propagation { path, flags: options.propagation };
            self.builder.stage("set mount propagation", None, op);
        }
        self.covered.push(destination.clone());
        Ok(())
    }

    fn attach(
        &mut self,
        made: std::os::fd::OwnedFd,
        what: String,
        destination: &Path,
    ) -> Result<(), SandboxError> {
        let directory = mounts::is_directory(&made).map_err(failed(&what, destination))?;
        let target = self.target(destination, !directory)?;
        let fd = self.builder.keep(made);
        self.builder.add(Label::Mount(what, destination.to_owned()), Op::Attach { fd, target });
        Ok(())
    }

    /// A file system that the child makes, because it belongs to the child's namespaces.
    fn file_system(
        &mut self,
        kind: &str,
        options: &MountOptions,
        destination: &Path,
    ) -> Result<(), SandboxError> {
        let device_tree = destination == Path::new("/dev") && kind == "tmpfs";
        let nodes = if device_tree && !self.ground.user_namespace { nodes()? } else { Vec::new() };
        if let Some(index) = self.early.iter().position(|(place, _)| place == destination) {
            let (_, slot) = self.early.remove(index);
            let target = self.target(destination, false)?;
            let label = Label::Mount(kind.to_owned(), destination.to_owned());
            self.builder.add(label, Op::AttachSlot { slot, target });
            return Ok(());
        }
        let target = self.target(destination, false)?;
        let mut parameters = parameters(options)?;
        if kind == "devpts" && self.ground.user_namespace {
            let mapped = options.value("gid").and_then(|gid| gid.parse().ok()).is_some_and(userns::has_group);
            // The group of terminals is a nicety; without it they belong to their user's group.
            parameters.retain(|parameter| mapped || parameter.key.as_c_str() != c"gid");
        }
        let op =
            Op::Mount { kind: text(kind, "mounts")?, parameters, attributes: options.set, nodes, target };
        self.builder.add(Label::Mount(kind.to_owned(), destination.to_owned()), op);
        if device_tree && self.ground.user_namespace {
            self.covered.push(destination.to_owned());
            self.bound_devices()?;
        }
        Ok(())
    }

    /// In a user namespace devices cannot be made, so those of the host are bound.
    fn bound_devices(&mut self) -> Result<(), SandboxError> {
        let options = MountOptions::parse(&["nosuid".to_owned(), "noexec".to_owned()]);
        for (name, ..) in DEVICES {
            let path = Path::new("/dev").join(name);
            let what = path.display().to_string();
            let made = mounts::bind(&path, &options).map_err(failed(&what, &path))?;
            self.attach(made, what, &path)?;
        }
        for (name, target) in LINKS {
            let op = Op::Link { path: text(&format!("/dev/{name}"), "dev")?, target: text(target, "dev")? };
            self.builder.stage("make a link in /dev", Some(name), op);
        }
        Ok(())
    }

    /// The control groups as the machine has them: one tree (v2), or one directory per v1 hierarchy.
    fn cgroup(&mut self, mount: &Mount, options: &MountOptions) -> Result<(), SandboxError> {
        let destination = mount.destination();
        let attributes = MountOptions { data: Vec::new(), ..options.clone() };
        if Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
            return self.file_system("cgroup2", &attributes, destination);
        }
        let hierarchies = hierarchies();
        let outer = MountOptions { set: attributes.set & !libc::MOUNT_ATTR_RDONLY, ..attributes.clone() };
        let mode = MountOptions { data: vec![("mode".to_owned(), Some("755".to_owned()))], ..outer };
        self.file_system("tmpfs", &mode, destination)?;
        self.covered.push(destination.clone());
        for (name, kind, data) in hierarchies {
            let inner = MountOptions { data, ..attributes.clone() };
            self.file_system(kind, &inner, &destination.join(name))?;
        }
        Ok(())
    }

    /// Devices of `linux.devices`.
    fn other_devices(&mut self) -> Result<(), SandboxError> {
        let devices = self.spec.linux().as_ref().and_then(|linux| linux.devices().as_ref());
        for device in devices.into_iter().flatten() {
            let path = device.path();
            let what = path.display().to_string();
            let standard = path.parent() == Some(Path::new("/dev"))
                && DEVICES.iter().any(|(name, ..)| path.file_name() == Some(name.as_ref()));
            if standard {
                continue;
            }
            if self.ground.user_namespace {
                let made = mounts::bind(path, &MountOptions::default()).map_err(failed(&what, path))?;
                self.attach(made, what, path)?;
                continue;
            }
            let op = device_node(device)?;
            self.builder.stage("make a device", Some(&what), op);
        }
        Ok(())
    }

    fn target(&mut self, path: &Path, file: bool) -> Result<super::plan::Target, SandboxError> {
        let plain: PathBuf = Path::new("/").join(components(path)?.iter().collect::<PathBuf>());
        let inside = self.covered.iter().any(|place| place != Path::new("/") && plain.starts_with(place));
        self.builder.target(path, file, !inside)
    }
}

fn failed(what: &str, target: &Path) -> impl FnOnce(std::io::Error) -> SandboxError {
    let (what, target) = (what.to_owned(), target.to_owned());
    move |source| SandboxError::Mount { what, target, source }
}

/// An overlay from the options of a mount in the spec.
pub fn spec_overlay(options: &MountOptions) -> std::io::Result<std::os::fd::OwnedFd> {
    let lowers: Vec<PathBuf> = options
        .value("lowerdir")
        .unwrap_or_default()
        .split(':')
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
        .collect();
    if lowers.is_empty() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, "the option lowerdir= is missing"));
    }
    let upper = options.value("upperdir").map(Path::new).zip(options.value("workdir").map(Path::new));
    let userxattr = options.data.iter().any(|(key, _)| key == "userxattr");
    mounts::overlay(&mounts::Overlay { lowers: &lowers, upper, userxattr }, options.set)
}

fn parameters(options: &MountOptions) -> Result<Vec<Parameter>, SandboxError> {
    let mut parameters = Vec::with_capacity(options.data.len());
    for (key, value) in &options.data {
        let value = match value {
            Some(value) => Some(text(value, "mounts")?),
            None => None,
        };
        parameters.push(Parameter { key: text(key, "mounts")?, value });
    }
    Ok(parameters)
}

fn nodes() -> Result<Vec<Node>, SandboxError> {
    let mut nodes = Vec::with_capacity(DEVICES.len() + LINKS.len());
    for (name, major, minor) in DEVICES {
        nodes.push(Node::Device {
            name: text(name, "dev")?,
            mode: libc::S_IFCHR | 0o666,
            device: libc::makedev(major, minor),
            owner: (0, 0),
        });
    }
    for (name, target) in LINKS {
        nodes.push(Node::Link { name: text(name, "dev")?, target: text(target, "dev")? });
    }
    Ok(nodes)
}

fn device_node(device: &LinuxDevice) -> Result<Op, SandboxError> {
    let kind = match device.typ() {
        LinuxDeviceType::B => libc::S_IFBLK,
        LinuxDeviceType::C | LinuxDeviceType::U => libc::S_IFCHR,
        LinuxDeviceType::P => libc::S_IFIFO,
        LinuxDeviceType::A => return Err(SandboxError::spec("linux.devices", "type \"a\" is no device")),
    };
    let number = |value: i64| u32::try_from(value).unwrap_or(0);
    Ok(Op::DeviceNode {
        path: text(&device.path().display().to_string(), "linux.devices")?,
        mode: kind | device.file_mode().unwrap_or(0o666) & 0o7777,
        device: libc::makedev(number(device.major()), number(device.minor())),
        owner: (device.uid().unwrap_or(0), device.gid().unwrap_or(0)),
    })
}

/// Directory, file system type, and options of a hierarchy of control groups.
type Hierarchy = (String, &'static str, Vec<(String, Option<String>)>);

/// The v1 hierarchies of this machine, from `/proc/self/cgroup`.
fn hierarchies() -> Vec<Hierarchy> {
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mut found = Vec::new();
    for line in text.lines() {
        let Some(controllers) = line.split(':').nth(1) else { continue };
        if controllers.is_empty() {
            found.push(("unified".to_owned(), "cgroup2", Vec::new()));
        } else if let Some(name) = controllers.strip_prefix("name=") {
            let data = vec![("none".to_owned(), None), ("name".to_owned(), Some(name.to_owned()))];
            found.push((name.to_owned(), "cgroup", data));
        } else {
            let data = controllers.split(',').map(|one| (one.to_owned(), None)).collect();
            found.push((controllers.to_owned(), "cgroup", data));
        }
    }
    found
}
