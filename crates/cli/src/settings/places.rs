//! Where an engine is, and how the one that is started learns it.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use kukri_session::socket;

use super::registry::{self, Kind, Reader};
use super::{EngineSettings, base_dir, path_variable};
use crate::fail::Failure;

/// Places of an engine. All paths are absolute.
#[derive(Debug, Clone)]
pub struct Places {
    /// Everything it keeps.
    pub root: PathBuf,
    /// Its socket.
    pub socket: PathBuf,
    /// Its log.
    pub log: PathBuf,
    /// Lock for those who want to start it.
    pub lock: PathBuf,
}

impl EngineSettings {
    /// Where the engine is. An error of usage where its socket cannot be there.
    pub fn places(&self) -> Result<Places, Failure> {
        let root = match &self.root {
            Some(root) => root.clone(),
            None if rustix::process::geteuid().is_root() => PathBuf::from("/var/lib/kukri"),
            None => base_dir("XDG_DATA_HOME", ".local/share")
                .ok_or_else(|| {
                    Failure::new("there is no place for the engine's data: HOME is not set")
                        .hint("set KUKRI_ROOT to a directory")
                })?
                .join("kukri"),
        };
        let root = std::path::absolute(root)?;
        let run = root.join("run");
        let socket = self.socket.clone().unwrap_or_else(|| run.join("engine.sock"));
        if !socket::fits(&socket) {
            return Err(Failure::usage(format!("{}: {}", socket.display(), socket::TOO_LONG))
                .hint("set KUKRI_SOCKET to a shorter path, or KUKRI_ROOT to a directory with one"));
        }
        Ok(Places { socket, log: root.join("engine.log"), lock: run.join("start.lock"), root })
    }
}

/// Variables for an engine that is started, which works in another directory than who starts it: where it is, and each path
/// that it reads and that is relative, as it is meant here.
pub fn of_engine(places: &Places) -> Result<Vec<(OsString, OsString)>, Failure> {
    let mut variables = Vec::new();
    for setting in registry::all() {
        let path = match (setting.reader, setting.kind) {
            (Reader::Engine, Kind::Dir | Kind::Path) | (Reader::System, Kind::Path) => {
                path_variable(setting.name)
            }
            // A name alone is looked up in PATH.
            (Reader::Engine, Kind::Program) => {
                path_variable(setting.name).filter(|path| path.as_os_str().as_bytes().contains(&b'/'))
            }
            _ => None,
        };
        if let Some(path) = path {
            variables.push((setting.name.into(), std::path::absolute(path)?.into()));
        }
    }
    variables.push(("KUKRI_ROOT".into(), places.root.clone().into()));
    variables.push(("KUKRI_SOCKET".into(), places.socket.clone().into()));
    Ok(variables)
}
