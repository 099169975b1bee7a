//! A container: a configuration, and trees that are not computed yet.

use std::collections::BTreeMap;
use std::sync::Arc;

use kukri_model::Platform;
use kukri_oci::ImageConfig;
use kukri_tree::Node;

use kukri_model::schema::ObjectDef;

use super::expand::MAX_TEXTS;
use crate::context::Cx;
use crate::error::OpError;
use crate::objects::file::File;
use crate::objects::port::{NetworkProtocol, Port, PortDetail};
use crate::objects::secret::Secret;
use crate::value::ObjectType;
use crate::vertex::edit::{Owner, Source, Step, edit};
use crate::vertex::exec::ExecMount;
use crate::vertex::{ExecOutput, TreeHandle, Vertex, VertexValue};

/// Description of the type.
pub const DEF: ObjectDef = ObjectDef {
    name: "Container",
    doc: "A container: a configuration and a file system.",
    interfaces: &["Exportable", "Syncer"],
};

/// A container. Cheap to clone: every step makes a new one.
#[derive(Clone)]
pub struct Container {
    /// Configuration, as an image has it.
    pub config: Arc<ImageConfig>,
    /// The root file system.
    pub rootfs: TreeHandle,
    /// Whether a root file system was given as such: it is one even if there is nothing in it.
    pub rootfs_given: bool,
    /// What is mounted, in order.
    pub mounts: Arc<Vec<ExecMount>>,
    /// Variables whose values are secrets.
    pub secret_env: Arc<Vec<(String, Arc<Secret>)>>,
    /// Variables whose values are not part of any identity.
    pub volatile_env: Arc<Vec<(String, String)>>,
    /// Exposed ports with what the steps said about them.
    pub ports: Arc<Vec<PortDetail>>,
    /// Annotations of the manifest.
    pub annotations: Arc<BTreeMap<String, String>>,
    /// The last command.
    pub last_exec: Option<Arc<Vertex>>,
    /// The reference it was made from, as long as nothing else was done to it.
    pub image_ref: Option<Arc<str>>,
    /// Why nothing more can be done with it (`withError`).
    pub error: Option<Arc<str>>,
}

impl ObjectType for Container {
    const NAME: &'static str = "Container";

    fn check(&self) -> Result<(), OpError> {
        self.error.as_ref().map_or(Ok(()), |error| Err(OpError::new(&**error)))
    }

    /// Shared parts are counted as if they were its own: that is known of none.
    fn weight(&self) -> usize {
        let config = &self.config;
        let pairs =
            config.env.iter().chain(&*self.volatile_env).map(|(name, value)| name.len() + value.len());
        let labels = [&config.labels, &*self.annotations].into_iter().flatten();
        let labels = labels.map(|(name, value)| name.len() + value.len());
        let lists = [&config.entrypoint, &config.cmd].into_iter().flatten().flatten().map(String::len);
        // What a short text takes beside its bytes.
        1 + pairs.chain(labels).chain(lists).map(|bytes| bytes + 64).sum::<usize>() / 1024
    }
}

/// A place in a container: which tree, and where in it.
pub enum Place<'a> {
    /// In the root file system.
    Root(String),
    /// In a mount; `String` is the path below its root, empty for the mount itself.
    Mount(usize, &'a ExecMount, String),
}

impl Container {
    /// An empty container.
    #[must_use]
    pub fn scratch(platform: Platform) -> Self {
        Self {
            config: Arc::new(ImageConfig::empty(platform)),
            rootfs: TreeHandle::empty(),
            rootfs_given: false,
            mounts: Arc::default(),
            secret_env: Arc::default(),
            volatile_env: Arc::default(),
            ports: Arc::default(),
            annotations: Arc::default(),
            last_exec: None,
            image_ref: None,
            error: None,
        }
    }

    /// Whether it has no root file system: nothing was put into it, and none was given.
    #[must_use]
    pub fn is_scratch(&self) -> bool {
        let empty = matches!(&self.rootfs, TreeHandle::Known(tree) if *tree == Node::empty().id());
        empty && !self.rootfs_given
    }

    /// A copy with something changed: it is not the image it was made from any more.
    #[must_use]
    pub fn changed(&self) -> Self {
        Self { image_ref: None, ..self.clone() }
    }

    /// A copy with the configuration changed.
    #[must_use]
    pub fn configured(&self, change: impl FnOnce(&mut ImageConfig)) -> Self {
        let mut next = self.changed();
        change(Arc::make_mut(&mut next.config));
        next
    }

    /// A copy with the configuration of an image in place of its own; variables, labels and exposed ports are merged.
    #[must_use]
    pub fn with_image(&self, image: &ImageConfig) -> Self {
        let mut config = image.clone();
        config.env = self.config.env.clone();
        for (name, value) in &image.env {
            config.set_env(name, value);
        }
        for (name, value) in &self.config.labels {
            config.labels.entry(name.clone()).or_insert_with(|| value.clone());
        }
        config.exposed_ports.extend(self.config.exposed_ports.iter().cloned());
        let mut next = self.changed();
        next.config = Arc::new(config);
        next
    }

    /// `path` as an absolute path: relative ones start at the working directory. Cleaned by its text.
    #[must_use]
    pub fn absolute(&self, path: &str) -> String {
        let joined = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!(
                "{}/{path}",
                if self.config.working_dir.is_empty() { "/" } else { &self.config.working_dir }
            )
        };
        clean(&joined)
    }

    /// `path`, with variables replaced if asked.
    pub fn path(&self, path: &str, expand: bool) -> Result<String, OpError> {
        let path = if expand { self.expand(path)? } else { path.to_owned() };
        Ok(self.absolute(&path))
    }

    /// Replaces `$NAME` and `${NAME}` by variables; unknown ones by nothing.
    pub fn expand(&self, text: &str) -> Result<String, OpError> {
        super::expand::expand(text, |name| {
            if self.secret_env.iter().any(|(secret, _)| secret == name) {
                return Err(OpError::new(format!(
                    "expand cannot be used with secret env variable \"{name}\""
                )));
            }
            if self.volatile_env.iter().any(|(volatile, _)| volatile == name) {
                return Err(OpError::new(format!(
                    "expand cannot be used with volatile env variable \"{name}\""
                )));
            }
            Ok(self.config.env_var(name).unwrap_or_default())
        })
    }

    /// [`Container::expand`] for several texts.
    pub fn expand_all(&self, texts: &[String]) -> Result<Vec<String>, OpError> {
        let mut bytes = 0;
        let given: usize = texts.iter().map(String::len).sum();
        texts
            .iter()
            .map(|text| {
                let text = self.expand(text)?;
                bytes += text.len();
                if bytes > MAX_TEXTS.max(given) {
                    return Err(too_long("the arguments"));
                }
                Ok(text)
            })
            .collect()
    }

    /// Fails when the variables became longer together than Linux takes them, by replacing what they refer to.
    pub fn check_variables(&self) -> Result<(), OpError> {
        let bytes: usize = self.config.env.iter().map(|(name, value)| name.len() + value.len()).sum();
        if bytes > MAX_TEXTS { Err(too_long("the variables")) } else { Ok(()) }
    }

    /// Where an absolute, clean path lies: in the innermost mount above it, or in the root.
    #[must_use]
    pub fn place(&self, path: &str) -> Place<'_> {
        let below = |mount: &ExecMount| -> Option<String> {
            let rest = path.strip_prefix(&*mount.path)?;
            (rest.is_empty() || rest.starts_with('/')).then(|| rest.trim_start_matches('/').to_owned())
        };
        self.mounts
            .iter()
            .enumerate()
            .filter_map(|(index, mount)| below(mount).map(|rest| (index, mount, rest)))
            .max_by_key(|(index, mount, _)| (mount.path.len(), *index))
            .map_or_else(
                || Place::Root(path.trim_start_matches('/').to_owned()),
                |(index, mount, rest)| Place::Mount(index, mount, rest),
            )
    }

    /// The tree and path behind an absolute path.
    pub fn source(&self, path: &str) -> Result<Source, OpError> {
        use crate::vertex::exec::MountKind;
        match self.place(path) {
            Place::Root(path) => Ok(Source { tree: self.rootfs.clone(), path: path.into() }),
            Place::Mount(_, mount, rest) => match &mount.kind {
                MountKind::Directory { source, .. } => Ok(source.join(&rest)),
                MountKind::File { source } if rest.is_empty() => Ok(source.clone()),
                MountKind::File { .. } => {
                    Err(OpError::new(format!("path {} is a file, not a directory", mount.path)))
                }
                MountKind::Temp { .. } => {
                    Err(OpError::new(format!("{path}: cannot retrieve path from tmpfs")))
                }
                MountKind::Cache(_) => Err(OpError::new(format!("{path}: cannot retrieve path from cache"))),
                MountKind::Secret { .. } => {
                    Err(OpError::new(format!("{path}: cannot retrieve path from secret")))
                }
            },
        }
    }

    /// Changes the tree in which `path` (absolute) lies: `change` gets it and the path within it. A mount exactly at
    /// `path` is removed first.
    pub fn edited(
        &self,
        path: &str,
        change: impl FnOnce(TreeHandle, String) -> TreeHandle,
    ) -> Result<Self, OpError> {
        use crate::vertex::exec::MountKind;
        let mut next = self.changed();
        match self.place(path) {
            Place::Root(rest) => next.rootfs = change(next.rootfs.clone(), rest),
            Place::Mount(_, _, rest) if rest.is_empty() => {
                return self.without_mount(path).edited(path, change);
            }
            Place::Mount(index, mount, rest) => match &mount.kind {
                MountKind::Directory { source, read_only } => {
                    let kind = MountKind::Directory {
                        source: Source { tree: change(source.root(), rest), path: "".into() },
                        read_only: *read_only,
                    };
                    Arc::make_mut(&mut next.mounts)[index].kind = kind;
                }
                _ => {
                    return Err(OpError::new(format!(
                        "{path}: cannot be changed: {} is not a directory mount",
                        mount.path
                    )));
                }
            },
        }
        Ok(next)
    }

    /// Without what is mounted exactly at `path`.
    #[must_use]
    pub fn without_mount(&self, path: &str) -> Self {
        let mut next = self.changed();
        Arc::make_mut(&mut next.mounts).retain(|mount| &*mount.path != path);
        next
    }

    /// With a mount, in place of one at the same path.
    #[must_use]
    pub fn mounted(&self, mount: ExecMount) -> Self {
        let mut next = self.without_mount(&mount.path);
        Arc::make_mut(&mut next.mounts).push(mount);
        next
    }
}

/// Whether a program can be given a variable of this name. The kernel takes any text; programs split it at the first `=`.
pub fn check_variable(name: &str) -> Result<(), OpError> {
    let problem = if name.is_empty() {
        "it is empty"
    } else if name.contains('=') {
        "it contains \"=\", with which the value begins"
    } else if name.contains('\0') {
        "it contains a null character"
    } else {
        return Ok(());
    };
    Err(OpError::new(format!("{name:?} cannot be the name of an environment variable: {problem}")))
}

/// The same for a value.
pub fn check_value(name: &str, value: &str) -> Result<(), OpError> {
    if value.contains('\0') {
        return Err(OpError::new(format!(
            "environment variable {name}: its value contains a null character; pass binary data as a file"
        )));
    }
    Ok(())
}

fn too_long(what: &str) -> OpError {
    OpError::new(format!("{what} are longer than {MAX_TEXTS} bytes together; pass long texts as files"))
}

/// An absolute path without `.`, `..`, doubled and trailing slashes.
#[must_use]
pub fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            name => parts.push(name),
        }
    }
    format!("/{}", parts.join("/"))
}

impl Container {
    /// Where names of owners are looked up for a path: in the root file system, also for what lies in a mount. `None`
    /// stands for the tree that is changed.
    #[must_use]
    pub fn names_for(&self, path: &str) -> Option<TreeHandle> {
        match self.place(path) {
            Place::Root(_) => None,
            Place::Mount(..) => Some(self.rootfs.clone()),
        }
    }

    /// Like [`Container::edited`], for steps that put something into the directory at `path`, which is below it: a directory
    /// that is mounted exactly there is changed, not removed.
    fn edited_below(
        &self,
        path: &str,
        change: impl FnOnce(TreeHandle, String) -> TreeHandle,
    ) -> Result<Self, OpError> {
        use crate::vertex::exec::MountKind;
        match self.place(path) {
            Place::Mount(index, ExecMount { kind: MountKind::Directory { source, read_only }, .. }, rest) => {
                let source = Source { tree: change(source.root(), rest), path: "".into() };
                let mut next = self.changed();
                Arc::make_mut(&mut next.mounts)[index].kind =
                    MountKind::Directory { source, read_only: *read_only };
                Ok(next)
            }
            _ => self.edited(path, change),
        }
    }

    /// With a copy of a file. `path` may end with `/`, `.` or `..` to mean a directory.
    pub fn with_file(
        &self,
        path: &str,
        file: &File,
        mode: Option<u32>,
        owner: &str,
        into: bool,
    ) -> Result<Self, OpError> {
        let last = path.rsplit('/').next().unwrap_or_default();
        let into = into || matches!(last, "" | "." | "..");
        let path = self.absolute(path);
        let owner = Some(Owner { spec: owner.into(), names: self.names_for(&path) });
        let (source, name) = (file.source.clone(), file.name().into());
        let change = |tree: TreeHandle, path: String| {
            edit(tree, Step::PutFile { path: path.into(), source, name, into, mode, owner })
        };
        if into { self.edited_below(&path, change) } else { self.edited(&path, change) }
    }

    /// What the last exec gave.
    pub async fn last_output(&self, cx: &Cx) -> Result<Arc<ExecOutput>, OpError> {
        let exec = self.last_exec.as_ref().ok_or_else(|| {
            OpError::new("no command has been set: call withExec before asking for its output")
        })?;
        match cx.solve(exec).await? {
            VertexValue::Exec(output) => Ok(output),
            _ => Err(OpError::new("internal error: an exec without an output")),
        }
    }

    /// Computes everything.
    pub async fn evaluate(&self, cx: &Cx) -> Result<(), OpError> {
        if self.last_exec.is_some() {
            self.last_output(cx).await?;
        }
        cx.tree(&self.rootfs).await?;
        Ok(())
    }

    /// The exposed ports: those with details, then those that only the image knows.
    #[must_use]
    pub fn all_ports(&self) -> Vec<Port> {
        let mut details: Vec<PortDetail> = self.ports.to_vec();
        for port in &self.config.exposed_ports {
            let protocol = if port.protocol == "udp" { NetworkProtocol::Udp } else { NetworkProtocol::Tcp };
            if !details.iter().any(|detail| (detail.port, detail.protocol) == (port.port, protocol)) {
                details.push(PortDetail {
                    port: port.port,
                    protocol,
                    description: None,
                    skip_healthcheck: true,
                });
            }
        }
        details.into_iter().map(|detail| Port { detail }).collect()
    }
}
