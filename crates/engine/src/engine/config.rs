//! What an engine is made of.

use std::path::PathBuf;
use std::sync::Arc;

use kukri_oci::RegistryClient;
use kukri_sandbox::Runtime;
use kukri_store::Store;

/// The parts of an engine.
pub struct EngineConfig {
    /// Where everything is kept.
    pub store: Store,
    /// Fetches images.
    pub registry_client: RegistryClient,
    /// Runs containers.
    pub runtime: Arc<dyn Runtime>,
    /// How many containers may run at the same time; at least 1.
    pub parallelism: u32,
    /// What every exec gets from the engine's machine.
    pub environment: ExecEnvironment,
    /// Goes into the cache keys of secrets. Must stay the same as long as the store, and be known to nobody else.
    pub secret_salt: [u8; 32],
}

/// What every exec gets from the engine's machine. None of it is part of an image, and of a cache key the network alone.
#[derive(Clone, Debug, Default)]
pub struct ExecEnvironment {
    /// Proxy variables.
    pub proxy: Vec<(String, String)>,
    /// Certificate authorities that containers trust: a PEM file.
    pub ca_bundle: Option<PathBuf>,
    /// What `/etc/resolv.conf` says for containers on the bridge.
    pub resolv_conf: String,
    /// How much of a network containers see.
    pub network: kukri_sandbox::NetworkMode,
    /// A layer that lies below those of every image.
    pub mount_points: Option<PathBuf>,
    /// Most processes in one exec, held by a control group; `None`: no such limit.
    pub pids_max: Option<i64>,
    /// Most numbers for processes in one exec, held by its pid namespace; `None`: no such limit.
    pub pid_numbers: Option<u32>,
    /// Most bytes of memory of one exec; `None`: no limit.
    pub memory_max: Option<i64>,
}
