//! From a request to a bundle: mounts, and the `config.json` that refers to them.
//!
//! Runs in the mount namespace of the container-to-be (see [`super::place`]).

use std::ffi::CString;
use std::fs::{self, File};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use oci_spec::runtime::{LinuxNamespace, LinuxNamespaceType, LinuxResources, Mount, Root, Spec};
use rustix::fs::FileType;
use rustix::mount::{MountFlags, MoveMountFlags, mount, mount_bind, move_mount};

use super::rootfs::{self, Shape, Tree};
use super::{Kind, OciRuntimeError};
use crate::native::INIT;
use crate::native::capability;
use crate::native::mounting::spec_overlay;
use crate::native::mounts::{self, Overlay};
use crate::native::options::MountOptions;
use crate::native::plan::Exec;
use crate::{FileSource, NetworkMode, Rootfs, RunRequest, SandboxError};

/// Where the init is seen in the container: on the tmpfs that `/dev` is, so that the root file system stays as it is.
/// The plus tells it to take the standard streams from later descriptors.
const INIT_PATH: &str = "/dev/.kukri-init+";

/// Where runtimes have to make mounts themselves, since they put something into them.
const RUNTIMES_OWN: [&str; 3] = ["/dev", "/proc", "/sys"];

/// What is known once the bundle is made.
pub(super) struct Made {
    /// Paths which had to be created in the root.
    pub(super) created: Vec<PathBuf>,
    /// The root, to look at files after a failure.
    pub(super) root: OwnedFd,
}

/// What goes into a bundle.
pub(super) struct Plan<'a> {
    pub(super) request: &'a RunRequest,
    pub(super) spec: Spec,
    /// The arguments of our init, where it is PID 1.
    pub(super) init: Option<Vec<String>>,
    pub(super) network: Option<OwnedFd>,
    /// Whether control groups are ours to set up, and not the runtime's.
    pub(super) own_groups: bool,
    pub(super) kind: Kind,
}

/// The arguments with which our init runs a command: the number of paths to try, these paths, the command's arguments.
pub(super) fn init_args(exec: &Exec) -> Vec<String> {
    let texts = |strings: &[CString]| -> Vec<String> {
        strings.iter().map(|text| text.to_string_lossy().into_owned()).collect()
    };
    let mut args = vec![INIT_PATH.to_owned(), exec.paths.len().to_string()];
    args.extend(texts(exec.paths.strings()));
    args.extend(texts(exec.argv.strings()));
    args
}

/// Whether the spec has a place for our init.
pub(super) fn has_place_for_init(spec: &Spec) -> bool {
    spec.mounts()
        .iter()
        .flatten()
        .any(|mount| mount.destination() == Path::new("/dev") && mount.typ().as_deref() == Some("tmpfs"))
}

impl Plan<'_> {
    /// Mounts everything at `bundle` and writes the configuration.
    pub(super) fn make(mut self, bundle: &Path) -> Result<Made, SandboxError> {
        let failed = |doing: &str, path: &Path| {
            let doing = format!("{doing} {}", path.display());
            move |source: std::io::Error| OciRuntimeError::bundle(doing, source)
        };
        // The configuration holds the container's environment, which may hold secrets: it never reaches a disk.
        mount("tmpfs", bundle, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, c"mode=0700")
            .map_err(|error| failed("mount a tmpfs on", bundle)(error.into()))?;
        for name in ["rootfs", "files"] {
            let path = bundle.join(name);
            fs::create_dir(&path).map_err(failed("make", &path))?;
        }
        let rootfs = bundle.join("rootfs");
        let mounted = self.root_mount()?;
        attach(&mounted, &rootfs, Path::new("/"))?;
        let root = File::open(&rootfs).map_err(failed("open", &rootfs))?.into();
        let mut created = Vec::new();
        let mounts = self.mounts(bundle, &root, &mut created)?;
        self.spec.set_mounts(Some(mounts));
        self.workdir(&root)?;
        self.process()?;
        self.network(&bundle.join("netns"))?;
        self.resources()?;
        let readonly = self.spec.root().as_ref().and_then(Root::readonly);
        let mut root_entry = Root::default();
        root_entry.set_path(PathBuf::from("rootfs")).set_readonly(readonly);
        self.spec.set_root(Some(root_entry));
        let config = bundle.join("config.json");
        let text = serde_json::to_vec(&self.spec).map_err(|error| {
            OciRuntimeError::bundle("write the configuration", std::io::Error::from(error))
        })?;
        fs::write(&config, text).map_err(failed("write", &config))?;
        Ok(Made { created, root })
    }

    fn root_mount(&self) -> Result<OwnedFd, SandboxError> {
        match &self.request.rootfs {
            Rootfs::Overlay { lowers, upper, work, userxattr } => {
                if lowers.is_empty() {
                    return Err(SandboxError::spec(
                        "rootfs",
                        "an overlay needs at least one lower directory",
                    ));
                }
                let overlay = Overlay { lowers, upper: Some((upper, work)), userxattr: *userxattr };
                mounts::overlay(&overlay, 0).map_err(mount_failed("overlay", Path::new("/")))
            }
            Rootfs::Bind(path) => {
                let options = MountOptions::parse(&["rbind".to_owned()]);
                mounts::bind(path, &options)
                    .map_err(mount_failed(&path.display().to_string(), Path::new("/")))
            }
        }
    }

    /// The mounts of the configuration, with their places in the root made.
    fn mounts(
        &self,
        bundle: &Path,
        root: &OwnedFd,
        created: &mut Vec<PathBuf>,
    ) -> Result<Vec<Mount>, SandboxError> {
        let mut covered: Vec<PathBuf> = Vec::new();
        let mut place = |destination: &Path, shape: Shape, covers: bool| -> Result<(), SandboxError> {
            if !covered.iter().any(|above| destination.starts_with(above)) {
                created.extend(Tree::whole(root.as_fd()).ensure(destination, shape, (0, 0))?);
            }
            if covers {
                covered.push(destination.to_owned());
            }
            Ok(())
        };
        let mut list = self.users_files(bundle, root)?;
        for (index, given) in self.spec.mounts().iter().flatten().enumerate() {
            let mut entry = given.clone();
            let options = MountOptions::parse(given.options().as_deref().unwrap_or_default());
            let destination = given.destination();
            let kind = given.typ().as_deref().unwrap_or("none");
            let mut shape = Shape::Directory;
            if kind == "overlay" {
                let made = spec_overlay(&options).map_err(mount_failed("overlay", destination))?;
                let source = bundle.join(format!("overlay-{index}"));
                fs::create_dir(&source)
                    .map_err(|error| OciRuntimeError::bundle(format!("make {}", source.display()), error))?;
                attach(&made, &source, destination)?;
                let readonly = options.set & libc::MOUNT_ATTR_RDONLY != 0;
                entry = bind(&source, destination, if readonly { &["ro"] } else { &[] });
            } else if kind == "tmpfs" && !RUNTIMES_OWN.iter().any(|own| destination.starts_with(own)) {
                let source = bundle.join(format!("tmpfs-{index}"));
                entry = tmpfs(&source, given, &options)?;
            } else if options.bind || kind == "bind" {
                let source = given.source().clone().unwrap_or_default();
                let metadata = fs::metadata(&source)
                    .map_err(mount_failed(&source.display().to_string(), destination))?;
                if !metadata.is_dir() {
                    shape = Shape::File;
                }
                // Some runtimes go by the options alone.
                let mut words = given.options().clone().unwrap_or_default();
                if !options.bind {
                    words.push("bind".to_owned());
                }
                entry.set_typ(Some("bind".to_owned())).set_options(Some(words));
            }
            place(destination, shape, true)?;
            list.push(entry);
        }
        self.injected(bundle, &mut place, &mut list)?;
        Ok(list)
    }

    /// Runtimes open these files in the container to learn about users, and wait without end where one is a pipe, or read
    /// without end from a device: there they are given an empty file.
    fn users_files(&self, bundle: &Path, root: &OwnedFd) -> Result<Vec<Mount>, SandboxError> {
        let mut list = Vec::new();
        for path in ["/etc/passwd", "/etc/group"].map(Path::new) {
            let Ok(found) = rootfs::open(root.as_fd(), path).and_then(rustix::fs::fstat) else { continue };
            if matches!(FileType::from_raw_mode(found.st_mode), FileType::RegularFile | FileType::Directory) {
                continue;
            }
            let source = bundle.join("empty");
            fs::write(&source, "")
                .map_err(|error| OciRuntimeError::bundle(format!("make {}", source.display()), error))?;
            list.push(bind(&source, path, &["ro"]));
        }
        Ok(list)
    }

    fn injected(
        &self,
        bundle: &Path,
        place: &mut impl FnMut(&Path, Shape, bool) -> Result<(), SandboxError>,
        list: &mut Vec<Mount>,
    ) -> Result<(), SandboxError> {
        const PLAIN: [&str; 3] = ["ro", "nosuid", "nodev"];
        let directory = bundle.join("files");
        let mut contents: Vec<(&[u8], u32, u32, u32)> = Vec::new();
        for file in &self.request.files {
            place(&file.path, Shape::File, false)?;
            match &file.source {
                FileSource::Content(bytes) => {
                    let source = directory.join(contents.len().to_string());
                    contents.push((bytes, file.uid, file.gid, file.mode));
                    list.push(bind(&source, &file.path, &PLAIN));
                }
                FileSource::Host(source) => list.push(bind(source, &file.path, &PLAIN)),
            }
        }
        if self.init.is_some() {
            let source = directory.join(contents.len().to_string());
            contents.push((INIT, 0, 0, 0o555));
            list.push(bind(&source, Path::new(INIT_PATH), &PLAIN));
        }
        if !contents.is_empty() {
            let tree = mounts::files(&contents)
                .map_err(|source| OciRuntimeError::bundle("write the files to inject", source))?;
            attach(&tree, &directory, Path::new("/"))?;
        }
        Ok(())
    }

    /// Makes the working directory for the user; runtimes would make it for root.
    fn workdir(&self, root: &OwnedFd) -> Result<(), SandboxError> {
        let Some(process) = self.spec.process() else { return Ok(()) };
        let cwd = process.cwd();
        let owner = (process.user().uid(), process.user().gid());
        let mut above =
            self.spec.mounts().iter().flatten().filter(|mount| {
                mount.destination() != Path::new("/") && cwd.starts_with(mount.destination())
            });
        let Some(mount) = above.next_back() else {
            Tree::whole(root.as_fd()).ensure(cwd, Shape::Directory, owner)?;
            return Ok(());
        };
        let options = MountOptions::parse(mount.options().as_deref().unwrap_or_default());
        // Of what the runtime itself makes, such as a tmpfs, there is nothing yet.
        let Some(source) = mount.source().as_ref().filter(|_| options.bind) else { return Ok(()) };
        if options.set & libc::MOUNT_ATTR_RDONLY == 0 && source.is_dir() {
            let top = File::open(source)
                .map_err(|error| OciRuntimeError::bundle(format!("open {}", source.display()), error))?;
            Tree::mounted(top.as_fd(), mount.destination()).ensure(cwd, Shape::Directory, owner)?;
        }
        Ok(())
    }

    fn process(&mut self) -> Result<(), SandboxError> {
        let process =
            self.spec.process_mut().as_mut().ok_or_else(|| SandboxError::spec("process", "is missing"))?;
        // The init makes a terminal on standard input the controlling one, so the runtime has nothing to do with it.
        process.set_terminal(Some(false));
        let capabilities = process.capabilities().clone();
        process.set_capabilities(capabilities.map(|sets| capability::limited(sets, capability::own())));
        if let Some(args) = self.init.take() {
            process.set_args(Some(args));
        }
        Ok(())
    }

    /// Names the network namespace by a bind mount of it, which needs no process to stay alive.
    fn network(&mut self, place: &Path) -> Result<(), SandboxError> {
        let linux = self.spec.linux_mut().get_or_insert_default();
        let namespaces = linux.namespaces_mut().get_or_insert_default();
        if !namespaces
            .iter()
            .any(|namespace| namespace.typ() == LinuxNamespaceType::Pid && namespace.path().is_none())
        {
            // Killing PID 1 would not end the tree.
            return Err(SandboxError::spec("linux.namespaces", "a pid namespace is required"));
        }
        namespaces.retain(|namespace| namespace.typ() != LinuxNamespaceType::Network);
        if self.request.network == NetworkMode::Host {
            return Ok(());
        }
        let mut namespace = LinuxNamespace::default();
        namespace.set_typ(LinuxNamespaceType::Network);
        if let Some(fd) = &self.network {
            let from = format!("/proc/thread-self/fd/{}", fd.as_raw_fd());
            File::create(place)
                .and_then(|_| mount_bind(from, place).map_err(Into::into))
                .map_err(|source| OciRuntimeError::bundle("name the network namespace", source))?;
            namespace.set_path(Some(place.to_owned()));
        }
        namespaces.push(namespace);
        Ok(())
    }

    /// Leaves to the runtime what is not ours to set up.
    fn resources(&mut self) -> Result<(), SandboxError> {
        let linux = self.spec.linux_mut().get_or_insert_default();
        let Some(resources) = linux.resources() else { return Ok(()) };
        let devices = resources.devices().clone();
        let limited = *resources != LinuxResources::default() && {
            let mut rest = resources.clone();
            rest.set_devices(None);
            rest != LinuxResources::default()
        };
        if self.own_groups {
            let mut rest = LinuxResources::default();
            rest.set_devices(devices.clone());
            linux.set_resources(Some(rest));
        } else if self.kind == Kind::Crun && limited {
            return Err(SandboxError::Unsupported {
                feature: "limiting resources".to_owned(),
                next: "give the engine writable control groups, or drop the limit".to_owned(),
            });
        }
        if self.kind == Kind::Crun {
            if devices.as_ref().is_some_and(|rules| !rules.is_empty()) {
                return Err(SandboxError::Unsupported {
                    feature: "linux.resources.devices of a container's spec".to_owned(),
                    next: "crun is run without control groups of its own; leave the rules out, or use runc"
                        .to_owned(),
                });
            }
            linux.set_resources(None);
        }
        Ok(())
    }
}

fn attach(mounted: &OwnedFd, place: &Path, target: &Path) -> Result<(), SandboxError> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(mounted, "", rustix::fs::CWD, place, flags).map_err(|error| SandboxError::Mount {
        what: place.display().to_string(),
        target: target.to_owned(),
        source: error.into(),
    })
}

/// Mounts a tmpfs in the bundle, and gives the mount that shows it in the container. runc before 1.2 gives those which it
/// mounts itself the mode of the directory below, whatever their options say; and a working directory can be made in this.
fn tmpfs(source: &Path, given: &Mount, options: &MountOptions) -> Result<Mount, SandboxError> {
    let failed = |error: std::io::Error| {
        OciRuntimeError::bundle(format!("mount a tmpfs on {}", source.display()), error)
    };
    fs::create_dir(source).map_err(failed)?;
    let data: Vec<String> = options
        .data
        .iter()
        .map(|(name, value)| value.as_ref().map_or_else(|| name.clone(), |value| format!("{name}={value}")))
        .collect();
    let text = CString::new(data.join(",")).map_err(|error| failed(error.into()))?;
    mount("tmpfs", source, "tmpfs", MountFlags::NOSUID | MountFlags::NODEV, text.as_c_str())
        .map_err(|error| failed(error.into()))?;
    let words = given.options().iter().flatten().filter(|word| !data.contains(word));
    Ok(bind(source, given.destination(), &words.map(String::as_str).collect::<Vec<_>>()))
}

fn bind(source: &Path, destination: &Path, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    let options = ["bind"].iter().chain(options).map(|&option| option.to_owned()).collect();
    mount
        .set_destination(destination.to_owned())
        .set_source(Some(source.to_owned()))
        .set_typ(Some("bind".to_owned()))
        .set_options(Some(options));
    mount
}

fn mount_failed(what: &str, target: &Path) -> impl FnOnce(std::io::Error) -> SandboxError {
    let (what, target) = (what.to_owned(), target.to_owned());
    move |source| SandboxError::Mount { what, target, source }
}
