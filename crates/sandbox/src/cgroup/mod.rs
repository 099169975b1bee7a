//! Control groups of runs, v2 and v1.
//!
//! [`ControlGroups::detect`] finds out which kind the engine may use and makes a group `kukri-<pid>-<n>` for itself inside
//! the one it runs in, so that limits put on the engine hold for its containers too. Below that, each run gets a group
//! of its own:
//!
//! - **v2** with controllers that are delegated to us: one group with everything.
//! - **v1**, and *hybrid* machines whose v2 tree has no controllers: one group in each hierarchy whose limits are asked
//!   for (`memory`, `pids`, `cpu`), and, where the run is to be counted, in `memory`, `cpuacct`, `blkio` and the v2 tree;
//!   joining one makes the kernel wait for all processors, 0.3 ms to more than 10 ms, which several share.
//! - **none**, with the reason: runs without limits work, runs with limits are refused.
//!
//! `CAP_SYS_RESOURCE` is never needed.

mod files;
mod group;
mod layout;
mod limits;
mod remover;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use oci_spec::runtime::LinuxResources;

use crate::SandboxError;

pub use group::Group;
use layout::Layout;
pub use layout::Version;
use limits::{Controller, Setting};
use remover::Remover;

/// What went wrong with control groups.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CgroupError {
    /// A limit was asked for where there are no control groups.
    #[error("limits cannot be set here: {reason}")]
    Unavailable {
        /// Why there are none, and what to change.
        reason: String,
    },
    /// A limit was asked for whose controller is not available.
    #[error(
        "the limit {limit} cannot be set: the control group controller {controller:?} is not available here"
    )]
    NoController {
        /// Field of the spec.
        limit: &'static str,
        /// The controller that is missing.
        controller: &'static str,
    },
    /// A limit was asked for that is never set here.
    #[error("the limit {limit} is not supported; leave it out, or put it on the engine's own control group")]
    Unsupported {
        /// Field of the spec, below `linux.resources`.
        limit: &'static str,
    },
    /// The group cannot be made.
    #[error("cannot make the control group {}: {source}", path.display())]
    Create {
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The kernel refused a limit.
    #[error("cannot write {value:?} to {}: {source}", path.display())]
    Limit {
        /// File of the control group.
        path: PathBuf,
        /// What was to be written.
        value: String,
        /// Why.
        source: io::Error,
    },
    /// The run's id cannot be the name of a group.
    #[error("{0:?} cannot name a control group: only letters, digits, '-', '_' and '.' may be used")]
    Name(String),
}

/// The engine's control groups. Clones share them; they are removed with the last clone and the last run.
#[derive(Clone, Debug)]
pub struct ControlGroups {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    /// Dropped first: when it is gone, all runs' groups are removed, and the engine's own can be.
    remover: Remover,
    layout: Layout,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.remover.finish();
        self.layout.remove();
    }
}

impl ControlGroups {
    /// Looks at this machine, and makes the engine's own group where it can.
    ///
    /// On v2 the kernel wants processes in leaves only. Where this process is alone in its group, it moves itself into
    /// a group `kukri-<pid>.engine` below it.
    #[must_use]
    pub fn detect() -> Self {
        Self::with_layout(Layout::detect())
    }

    /// Uses no control groups: runs without limits work, limits are refused for this reason.
    #[must_use]
    pub fn none(reason: impl Into<String>) -> Self {
        Self::with_layout(Layout::none(reason.into()))
    }

    fn with_layout(layout: Layout) -> Self {
        Self { inner: Arc::new(Inner { remover: Remover::start(), layout }) }
    }

    /// Which kind is used; `None` where there is none.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.inner.layout.version
    }

    /// Why there are no control groups, and what to change; `None` where there are.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.inner.layout.reason.as_deref()
    }

    /// Whether the number of a run's processes can be limited.
    #[must_use]
    pub fn limits_processes(&self) -> bool {
        self.inner.layout.find(Controller::Pids).is_some()
    }

    /// Makes the group of a run. `count`: a run without limits is counted too. On v2 that is so in any case; on v1 it
    /// needs a group in up to four hierarchies.
    ///
    /// # Errors
    /// When a limit was asked for that cannot be set, or the group cannot be made.
    pub fn create_group(
        &self,
        id: &str,
        resources: Option<&LinuxResources>,
        count: bool,
    ) -> Result<Group, CgroupError> {
        if !is_name(id) {
            return Err(CgroupError::Name(id.to_owned()));
        }
        if let Some(limit) = resources.and_then(limits::unsupported) {
            return Err(CgroupError::Unsupported { limit });
        }
        let layout = &self.inner.layout;
        let mut group = Group::new(Arc::clone(&self.inner));
        let Some(version) = layout.version else {
            let asked = limits::settings(Version::V2, resources);
            let reason = layout.reason.clone().unwrap_or_default();
            return if asked.is_empty() { Ok(group) } else { Err(CgroupError::Unavailable { reason }) };
        };
        let settings = limits::settings(version, resources);
        for hierarchy in self.needed(version, &settings, count)? {
            group.add(&layout.hierarchies[hierarchy], layout, id)?;
        }
        for setting in &settings {
            group.set(setting)?;
        }
        Ok(group)
    }

    /// The hierarchies in which a run with these settings needs a group.
    fn needed(&self, version: Version, settings: &[Setting], count: bool) -> Result<Vec<usize>, CgroupError> {
        let layout = &self.inner.layout;
        let mut needed = Vec::new();
        let mut add = |index| {
            if !needed.contains(&index) {
                needed.push(index);
            }
        };
        for setting in settings {
            match layout.find(setting.controller) {
                Some(index) => add(index),
                None if setting.required => {
                    return Err(CgroupError::NoController {
                        limit: setting.limit,
                        controller: setting.controller.name(),
                    });
                }
                None => {}
            }
        }
        match version {
            Version::V2 => add(0),
            Version::V1 if count => {
                layout::COUNTING.iter().filter_map(|name| layout.find_name(name)).for_each(add);
            }
            Version::V1 => {}
        }
        Ok(needed)
    }
}

impl crate::Cgroups for ControlGroups {
    fn create(
        &self,
        id: &str,
        resources: Option<&LinuxResources>,
        count: bool,
    ) -> Result<Box<dyn crate::Cgroup>, SandboxError> {
        Ok(Box::new(self.create_group(id, resources, count)?))
    }
}

fn is_name(id: &str) -> bool {
    let letters = id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    // Names with a dot right after a controller's name belong to the kernel's own files; ours all have a prefix.
    letters && !id.is_empty() && !id.starts_with('.')
}
