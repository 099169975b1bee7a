//! Where things are and how the engine works: flags, variables, `engine.json`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use clap::builder::{NonEmptyStringValueParser, PathBufValueParser, TypedValueParser};
use clap::error::{ContextKind, ErrorKind};
use kukri_engine::engine::EngineOptions;
use kukri_session::ProtocolRange;
use serde::Deserialize;
use serde_json::Value as Json;
use tracing_subscriber::EnvFilter;

use crate::fail::Failure;
use crate::size;

mod places;
mod read;
pub mod registry;
mod workdir;

pub use places::{Places, of_engine};
pub use workdir::{enter_workdir, workdir};

/// How the engine works. Each flag has a variable, so that an engine which starts by itself can be set as well; what
/// they mean is in the [`registry`].
#[derive(clap::Args, Debug, Clone)]
pub struct EngineSettings {
    #[arg(long, env = "KUKRI_ROOT", value_parser = PathBufValueParser::new().try_map(read::absolute))]
    pub root: Option<PathBuf>,
    #[arg(long, env = "KUKRI_SOCKET", value_parser = PathBufValueParser::new().try_map(read::socket))]
    pub socket: Option<PathBuf>,
    #[arg(long, env = "KUKRI_IDLE_TIMEOUT", default_value = "10m", value_parser = size::checked(size::duration))]
    pub idle_timeout: String,
    #[arg(long, env = "KUKRI_MAX_SIZE", value_parser = size::checked(size::of_cache))]
    pub max_size: Option<String>,
    #[arg(long, env = "KUKRI_MIN_FREE", value_parser = size::checked(size::of_disk))]
    pub min_free: Option<String>,
    #[arg(long, env = "KUKRI_KEEP", value_parser = size::checked(size::keeping))]
    pub keep: Option<String>,
    #[arg(long, env = "KUKRI_PARALLELISM", value_parser = size::at_once)]
    pub parallelism: Option<u32>,
    #[arg(long, env = "KUKRI_OCI_RUNTIME", value_parser = NonEmptyStringValueParser::new())]
    pub oci_runtime: Option<String>,
    #[arg(long, env = "KUKRI_NETWORK", default_value = "bridge", value_parser = size::checked(read::network))]
    pub network: String,
    #[arg(long, env = "KUKRI_REGISTRY_MIRRORS", value_parser = size::checked(read::mirrors))]
    pub registry_mirrors: Option<String>,
    #[arg(long, env = "KUKRI_CA_BUNDLE", value_parser = PathBufValueParser::new().try_map(read::existing))]
    pub ca_bundle: Option<PathBuf>,
    #[arg(long, env = "KUKRI_PIDS_MAX", value_parser = size::pids)]
    pub pids_max: Option<i64>,
    #[arg(long, env = "KUKRI_MEMORY_MAX", value_parser = size::memory)]
    pub memory_max: Option<i64>,
    #[arg(long, env = "KUKRI_CONFIG", value_parser = PathBufValueParser::new().try_map(read::existing))]
    pub config: Option<PathBuf>,
}

/// `engine.json`: the keys that engines of the field share.
#[derive(Deserialize, Default, Debug)]
#[serde(default, rename_all = "camelCase")]
struct ConfigFile {
    registries: BTreeMap<String, RegistryFile>,
    gc: GcFile,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default, rename_all = "camelCase")]
struct RegistryFile {
    mirrors: Vec<String>,
    http: bool,
    insecure: bool,
}

#[derive(Deserialize, Default, Debug)]
#[serde(default, rename_all = "camelCase")]
struct GcFile {
    max_used_space: Option<Json>,
    min_free_space: Option<Json>,
}

/// The value of a variable, if it is set and not empty.
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// What tests let client and engine say of themselves when they meet, in place of their own version and range of
/// protocol versions: `KUKRI_PRETEND_VERSION=9.9.9:1-3`. All else is as it is.
pub fn pretended_version() -> Result<Option<(String, ProtocolRange)>, Failure> {
    let Some(text) = variable("KUKRI_PRETEND_VERSION") else { return Ok(None) };
    let parsed = text.split_once(':').and_then(|(version, range)| {
        let (min, max) = range.split_once('-')?;
        Some((version.to_owned(), ProtocolRange { min: min.parse().ok()?, max: max.parse().ok()? }))
    });
    match parsed {
        Some(parsed) => Ok(Some(parsed)),
        None => Err(unreadable("KUKRI_PRETEND_VERSION", &text, &"expected VERSION:MIN-MAX")),
    }
}

/// How many runs are kept to be looked at later.
pub fn kept_runs() -> Result<usize, Failure> {
    let Some(text) = variable("KUKRI_RUNS") else { return Ok(20) };
    size::whole(&text).map_err(|why| unreadable("KUKRI_RUNS", &text, &why))
}

/// What an engine writes to its log.
pub fn log_filter() -> Result<EnvFilter, Failure> {
    let filter = variable("KUKRI_LOG").unwrap_or_else(|| "info".to_owned());
    EnvFilter::try_new(&filter).map_err(|error| {
        unreadable("KUKRI_LOG", &filter, &error)
            .hint("write a level (error, warn, info, debug), or levels of parts, as in info,kukri_oci=debug")
    })
}

/// Whether all variables can be read that a session needs, its engine, and the programs in it.
///
/// They are looked at before anything is started, so that what is wrong with them is not told by an engine that ends at once,
/// or passed over by one that runs already. Telemetry tells what is wrong as a warning, as OpenTelemetry wants it, and
/// variables of the system belong to others.
pub fn check() -> Result<(), Failure> {
    from_environment()?.places()?;
    log_filter()?;
    kept_runs()?;
    pretended_version()?;
    if let Some(text) = variable("KUKRI_SOURCE_LINES") {
        size::switch(&text).map_err(|why| unreadable("KUKRI_SOURCE_LINES", &text, &why))?;
    }
    Ok(())
}

/// A variable has a value that means nothing.
pub fn unreadable(name: &str, value: &str, why: &dyn Display) -> Failure {
    Failure::usage(format!("{name}={value}: {why}"))
}

/// The user's home directory.
pub fn home() -> Option<PathBuf> {
    path_variable("HOME")
}

/// A directory for the user's files of one sort: as a variable of the XDG specification says, else below the home directory.
/// A relative path is ignored, as the specification wants it: it would be another directory wherever the command is called.
pub fn base_dir(name: &str, below_home: &str) -> Option<PathBuf> {
    path_variable(name).filter(|path| path.is_absolute()).or_else(|| Some(home()?.join(below_home)))
}

/// The path in a variable, if it is set and not empty. Paths need not be text.
fn path_variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// The settings as they are without flags: for a client that may have to start an engine.
pub fn from_environment() -> Result<EngineSettings, Failure> {
    #[derive(clap::Parser)]
    struct Only {
        #[command(flatten)]
        settings: EngineSettings,
    }
    <Only as clap::Parser>::try_parse_from(["kukri"]).map(|only| only.settings).map_err(|error| {
        let found = invalid(&error, &<Only as clap::CommandFactory>::command());
        found.map_or_else(|| Failure::usage(error.to_string()), |(_, failure)| failure)
    })
}

/// The flag whose value is not valid, and the failure where its variable has that value: which, and why. What clap prints speaks
/// of flags alone.
pub fn invalid(error: &clap::Error, command: &clap::Command) -> Option<(String, Failure)> {
    fn name_of(command: &clap::Command, flag: &str) -> Option<String> {
        let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag));
        let name = arg.and_then(clap::Arg::get_env).map(|name| name.to_string_lossy().into_owned());
        name.or_else(|| command.get_subcommands().find_map(|command| name_of(command, flag)))
    }
    // A flag that is given twice has a name and no value, too.
    if !matches!(error.kind(), ErrorKind::InvalidValue | ErrorKind::ValueValidation) {
        return None;
    }
    let text = |kind| error.get(kind).map(ToString::to_string).unwrap_or_default();
    let flag = text(ContextKind::InvalidArg);
    let flag = flag.split_whitespace().next().unwrap_or_default().trim_start_matches('-').to_owned();
    let name = name_of(command, &flag)?;
    let value = text(ContextKind::InvalidValue);
    let failure = match std::error::Error::source(error) {
        _ if value.is_empty() => Failure::usage(format!("the variable {name} is set, but empty"))
            .hint("give it a value, or unset it"),
        Some(why) => unreadable(&name, &value, &why),
        None => {
            let failure = unreadable(&name, &value, &"not valid");
            match text(ContextKind::ValidValue) {
                words if words.is_empty() => failure,
                words => failure.hint(format!("it can be {words}")),
            }
        }
    };
    Some((flag, failure))
}

impl EngineSettings {
    /// How long the engine waits for work before it ends.
    pub fn idle_timeout(&self) -> Result<Option<std::time::Duration>, Failure> {
        let duration = size::duration(&self.idle_timeout).map_err(Failure::usage)?;
        Ok((!duration.is_zero()).then_some(duration))
    }

    /// The engine's options.
    pub fn options(&self) -> Result<EngineOptions, Failure> {
        let places = self.places()?;
        let (file, path) = self.file()?;
        let mut options = EngineOptions::new(places.root.clone());
        let disk = disk_size(&places.root);
        let given = |flag: &Option<String>, key: &str, value: Option<&Json>, check: SizeCheck| {
            let text = match (flag, value) {
                (Some(text), _) => text.clone(),
                (None, None) => return Ok(None),
                (None, Some(value)) => {
                    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                    check(&text).map_err(|error| in_file(&path, &format!("gc.{key}: {error}")))?;
                    text
                }
            };
            size::parse(&text, disk).map(Some).map_err(Failure::usage)
        };
        let gc = &file.gc;
        options.max_bytes =
            given(&self.max_size, "maxUsedSpace", gc.max_used_space.as_ref(), size::of_cache)?;
        options.min_free_bytes =
            given(&self.min_free, "minFreeSpace", gc.min_free_space.as_ref(), size::of_disk)?;
        let keep = self.keep.as_deref().map(size::duration).transpose();
        options.keep_duration = keep.map_err(Failure::usage)?;
        if let Some(count) = self.parallelism {
            options.parallelism = count;
        }
        options.oci_runtime.clone_from(&self.oci_runtime);
        options.network = read::network(&self.network).map_err(Failure::usage)?;
        let resolv = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        options.dns =
            resolv_values(&resolv, "nameserver").filter_map(|text| text.parse::<IpAddr>().ok()).collect();
        options.dns_search = resolv_values(&resolv, "search").map(str::to_owned).collect();
        for (host, registry) in file.registries {
            if registry.http {
                options.plain_http.push(host.clone());
            }
            if registry.insecure {
                options.insecure.push(host.clone());
            }
            if !registry.mirrors.is_empty() {
                options.mirrors.insert(host, registry.mirrors);
            }
        }
        let mirrors = self.registry_mirrors.as_deref().map(read::mirrors).transpose();
        for (host, url) in mirrors.map_err(Failure::usage)?.into_iter().flatten() {
            options.mirrors.entry(host).or_default().push(url);
        }
        options.ca_bundle = self.ca_bundle()?;
        options.proxy = proxy_variables();
        options.pids_max = self.pids_max;
        options.memory_max = self.memory_max;
        Ok(options)
    }

    fn ca_bundle(&self) -> Result<Option<PathBuf>, Failure> {
        if let Some(path) = &self.ca_bundle {
            std::fs::File::open(path)
                .map_err(|error| Failure::new(format!("CA bundle {}: {error}", path.display())))?;
            return Ok(Some(path.clone()));
        }
        // Where the user's own programs need other authorities, those in containers do so as well.
        Ok(path_variable("SSL_CERT_FILE").filter(|path| path.is_file()))
    }

    /// What the settings file says, and its path.
    fn file(&self) -> Result<(ConfigFile, PathBuf), Failure> {
        let (path, must) = match &self.config {
            Some(path) => (path.clone(), true),
            None => (PathBuf::from("/etc/kukri/engine.json"), false),
        };
        match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice(&bytes) {
                Ok(file) => Ok((file, path)),
                Err(error) => Err(in_file(&path, &error)),
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && !must => {
                Ok((ConfigFile::default(), path))
            }
            Err(error) => Err(in_file(&path, &error)),
        }
    }
}

/// Whether a text can be a size of something.
type SizeCheck = fn(&str) -> Result<(), String>;

/// What is wrong with the settings file.
fn in_file(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(format!("settings file {}: {error}", path.display()))
}

/// Values of a keyword of `resolv.conf`.
fn resolv_values<'a>(text: &'a str, keyword: &'a str) -> impl Iterator<Item = &'a str> {
    text.lines()
        .filter_map(move |line| line.trim().strip_prefix(keyword))
        .filter(|rest| rest.starts_with([' ', '\t']))
        .flat_map(str::split_whitespace)
}

fn proxy_variables() -> Vec<(String, String)> {
    ["HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY"]
        .into_iter()
        .flat_map(|name| [name.to_owned(), name.to_ascii_lowercase()])
        .filter_map(|name| variable(&name).map(|value| (name, value)))
        .collect()
}

/// Size of the disk that has a path, or would have it.
fn disk_size(path: &Path) -> Option<u64> {
    let existing = path.ancestors().find(|ancestor| ancestor.exists())?;
    let found = rustix::fs::statvfs(existing).ok()?;
    Some(found.f_blocks * found.f_frsize)
}
