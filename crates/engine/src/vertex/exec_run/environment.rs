//! Variables, secrets and the container's spec.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use kukri_model::Digest;
use kukri_sandbox::host_devices;
use kukri_sandbox::spec::{Command, default_spec, privileged};
use kukri_tree::owner::User;
use oci_spec::runtime::Spec;

use super::mounts::Prepared;
use crate::engine::ExecEnvironment;
use crate::error::{OpError, OrFail};
use crate::session::Session;
use crate::vertex::exec::{Exec, MountKind};

/// Where commands are looked for when the image does not say.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Variables by which common programs find certificate authorities.
const CA_VARIABLES: [&str; 7] = [
    "SSL_CERT_FILE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "CURL_CA_BUNDLE",
    "CARGO_HTTP_CAINFO",
    "GIT_SSL_CAINFO",
];

/// The values of the secrets of one exec.
#[derive(Default)]
pub struct Secrets(HashMap<Digest, Arc<[u8]>>);

impl Secrets {
    /// Looks up all secrets that an exec uses.
    pub async fn load(exec: &Exec, session: &Session) -> Result<Self, OpError> {
        let mounted = exec.mounts.iter().filter_map(|mount| match &mount.kind {
            MountKind::Secret { secret, .. } => Some(secret),
            _ => None,
        });
        let mut values = HashMap::new();
        for secret in exec.secret_env.iter().map(|(_, secret)| secret).chain(mounted) {
            values.insert(secret.identity, session.secret(secret).await?);
        }
        Ok(Self(values))
    }

    /// The value of a secret that the exec uses.
    pub fn get(&self, identity: &Digest) -> Result<&Arc<[u8]>, OpError> {
        self.0.get(identity).ok_or_else(|| OpError::new("internal error: a secret was not looked up"))
    }

    /// All values, to be kept out of outputs.
    pub fn values(&self) -> Vec<Arc<[u8]>> {
        self.0.values().cloned().collect()
    }
}

/// The complete environment. Later entries win where the machine's and the container's meet: the container's.
fn variables(
    exec: &Exec,
    machine: &ExecEnvironment,
    user: &User,
    secrets: &Secrets,
    ca_path: Option<&str>,
    trace: &[(&'static str, String)],
) -> Result<Vec<String>, OpError> {
    let mut entries: Vec<(&str, String)> = Vec::new();
    let mut set = |name, value: String| match entries.iter_mut().find(|(known, _)| *known == name) {
        Some(entry) => entry.1 = value,
        None => entries.push((name, value)),
    };
    set("PATH", DEFAULT_PATH.to_owned());
    set("HOME", user.home.clone().unwrap_or_else(|| "/".to_owned()));
    for (name, value) in &machine.proxy {
        set(name, value.clone());
    }
    if let Some(path) = ca_path {
        for name in CA_VARIABLES {
            set(name, path.to_owned());
        }
    }
    // The container's own variables win.
    for (name, value) in trace {
        set(name, value.clone());
    }
    for (name, value) in exec.env.iter().chain(&exec.volatile_env) {
        set(name, value.clone());
    }
    for (name, secret) in &exec.secret_env {
        let value = String::from_utf8(secrets.get(&secret.identity)?.to_vec()).map_err(|_| {
            OpError::new(format!(
                "secret variable {name}: the secret is not text; mount it as a file instead"
            ))
        })?;
        set(name, value);
    }
    Ok(entries.into_iter().map(|(name, value)| format!("{name}={value}")).collect())
}

/// What the sandbox is told.
pub fn spec(
    exec: &Exec,
    machine: &ExecEnvironment,
    user: &User,
    secrets: &Secrets,
    prepared: &Prepared,
    trace: &[(&'static str, String)],
) -> Result<Spec, OpError> {
    let mut spec = default_spec(Command {
        args: exec.args.clone(),
        env: variables(exec, machine, user, secrets, prepared.ca_path, trace)?,
        cwd: PathBuf::from(prepared.cwd.as_deref().unwrap_or(&exec.cwd)),
        uid: user.uid,
        gid: user.gid,
        additional_gids: user.groups.clone(),
        hostname: "dagger".to_owned(),
    });
    if exec.privileged {
        spec = privileged(spec);
    }
    let mut mounts = spec.mounts().clone().unwrap_or_default();
    if exec.privileged {
        mounts.extend(host_devices());
    }
    mounts.extend(prepared.mounts.iter().cloned());
    spec.set_mounts(Some(mounts));
    limit(&mut spec, machine).or_fail()?;
    Ok(spec)
}

fn limit(spec: &mut Spec, machine: &ExecEnvironment) -> Result<(), oci_spec::OciSpecError> {
    use oci_spec::runtime::{LinuxMemoryBuilder, LinuxPidsBuilder};
    let Some(linux) = spec.linux_mut() else { return Ok(()) };
    let mut resources = linux.resources().clone().unwrap_or_default();
    if let Some(limit) = machine.pids_max {
        resources.set_pids(Some(LinuxPidsBuilder::default().limit(limit).build()?));
    }
    if let Some(limit) = machine.memory_max {
        resources.set_memory(Some(LinuxMemoryBuilder::default().limit(limit).build()?));
    }
    linux.set_resources(Some(resources));
    if let Some(most) = machine.pid_numbers {
        kukri_sandbox::spec::bound_pid_numbers(spec, most);
    }
    Ok(())
}
