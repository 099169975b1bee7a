//! From the OCI spec's `linux.resources` to files of control groups.

use oci_spec::runtime::LinuxResources;

use super::Version;

/// What a file of a control group belongs to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Controller {
    Memory,
    Pids,
    Cpu,
    /// v1 counts CPU time in a controller of its own.
    CpuAccounting,
}

impl Controller {
    /// Its name on v1; on v2 the last one is a part of `cpu`.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Pids => "pids",
            Self::Cpu => "cpu",
            Self::CpuAccounting => "cpuacct",
        }
    }
}

/// One value to write.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Setting {
    pub(super) controller: Controller,
    pub(super) file: &'static str,
    pub(super) value: String,
    /// Field of the spec, for messages.
    pub(super) limit: &'static str,
    /// Whether the run must not start without it.
    pub(super) required: bool,
}

const DEFAULT_PERIOD_MICROS: u64 = 100_000;

/// The values to write for these resources, in the order in which the kernel accepts them.
pub(super) fn settings(version: Version, resources: Option<&LinuxResources>) -> Vec<Setting> {
    let mut settings = Vec::new();
    let Some(resources) = resources else { return settings };
    let mut add = |controller, limit, required, v1, v2, value: String| {
        let file = if version == Version::V1 { v1 } else { v2 };
        settings.push(Setting { controller, file, value, limit, required });
    };
    if let Some(limit) = resources.pids().as_ref().map(|pids| pids.limit()) {
        let value = if limit > 0 { limit.to_string() } else { "max".into() };
        add(Controller::Pids, "pids.limit", limit > 0, "pids.max", "pids.max", value);
    }
    if let Some(memory) = resources.memory() {
        let limit = memory.limit().filter(|limit| *limit > 0);
        if let Some(limit) = limit {
            let value = limit.to_string();
            add(Controller::Memory, "memory.limit", true, "memory.limit_in_bytes", "memory.max", value);
        }
        match (limit, memory.swap().filter(|swap| *swap > 0)) {
            // The spec means memory and swap together, as v1 does.
            (_, Some(both)) => {
                let value = match version {
                    Version::V1 => both,
                    Version::V2 => both.saturating_sub(limit.unwrap_or(0)).max(0),
                };
                let value = value.to_string();
                add(
                    Controller::Memory,
                    "memory.swap",
                    true,
                    "memory.memsw.limit_in_bytes",
                    "memory.swap.max",
                    value,
                );
            }
            // Swapping would only make a step which is over its limit slow. Kernels without swap lack the file.
            (Some(limit), None) => {
                let value = if version == Version::V1 { limit } else { 0 }.to_string();
                add(
                    Controller::Memory,
                    "memory.swap",
                    false,
                    "memory.memsw.limit_in_bytes",
                    "memory.swap.max",
                    value,
                );
            }
            (None, None) => {}
        }
        if let Some(reservation) = memory.reservation().filter(|value| *value > 0) {
            let value = reservation.to_string();
            add(
                Controller::Memory,
                "memory.reservation",
                true,
                "memory.soft_limit_in_bytes",
                "memory.low",
                value,
            );
        }
    }
    if let Some(cpu) = resources.cpu() {
        if let Some(quota) = cpu.quota().filter(|quota| *quota > 0) {
            let period = cpu.period().filter(|period| *period > 0).unwrap_or(DEFAULT_PERIOD_MICROS);
            if version == Version::V1 {
                add(Controller::Cpu, "cpu.period", true, "cpu.cfs_period_us", "", period.to_string());
                add(Controller::Cpu, "cpu.quota", true, "cpu.cfs_quota_us", "", quota.to_string());
            } else {
                add(Controller::Cpu, "cpu.quota", true, "", "cpu.max", format!("{quota} {period}"));
            }
        }
        if let Some(shares) = cpu.shares().filter(|shares| *shares > 0) {
            let value = if version == Version::V1 { shares } else { weight(shares) };
            add(Controller::Cpu, "cpu.shares", true, "cpu.shares", "cpu.weight", value.to_string());
        }
    }
    settings
}

/// The first limit that is asked for and that [`settings`] has nothing for. Values that mean "no limit" are no limit.
/// Rules for devices are left to those who run the container.
pub(super) fn unsupported(resources: &LinuxResources) -> Option<&'static str> {
    fn word(text: &Option<String>) -> bool {
        text.as_ref().is_some_and(|text| !text.is_empty())
    }
    let mut asked = vec![
        ("blockIO", resources.block_io().is_some()),
        ("hugepageLimits", resources.hugepage_limits().as_ref().is_some_and(|limits| !limits.is_empty())),
        ("network", resources.network().is_some()),
        ("rdma", resources.rdma().as_ref().is_some_and(|limits| !limits.is_empty())),
        ("unified", resources.unified().as_ref().is_some_and(|files| !files.is_empty())),
    ];
    if let Some(memory) = resources.memory() {
        asked.extend([
            ("memory.kernel", memory.kernel().is_some_and(|limit| limit > 0)),
            ("memory.kernelTCP", memory.kernel_tcp().is_some_and(|limit| limit > 0)),
            ("memory.swappiness", memory.swappiness().is_some()),
            ("memory.disableOOMKiller", memory.disable_oom_killer() == Some(true)),
            ("memory.checkBeforeUpdate", memory.check_before_update() == Some(true)),
        ]);
    }
    if let Some(cpu) = resources.cpu() {
        asked.extend([
            ("cpu.cpus", word(cpu.cpus())),
            ("cpu.mems", word(cpu.mems())),
            ("cpu.realtimeRuntime", cpu.realtime_runtime().is_some_and(|limit| limit > 0)),
            ("cpu.realtimePeriod", cpu.realtime_period().is_some_and(|limit| limit > 0)),
            ("cpu.burst", cpu.burst().is_some_and(|limit| limit > 0)),
            ("cpu.idle", cpu.idle().is_some_and(|idle| idle != 0)),
        ]);
    }
    asked.into_iter().find(|(_, asked)| *asked).map(|(limit, _)| limit)
}

/// v1's shares (2 to 262144) as v2's weight (1 to 10000), by the formula that OCI runtimes use.
fn weight(shares: u64) -> u64 {
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
}

#[cfg(test)]
mod tests {
    use oci_spec::runtime::{LinuxCpuBuilder, LinuxMemoryBuilder, LinuxPidsBuilder, LinuxResourcesBuilder};

    use super::*;

    fn resources() -> LinuxResources {
        LinuxResourcesBuilder::default()
            .pids(LinuxPidsBuilder::default().limit(50).build().unwrap())
            .memory(LinuxMemoryBuilder::default().limit(1 << 20).build().unwrap())
            .cpu(LinuxCpuBuilder::default().quota(150_000).shares(1024u64).build().unwrap())
            .build()
            .unwrap()
    }

    fn written(version: Version) -> Vec<(&'static str, String)> {
        settings(version, Some(&resources()))
            .into_iter()
            .map(|setting| (setting.file, setting.value))
            .collect()
    }

    #[test]
    fn v2_files() {
        let expected = [
            ("pids.max", "50"),
            ("memory.max", "1048576"),
            ("memory.swap.max", "0"),
            ("cpu.max", "150000 100000"),
            ("cpu.weight", "39"),
        ];
        assert_eq!(written(Version::V2), expected.map(|(file, value)| (file, value.to_owned())));
    }

    #[test]
    fn v1_files() {
        let expected = [
            ("pids.max", "50"),
            ("memory.limit_in_bytes", "1048576"),
            ("memory.memsw.limit_in_bytes", "1048576"),
            ("cpu.cfs_period_us", "100000"),
            ("cpu.cfs_quota_us", "150000"),
            ("cpu.shares", "1024"),
        ];
        assert_eq!(written(Version::V1), expected.map(|(file, value)| (file, value.to_owned())));
    }

    #[test]
    fn what_is_not_written_is_named() {
        for (limit, text) in [
            ("cpu.cpus", r#"{"cpu": {"cpus": "0-1", "shares": 2}}"#),
            ("cpu.mems", r#"{"cpu": {"mems": "0"}}"#),
            ("cpu.burst", r#"{"cpu": {"quota": 1000, "burst": 5}}"#),
            ("cpu.idle", r#"{"cpu": {"idle": 1}}"#),
            ("memory.swappiness", r#"{"memory": {"limit": 1, "swappiness": 10}}"#),
            ("memory.disableOOMKiller", r#"{"memory": {"disableOOMKiller": true}}"#),
            ("blockIO", r#"{"blockIO": {"weight": 10}}"#),
            ("hugepageLimits", r#"{"hugepageLimits": [{"pageSize": "2MB", "limit": 1}]}"#),
            ("unified", r#"{"unified": {"memory.high": "1"}}"#),
            ("network", r#"{"network": {"classID": 1}}"#),
            ("rdma", r#"{"rdma": {"a": {"hcaHandles": 3}}}"#),
        ] {
            let resources: LinuxResources = serde_json::from_str(text).unwrap();
            assert_eq!(unsupported(&resources), Some(limit), "{text}");
        }
        let done = r#"{"cpu": {"quota": -1, "shares": 5, "cpus": ""}, "memory": {"limit": -1}, "pids": {"limit": 4}, "unified": {}}"#;
        assert_eq!(unsupported(&serde_json::from_str(done).unwrap()), None);
        assert_eq!(unsupported(&resources()), None);
    }

    #[test]
    fn nothing_asked_is_nothing_written() {
        assert_eq!(settings(Version::V1, None), []);
        assert_eq!(settings(Version::V2, Some(&LinuxResources::default())), []);
    }
}
