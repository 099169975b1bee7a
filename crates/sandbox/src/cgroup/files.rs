//! What the kernel counts for a group, in the files of its directories.

use std::fs;
use std::path::{Path, PathBuf};

use super::layout::{BLOCK_IO, UNIFIED};
use crate::{CgroupUsage, Pressure};

/// The directories of one group, one in each hierarchy in which it is.
#[derive(Clone, Debug, Default)]
pub(super) struct Files {
    /// With the controllers of the hierarchy.
    pub(super) dirs: Vec<(Vec<String>, PathBuf)>,
    /// Whether there is but one, with all controllers.
    pub(super) is_v2: bool,
}

impl Files {
    /// The directory in the hierarchy of a controller.
    pub(super) fn dir(&self, controller: &str) -> Option<&Path> {
        let has =
            |(controllers, _): &&(Vec<String>, PathBuf)| controllers.iter().any(|name| name == controller);
        self.dirs.iter().find(has).map(|(_, dir)| dir.as_path())
    }

    /// The directory in the v2 tree, which on hybrid machines has no controllers.
    fn unified(&self) -> Option<&Path> {
        if self.is_v2 { self.dirs.first().map(|(_, dir)| dir.as_path()) } else { self.dir(UNIFIED) }
    }

    /// What is read for each run.
    pub(super) fn usage(&self) -> CgroupUsage {
        let mut usage = CgroupUsage::default();
        if let Some(dir) = self.dir("memory") {
            let (peak, events) = if self.is_v2 {
                ("memory.peak", "memory.events")
            } else {
                ("memory.max_usage_in_bytes", "memory.oom_control")
            };
            usage.memory_peak_bytes = number(&dir.join(peak));
            usage.oom_kills = keyed(&dir.join(events), "oom_kill");
        }
        if let Some(dir) = self.dir("pids") {
            usage.refused_processes = keyed(&dir.join("pids.events"), "max");
        }
        if let Some(dir) = self.unified() {
            // Counted even where the controller is not enabled.
            usage.cpu_micros = keyed(&dir.join("cpu.stat"), "usage_usec");
        } else if let Some(dir) = self.dir("cpuacct") {
            usage.cpu_micros = number(&dir.join("cpuacct.usage")).map(|nanos| nanos / 1000);
        }
        if self.is_v2
            && let Some(dir) = self.dir("io")
        {
            (usage.read_bytes, usage.write_bytes) = io_bytes(&dir.join("io.stat"));
        }
        usage
    }

    /// The same and all the rest.
    pub(super) fn read(&self) -> CgroupUsage {
        let mut usage = self.usage();
        if let Some(dir) = self.dir("memory") {
            let current = if self.is_v2 { "memory.current" } else { "memory.usage_in_bytes" };
            usage.memory_current_bytes = number(&dir.join(current));
        }
        if let Some(dir) = self.unified() {
            let times = dir.join("cpu.stat");
            usage.user_micros = keyed(&times, "user_usec");
            usage.system_micros = keyed(&times, "system_usec");
            usage.cpu_pressure = pressure(&dir.join("cpu.pressure"));
            usage.memory_pressure = pressure(&dir.join("memory.pressure"));
            usage.io_pressure = pressure(&dir.join("io.pressure"));
        } else if let Some(dir) = self.dir("cpuacct") {
            let micros = |file| number(&dir.join(file)).map(|nanos| nanos / 1000);
            usage.user_micros = micros("cpuacct.usage_user");
            usage.system_micros = micros("cpuacct.usage_sys");
        }
        if !self.is_v2
            && let Some(dir) = self.dir(BLOCK_IO)
        {
            (usage.read_bytes, usage.write_bytes) = block_io(&dir.join("blkio.throttle.io_service_bytes"));
        }
        usage
    }
}

pub(super) fn number(file: &Path) -> Option<u64> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// The number after a key, in a file of lines "key number".
pub(super) fn keyed(file: &Path, key: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' ')?.trim().parse().ok())
}

/// Bytes read and written, over all devices.
fn io_bytes(file: &Path) -> (Option<u64>, Option<u64>) {
    let Ok(text) = fs::read_to_string(file) else { return (None, None) };
    let sum = |key: &str| {
        let values = text.split_whitespace().filter_map(|word| word.strip_prefix(key)?.parse::<u64>().ok());
        Some(values.sum())
    };
    (sum("rbytes="), sum("wbytes="))
}

/// The same on v1: lines "device Read number".
fn block_io(file: &Path) -> (Option<u64>, Option<u64>) {
    let Ok(text) = fs::read_to_string(file) else { return (None, None) };
    let sum = |key: &str| {
        let value = |line: &str| match line.split_whitespace().collect::<Vec<_>>()[..] {
            [_, name, number] if name == key => number.parse::<u64>().ok(),
            _ => None,
        };
        Some(text.lines().filter_map(value).sum())
    };
    (sum("Read"), sum("Write"))
}

/// Totals of lines "some avg10=0.00 avg60=0.00 avg300=0.00 total=12".
fn pressure(file: &Path) -> Pressure {
    // Without pressure stall information there is no file, or it cannot be read.
    let text = fs::read_to_string(file).unwrap_or_default();
    let total = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
        line.split_whitespace().find_map(|word| word.strip_prefix("total=")?.parse().ok())
    };
    Pressure { some_micros: total("some "), full_micros: total("full ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(is_v2: bool, controllers: &[&str], files: &[(&str, &str)]) -> (tempfile::TempDir, Files) {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(dir.path().join(name), text).unwrap();
        }
        let controllers = controllers.iter().map(|name| (*name).to_owned()).collect();
        let files = Files { dirs: vec![(controllers, dir.path().to_owned())], is_v2 };
        (dir, files)
    }

    #[test]
    fn all_that_v2_counts_is_read() {
        let (_dir, files) = files(
            true,
            &["memory", "pids", "cpu", "io"],
            &[
                ("memory.peak", "900\n"),
                ("memory.current", "100\n"),
                ("memory.events", "low 0\noom 1\noom_kill 2\n"),
                ("pids.events", "max 3\n"),
                ("cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnice_usec 5\n"),
                ("io.stat", "8:0 rbytes=5 wbytes=6 rios=1\n8:16 rbytes=7 wbytes=0\n"),
                ("cpu.pressure", "some avg10=0.00 avg60=0.00 avg300=0.00 total=11\n"),
                ("memory.pressure", "some avg10=1.00 total=12\nfull avg10=0.00 total=13\n"),
                ("io.pressure", "some avg10=0.00 total=14\nfull avg10=0.00 total=15\n"),
            ],
        );
        let expected = CgroupUsage {
            refused_processes: Some(3),
            memory_peak_bytes: Some(900),
            memory_current_bytes: Some(100),
            cpu_micros: Some(30),
            user_micros: Some(20),
            system_micros: Some(10),
            oom_kills: Some(2),
            read_bytes: Some(12),
            write_bytes: Some(6),
            cpu_pressure: Pressure { some_micros: Some(11), full_micros: None },
            memory_pressure: Pressure { some_micros: Some(12), full_micros: Some(13) },
            io_pressure: Pressure { some_micros: Some(14), full_micros: Some(15) },
        };
        assert_eq!(files.read(), expected);
    }

    #[test]
    fn v1_has_other_files_and_what_is_not_there_is_not_counted() {
        let (_dir, files) = files(
            false,
            &["memory", "cpuacct", BLOCK_IO],
            &[
                ("memory.max_usage_in_bytes", "900\n"),
                ("memory.usage_in_bytes", "100\n"),
                ("cpuacct.usage", "30000\n"),
                ("cpuacct.usage_user", "20000\n"),
                ("cpuacct.usage_sys", "10000\n"),
                ("blkio.throttle.io_service_bytes", "8:0 Read 5\n8:0 Write 6\n8:0 Total 11\nTotal 11\n"),
            ],
        );
        let expected = CgroupUsage {
            refused_processes: None,
            memory_peak_bytes: Some(900),
            memory_current_bytes: Some(100),
            cpu_micros: Some(30),
            user_micros: Some(20),
            system_micros: Some(10),
            read_bytes: Some(5),
            write_bytes: Some(6),
            ..CgroupUsage::default()
        };
        assert_eq!(files.read(), expected);
        assert_eq!(Files::default().read(), CgroupUsage::default());
    }
}
