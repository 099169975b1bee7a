//! Puts an engine together from plain settings.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use kukri_oci::registry::NoAuth;
use kukri_oci::{ProxyConfig, RegistryClient, RegistryConfig};
use kukri_sandbox::cgroup::ControlGroups;
use kukri_sandbox::network::{NetworkError, Pool, PoolConfig};
use kukri_sandbox::oci_runtime::{OciRuntime, OciRuntimeConfig};
use kukri_sandbox::{NativeConfig, NativeRuntime, NetworkMode, Networks, Runtime, SandboxError, spec};
use kukri_store::{OpenError, Store, StoreConfig};

use super::{Engine, EngineConfig, ExecEnvironment};

/// Most processes and threads in one exec when the settings do not say: enough for large builds, and a fork bomb still
/// leaves room for others.
pub const DEFAULT_PIDS: u32 = 8192;

/// Settings of an engine, all plain: whoever starts it has read files and variables already.
#[derive(Clone, Debug)]
pub struct EngineOptions {
    /// Directory of the engine: store and run-time state.
    pub root: PathBuf,
    /// Most bytes the store keeps; `None`: half of the disk.
    pub max_bytes: Option<u64>,
    /// Bytes left free on the disk; `None`: a fifth of it.
    pub min_free_bytes: Option<u64>,
    /// Results unused for longer are dropped; `None`: no limit.
    pub keep_duration: Option<Duration>,
    /// How many containers may run at the same time.
    pub parallelism: u32,
    /// A program that runs containers in the place of the engine itself: `crun`, `runc`, or a path.
    pub oci_runtime: Option<String>,
    /// How much of a network containers see.
    pub network: NetworkMode,
    /// The machine's DNS servers.
    pub dns: Vec<IpAddr>,
    /// Domains for short names.
    pub dns_search: Vec<String>,
    /// Mirrors of registries, by host.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// Registries that speak plain HTTP.
    pub plain_http: Vec<String>,
    /// Registries whose certificates are not checked.
    pub insecure: Vec<String>,
    /// Certificate authorities for registries and containers: a PEM file.
    pub ca_bundle: Option<PathBuf>,
    /// Proxy variables for containers.
    pub proxy: Vec<(String, String)>,
    /// Most processes in one exec; 0: no limit; `None`: [`DEFAULT_PIDS`], where the machine can limit them.
    pub pids_max: Option<i64>,
    /// Most bytes of memory of one exec; `None`: no limit.
    pub memory_max: Option<i64>,
}

impl EngineOptions {
    /// Defaults, with everything under `root`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        Self {
            root,
            max_bytes: None,
            min_free_bytes: None,
            keep_duration: None,
            parallelism: 4 * std::thread::available_parallelism()
                .map_or(1, |count| u32::try_from(count.get()).unwrap_or(1)),
            oci_runtime: None,
            network: NetworkMode::Bridge,
            dns: Vec::new(),
            dns_search: Vec::new(),
            mirrors: BTreeMap::new(),
            plain_http: Vec::new(),
            insecure: Vec::new(),
            ca_bundle: None,
            proxy: Vec::new(),
            pids_max: None,
            memory_max: None,
        }
    }
}

/// Why an engine cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum OpenEngineError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] OpenError),
    /// The file that protects the cache keys of secrets cannot be read or made.
    #[error("{path}: {error}")]
    Salt {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: io::Error,
    },
    /// Containers cannot be run.
    #[error("containers cannot be run on this machine: {0}")]
    Sandbox(#[from] SandboxError),
    /// Containers cannot get a network.
    #[error("containers cannot get a network on this machine: {0}\nhint: {1}")]
    Network(String, &'static str),
}

impl OpenEngineError {
    /// Whether another engine holds the store.
    #[must_use]
    pub const fn is_store_in_use(&self) -> bool {
        matches!(self, Self::Store(OpenError::InUse { .. }))
    }
}

impl Engine {
    /// Opens the store and starts everything an engine needs. Blocks; must be called inside a Tokio runtime.
    pub fn open(options: EngineOptions) -> Result<Arc<Self>, OpenEngineError> {
        // Each waits for the kernel now and then, so they go beside each other.
        let (opened, pool) = std::thread::scope(|scope| {
            let pool = (options.network == NetworkMode::Bridge).then(|| {
                let config =
                    PoolConfig { dns: options.dns, search: options.dns_search, ..PoolConfig::default() };
                scope.spawn(move || Pool::start(config))
            });
            let opened = Store::open(StoreConfig {
                max_bytes: options.max_bytes,
                min_free_bytes: options.min_free_bytes,
                keep_duration: options.keep_duration,
                ..StoreConfig::new(options.root.join("store"))
            });
            let join = |pool: std::thread::ScopedJoinHandle<'_, _>| {
                pool.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            (opened, pool.map(join))
        });
        let store = opened?;
        let salt_path = options.root.join("secret-salt");
        let secret_salt =
            salt(&salt_path).map_err(|error| OpenEngineError::Salt { path: salt_path.clone(), error })?;
        let mut resolv_conf = String::new();
        let networks: Option<Arc<dyn Networks>> = match pool {
            Some(pool) => {
                let pool =
                    pool.map_err(|error| OpenEngineError::Network(error.to_string(), without(&error)))?;
                for warning in pool.warnings() {
                    tracing::warn!("{warning}");
                }
                pool.resolv_conf().clone_into(&mut resolv_conf);
                Some(Arc::new(pool))
            }
            None => None,
        };
        if options.network == NetworkMode::Host {
            resolv_conf = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        }
        // Without it everything works as well, only that steps make and remove what they lack.
        let mount_points = match super::mount_points::make(&options.root) {
            Ok(layer) => Some(layer),
            Err(error) => {
                tracing::warn!(%error, "the layer of mount points cannot be made");
                None
            }
        };
        let cgroups = Arc::new(ControlGroups::detect());
        let (pids_max, pid_numbers) = processes(options.pids_max, options.oci_runtime.is_none(), &cgroups);
        let runtime: Arc<dyn Runtime> = match &options.oci_runtime {
            Some(program) => Arc::new(OciRuntime::new(OciRuntimeConfig {
                program: program.into(),
                state_dir: options.root.join("runtime"),
                networks,
                cgroups: Some(cgroups),
            })?),
            None => Arc::new(NativeRuntime::new(NativeConfig {
                networks,
                cgroups: Some(cgroups),
                ..NativeConfig::default()
            })?),
        };
        probe(&store, mount_points.as_deref())?;
        let proxy = |names: [&str; 2]| {
            options
                .proxy
                .iter()
                .find(|(name, _)| names.contains(&name.as_str()))
                .map(|(_, value)| value.clone())
        };
        let registry = RegistryConfig {
            mirrors: options.mirrors,
            plain_http: options.plain_http.into_iter().collect(),
            insecure: options.insecure.into_iter().collect(),
            ca_bundles: options.ca_bundle.iter().cloned().collect(),
            proxy: ProxyConfig {
                http: proxy(["HTTP_PROXY", "http_proxy"]),
                https: proxy(["HTTPS_PROXY", "https_proxy"]),
                no_proxy: proxy(["NO_PROXY", "no_proxy"]),
            },
            ..RegistryConfig::default()
        };
        Ok(Self::new(EngineConfig {
            store,
            registry_client: RegistryClient::new(registry, Arc::new(NoAuth)),
            runtime,
            parallelism: options.parallelism,
            environment: ExecEnvironment {
                proxy: options.proxy,
                ca_bundle: options.ca_bundle,
                resolv_conf,
                network: options.network,
                mount_points,
                pids_max,
                pid_numbers,
                memory_max: options.memory_max,
            },
            secret_salt,
        }))
    }
}

/// What to do where the user may not run containers.
pub const NEEDS_ROOT: &str =
    "the engine needs root for now: run the program or the command as root, or in a machine where you are";

/// How to do without a network of containers. One with nothing but loopback needs the same capability as a bridge.
fn without(error: &NetworkError) -> &'static str {
    if error.lacks_capability() && !rustix::process::geteuid().is_root() {
        // More than the network would fail.
        NEEDS_ROOT
    } else if error.lacks_capability() {
        "--network host runs them without one of their own"
    } else {
        "--network host or --network none runs them without one of their own"
    }
}

/// Whether the store's file system can hold the layers of containers: told now, and not when the first one is to run.
fn probe(store: &Store, lower: Option<&Path>) -> Result<(), OpenEngineError> {
    let Some(lower) = lower else { return Ok(()) };
    // On a full disk there is no room for it; what is in the store can be used all the same.
    let Ok(scratch) = store.scratch() else { return Ok(()) };
    let (upper, work) = (scratch.path().join("upper"), scratch.path().join("work"));
    if fs::create_dir(&upper).and_then(|()| fs::create_dir(&work)).is_err() {
        return Ok(());
    }
    match kukri_sandbox::native::probe_layers(lower, &upper, &work) {
        Err(_) if store.disk_is_full() => Ok(()),
        probed => Ok(probed?),
    }
}

/// How the processes of an exec are limited: by a control group, or by the numbers of its pid namespace.
fn processes(asked: Option<i64>, native: bool, cgroups: &ControlGroups) -> (Option<i64>, Option<u32>) {
    match asked {
        Some(0) => (None, None),
        Some(limit) => (Some(limit), None),
        // Other runtimes refuse the parameter.
        None if native && spec::pid_max_is_of_the_namespace() => (None, Some(DEFAULT_PIDS)),
        None if cgroups.limits_processes() => (Some(DEFAULT_PIDS.into()), None),
        None => {
            tracing::warn!("the number of processes in a container cannot be limited on this machine");
            (None, None)
        }
    }
}

/// Random bytes that stay the same as long as the store does. Readable for the engine's user only.
fn salt(path: &Path) -> io::Result<[u8; 32]> {
    if let Ok(known) = fs::read(path)
        && let Ok(salt) = known.try_into()
    {
        return Ok(salt);
    }
    let mut salt = [0; 32];
    fs::File::open("/dev/urandom")?.read_exact(&mut salt)?;
    // A part of it must never be taken for the whole after a crash.
    let new = path.with_extension("new");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&salt)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    Ok(salt)
}
