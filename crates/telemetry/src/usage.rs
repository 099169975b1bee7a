//! What a command has cost.

use serde::{Deserialize, Serialize};

/// What a command has cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpanUsage {
    /// Processor time in user mode of all its processes, nanoseconds.
    pub user_ns: u64,
    /// Processor time in the kernel, nanoseconds.
    pub system_ns: u64,
    /// Most memory used at one moment by all its processes, bytes; `None` where the machine does not count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Memory used now, bytes; `None` where nobody asked for it, or the machine does not count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_current_bytes: Option<u64>,
    /// Read from disks, bytes; `None` where the machine does not count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read_bytes: Option<u64>,
    /// Written to disks, bytes; `None` where the machine does not count it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_bytes: Option<u64>,
    /// What went through its network; `None` where nobody asked for it, or it has none of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<SpanNetwork>,
    /// What it had to wait for; empty where nobody asked for it, or the machine does not count it.
    #[serde(skip_serializing_if = "SpanPressure::is_empty")]
    pub pressure: SpanPressure,
}

/// What went through the network of a command, as the command sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpanNetwork {
    /// Bytes received.
    pub rx_bytes: u64,
    /// Packets received.
    pub rx_packets: u64,
    /// Packets for it that were dropped.
    pub rx_dropped: u64,
    /// Bytes sent.
    pub tx_bytes: u64,
    /// Packets sent.
    pub tx_packets: u64,
    /// Packets of it that were dropped.
    pub tx_dropped: u64,
}

/// How long processes of a command had to wait because others used what they needed, microseconds each: at least one of
/// them (`some`), all that had something to do (`full`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpanPressure {
    /// For a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_some_us: Option<u64>,
    /// For a processor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_full_us: Option<u64>,
    /// For memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_some_us: Option<u64>,
    /// For memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_full_us: Option<u64>,
    /// For a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_some_us: Option<u64>,
    /// For a disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub io_full_us: Option<u64>,
}

impl SpanPressure {
    /// Whether nothing is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
