//! A command in a container: what identifies it.
//!
//! How it is run is in `exec_run`.

use std::collections::BTreeMap;
use std::sync::Arc;

use kukri_model::{Digest, Encoder};
use kukri_oci::ImageConfig;
use kukri_sandbox::NetworkMode;
use kukri_solver::ContentKey;
use kukri_tree::TreeId;

use super::TreeHandle;
use super::edit::Source;
use crate::error::OpError;
use crate::objects::cache_volume::VolumeUse;
use crate::objects::container::with_exec::ReturnType;
use crate::objects::port::PortDetail;
use crate::objects::secret::Secret;

/// One command.
pub struct Exec {
    /// The root file system.
    pub rootfs: TreeHandle,
    /// Final argument vector.
    pub args: Vec<String>,
    /// Variables that are part of the identity, in order.
    pub env: Vec<(String, String)>,
    /// Variables whose values are not part of the identity.
    pub volatile_env: Vec<(String, String)>,
    /// Variables whose values are secrets.
    pub secret_env: Vec<(String, Arc<Secret>)>,
    /// Working directory; absolute.
    pub cwd: String,
    /// `user[:group]`; empty means root.
    pub user: String,
    /// What is mounted, in order.
    pub mounts: Vec<ExecMount>,
    /// Text for standard input.
    pub stdin: Option<String>,
    /// File in the container for standard input.
    pub redirect_stdin: Option<String>,
    /// File in the container that gets standard output.
    pub redirect_stdout: Option<String>,
    /// File in the container that gets standard error.
    pub redirect_stderr: Option<String>,
    /// Which exit statuses are no failure.
    pub expect: ReturnType,
    /// With all capabilities and devices.
    pub privileged: bool,
    /// With an init as PID 1.
    pub init: bool,
    /// How much of a network it sees.
    pub network: NetworkMode,
    /// Fail with this message instead of running (`withError`).
    pub fail: Option<Arc<str>>,
    /// What earlier steps said about the image.
    pub described: Described,
}

/// Takes the name of a part of an identity, and what writes it.
type AddPart<'a> = dyn FnMut(String, &mut dyn FnMut(&mut Encoder)) + 'a;

/// What earlier steps said about the image. The command cannot see it, but who changes it expects a step of its own, so
/// it belongs to the identity all the same.
pub struct Described {
    /// Labels, entrypoint, default arguments, exposed ports and health check; the rest of it does not count.
    pub config: Arc<ImageConfig>,
    /// What the steps said about exposed ports.
    pub ports: Arc<Vec<PortDetail>>,
    /// Annotations of the manifest.
    pub annotations: Arc<BTreeMap<String, String>>,
}

impl Described {
    /// The parts of the identity by name, of those that are set.
    fn parts(&self, part: &mut AddPart<'_>) {
        for (name, value) in &self.config.labels {
            part(format!("label {name}"), &mut |key| {
                key.str(value);
            });
        }
        for (name, value) in &*self.annotations {
            part(format!("annotation {name}"), &mut |key| {
                key.str(value);
            });
        }
        let commands = [("entrypoint", &self.config.entrypoint), ("default arguments", &self.config.cmd)];
        for (name, command) in commands {
            let Some(command) = command else { continue };
            part(name.into(), &mut |key| {
                key.strs(command.iter());
            });
        }
        for port in &self.config.exposed_ports {
            let said = self.ports.iter().find(|said| {
                said.port == port.port
                    && crate::args::ApiEnum::name(said.protocol).eq_ignore_ascii_case(&port.protocol)
            });
            part(format!("exposed port {}/{}", port.port, port.protocol), &mut |key| {
                if let Some(said) = said {
                    key.opt_str(said.description.as_deref()).bool(said.skip_healthcheck);
                }
            });
        }
        if let Some(check) = &self.config.healthcheck {
            part("health check".into(), &mut |key| {
                key.strs(check.test.iter());
                for duration in [check.interval, check.timeout, check.start_period, check.start_interval] {
                    key.i64(duration);
                }
                key.i64(check.retries);
            });
        }
    }
}

/// Something mounted.
#[derive(Clone, Debug)]
pub struct ExecMount {
    /// Absolute path in the container.
    pub path: Arc<str>,
    /// What.
    pub kind: MountKind,
}

/// Fails if an output cannot be written to `path`, which is absolute, because of what is mounted there.
pub fn check_writable(mounts: &[ExecMount], argument: &str, path: &str) -> Result<(), OpError> {
    let covers = |mount: &&ExecMount| {
        path.strip_prefix(&*mount.path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    match mounts.iter().filter(covers).max_by_key(|mount| mount.path.len()) {
        Some(ExecMount { path: mount, kind: MountKind::Directory { read_only: true, .. } }) => {
            Err(OpError::new(format!(
                "{argument}: {path} lies in {mount}, which is mounted read-only: give a path elsewhere, or mount the \
                 directory without readOnly"
            )))
        }
        _ => Ok(()),
    }
}

/// What is mounted.
#[derive(Clone, Debug)]
pub enum MountKind {
    /// A directory; what execs write is seen by later ones.
    Directory {
        /// Which.
        source: Source,
        /// Refuse writes.
        read_only: bool,
    },
    /// A file; what execs write is seen by later ones.
    File {
        /// Which.
        source: Source,
    },
    /// An empty directory in memory, new for every exec.
    Temp {
        /// Largest size in bytes.
        size: Option<i64>,
    },
    /// A directory that outlives sessions.
    Cache(Arc<VolumeUse>),
    /// A secret as a file in memory.
    Secret {
        /// Which.
        secret: Arc<Secret>,
        /// `user[:group]`; empty means root.
        owner: Arc<str>,
        /// Permission bits.
        mode: u32,
    },
}

impl ExecMount {
    /// Whether the exec gives back a tree for it.
    #[must_use]
    pub const fn is_tree(&self) -> bool {
        matches!(self.kind, MountKind::Directory { .. } | MountKind::File { .. })
    }
}

/// Name of the part of the identity which is the root file system.
pub const ROOT_PART: &str = "root file system";

impl Exec {
    /// The times of the trees that come out, by slot: those of the trees that went in. Empty if there are none.
    pub(super) fn times(&mut self) -> Vec<Option<Digest>> {
        let mut times = Vec::new();
        self.each_tree(&mut |handle| times.push(handle.times().copied()));
        if times.iter().all(Option::is_none) { Vec::new() } else { times }
    }

    /// Identity by recipe.
    #[must_use]
    pub fn recipe(&self) -> Digest {
        let mut key = Encoder::new("kukri.exec.v3");
        for (_, part) in self.parts(&mut |handle, key| handle.encode(key)) {
            key.digest(&part);
        }
        key.finish()
    }

    /// Identity by content, with its parts by name for the explanation of misses. `trees` are the values of
    /// [`Exec::trees`].
    #[must_use]
    pub fn content_key(&self, trees: &[TreeId]) -> ContentKey {
        let mut trees = trees.iter();
        let parts = self.parts(&mut |handle, key| {
            if let Some(tree) = trees.next() {
                handle.encode_content(tree, key);
            }
        });
        let mut key = Encoder::new("kukri.exec.content.v3");
        for (_, part) in &parts {
            key.digest(part);
        }
        let mut slot = Encoder::new("kukri.exec.slot.v2");
        slot.strs(self.args.iter());
        ContentKey { digest: key.finish(), slot: slot.finish(), parts }
    }

    /// The parts of the identity by name.
    fn parts(&self, tree: &mut dyn FnMut(&TreeHandle, &mut Encoder)) -> Vec<(String, Digest)> {
        let mut parts = Vec::new();
        let mut part = |name: String, fill: &mut dyn FnMut(&mut Encoder)| {
            let mut key = Encoder::new(&name);
            fill(&mut key);
            parts.push((name, key.finish()));
        };
        part(ROOT_PART.into(), &mut |key| tree(&self.rootfs, key));
        part("command".into(), &mut |key| {
            key.strs(self.args.iter());
        });
        part("working directory".into(), &mut |key| {
            key.str(&self.cwd);
        });
        part("user".into(), &mut |key| {
            key.str(&self.user);
        });
        part("stdin".into(), &mut |key| {
            key.opt_str(self.stdin.as_deref());
        });
        let redirects = [
            ("redirectStdin", &self.redirect_stdin),
            ("redirectStdout", &self.redirect_stdout),
            ("redirectStderr", &self.redirect_stderr),
        ];
        for (name, path) in redirects {
            part(name.into(), &mut |key| {
                key.opt_str(path.as_deref());
            });
        }
        part("expect".into(), &mut |key| {
            key.str(crate::args::ApiEnum::name(self.expect)).opt_str(self.fail.as_deref());
        });
        part("insecureRootCapabilities".into(), &mut |key| {
            key.bool(self.privileged);
        });
        part("noInit".into(), &mut |key| {
            key.bool(!self.init);
        });
        // A bridge is no part: what was kept before there was this one was found with it.
        let network = match self.network {
            NetworkMode::Bridge => None,
            NetworkMode::None => Some("none"),
            NetworkMode::Host => Some("host"),
        };
        if let Some(network) = network {
            part("network".into(), &mut |key| {
                key.str(network);
            });
        }
        for (name, value) in &self.env {
            part(format!("variable {name}"), &mut |key| {
                key.str(value);
            });
        }
        for (name, _) in &self.volatile_env {
            part(format!("volatile variable {name}"), &mut |_| {});
        }
        for (name, secret) in &self.secret_env {
            part(format!("secret variable {name}"), &mut |key| {
                key.digest(&secret.cache_key());
            });
        }
        for mount in &self.mounts {
            part(format!("mount {}", mount.path), &mut |key| match &mount.kind {
                MountKind::Directory { source, read_only } => {
                    key.str("directory").str(&source.path).bool(*read_only);
                    tree(&source.tree, key);
                }
                MountKind::File { source } => {
                    key.str("file").str(&source.path);
                    tree(&source.tree, key);
                }
                MountKind::Temp { size } => {
                    key.str("temp").i64(size.unwrap_or(-1));
                }
                MountKind::Cache(volume) => {
                    key.str("cache").str(&volume.key);
                }
                MountKind::Secret { secret, owner, mode } => {
                    key.str("secret").digest(&secret.cache_key()).str(owner).u64(u64::from(*mode));
                }
            });
        }
        self.described.parts(&mut part);
        parts
    }

    /// The trees it needs: the root, then those of mounts in order.
    #[must_use]
    pub fn trees(&self) -> Vec<TreeHandle> {
        let mounts = self.mounts.iter().filter_map(|mount| match &mount.kind {
            MountKind::Directory { source, .. } | MountKind::File { source } => Some(source.tree.clone()),
            _ => None,
        });
        std::iter::once(self.rootfs.clone()).chain(mounts).collect()
    }

    /// Visits the handles this holds.
    pub fn each_tree(&mut self, visit: &mut dyn FnMut(&mut TreeHandle)) {
        visit(&mut self.rootfs);
        for mount in &mut self.mounts {
            if let MountKind::Directory { source, .. } | MountKind::File { source } = &mut mount.kind {
                visit(&mut source.tree);
            }
        }
    }

    /// For progress and messages.
    #[must_use]
    pub fn label(&self) -> String {
        crate::text::command(&self.args)
    }
}
