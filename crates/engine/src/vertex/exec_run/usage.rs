//! What a command uses, told at its end, and while it runs to clients that export metrics.

use std::convert::Infallible;
use std::time::Duration;

use kukri_sandbox::{CgroupUsage, Gauge, NetworkUsage, Usage};
use kukri_solver::RunContext;
use kukri_telemetry::{Event, SpanNetwork, SpanPressure, SpanUsage};

use crate::progress::now;
use crate::vertex::Vertex;

/// Waits for the end of a command. Until then, who wants to know what it uses is told so at this interval.
pub async fn during<T>(
    ended: impl Future<Output = T>,
    gauge: Option<Gauge>,
    interval: Option<Duration>,
    run: &RunContext<Vertex>,
) -> T {
    let (Some(gauge), Some(interval)) = (gauge, interval) else { return ended.await };
    tokio::select! {
        biased;
        ended = ended => ended,
        never = sample(gauge, interval, run) => match never {},
    }
}

async fn sample(gauge: Gauge, interval: Duration, run: &RunContext<Vertex>) -> Infallible {
    loop {
        tokio::time::sleep(interval).await;
        let gauge = gauge.clone();
        let read = move || (gauge.cgroup(), gauge.network());
        let Ok((cgroup, network)) = tokio::task::spawn_blocking(read).await else { continue };
        let event = Event::SpanUsage { id: run.vertex, usage: used(&cgroup, network), time_ns: now() };
        run.context.engine.watchers().sample(run.vertex, &event);
    }
}

/// What a command cost, as an event. Memory is what the control group counted: what the kernel says of the largest process
/// counts the engine's own pages, which a process shares until it runs the command.
pub fn total(id: u64, usage: &Usage) -> Event {
    let mut used = used(&usage.cgroup, usage.network);
    if usage.cgroup.user_micros.is_none() {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        (used.user_ns, used.system_ns) = (nanos(usage.user), nanos(usage.system));
    }
    Event::SpanUsage { id, usage: used, time_ns: now() }
}

fn used(cgroup: &CgroupUsage, network: Option<NetworkUsage>) -> SpanUsage {
    let nanos = |micros: Option<u64>| micros.unwrap_or_default().saturating_mul(1000);
    SpanUsage {
        user_ns: nanos(cgroup.user_micros),
        system_ns: nanos(cgroup.system_micros),
        memory_bytes: cgroup.memory_peak_bytes,
        memory_current_bytes: cgroup.memory_current_bytes,
        read_bytes: cgroup.read_bytes,
        write_bytes: cgroup.write_bytes,
        network: network.map(|network| SpanNetwork {
            rx_bytes: network.rx_bytes,
            rx_packets: network.rx_packets,
            rx_dropped: network.rx_dropped,
            tx_bytes: network.tx_bytes,
            tx_packets: network.tx_packets,
            tx_dropped: network.tx_dropped,
        }),
        pressure: SpanPressure {
            cpu_some_us: cgroup.cpu_pressure.some_micros,
            cpu_full_us: cgroup.cpu_pressure.full_micros,
            memory_some_us: cgroup.memory_pressure.some_micros,
            memory_full_us: cgroup.memory_pressure.full_micros,
            io_some_us: cgroup.io_pressure.some_micros,
            io_full_us: cgroup.io_pressure.full_micros,
        },
    }
}
