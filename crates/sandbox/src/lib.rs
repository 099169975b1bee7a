//! Runs one process tree in isolation: a spec in, an exit status and usage out.
//!
//! Knows: the kernel (namespaces, mounts, cgroups, seccomp, networks) and OCI runtimes.
//! Must not know: the store, images, the API, the environment of the process.
//! The only crate with `unsafe`: each block says why it is sound.
//!
//! A [`Runtime`] turns a [`RunRequest`] into a [`Running`] tree. [`NativeRuntime`] does it by itself, the runtimes in
//! [`oci_runtime`] hand the same request to a program such as crun or runc.

#![cfg_attr(test, allow(clippy::print_stderr, reason = "a test that is skipped says why"))]

pub mod cgroup;
pub mod devices;
pub mod error;
pub mod lease;
pub mod loopback;
pub mod native;
pub mod network;
pub mod oci_runtime;
pub mod request;
pub mod runtime;
pub mod seccomp;
pub mod spec;
pub mod start;
pub mod userns;

pub use devices::host_devices;
pub use error::SandboxError;
pub use lease::{
    Cgroup, CgroupReader, CgroupUsage, Cgroups, Gauge, NetworkLease, NetworkReader, NetworkUsage, Networks,
    Pressure,
};
pub use loopback::OnLoopback;
pub use native::{NativeConfig, NativeRuntime};
pub use request::{FileSource, InjectedFile, NetworkMode, Rootfs, RunRequest, Stdin};
pub use runtime::{BoxFuture, Exit, ExitStatus, Running, Runtime, Usage};
pub use spec::{default_spec, privileged};
