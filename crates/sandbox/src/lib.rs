//! Runs one process tree in isolation: a spec in, an exit status and usage out.
//!
//! Knows: the kernel (namespaces, mounts, cgroups, seccomp, networks) and OCI runtimes.
//! Must not know: the store, images, the API, the environment of the process.
//! The only crate with `unsafe`: each block says why it is sound.
