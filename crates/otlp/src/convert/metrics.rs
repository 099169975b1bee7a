//! What a command has cost, as gauges.

use kukri_telemetry::SpanUsage;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, metric, number_data_point};

use super::ids;
use super::span::Open;

/// Units as UCUM and the original have them.
const BYTES: &str = "byte";
const MICROSECONDS: &str = "us";
const PACKETS: &str = "{packet}";

/// All gauges by their name, behind `dagger.io/metrics.`, with their unit and what is counted.
type Row = (&'static str, &'static str, fn(&SpanUsage) -> Option<u64>);

const ROWS: &[Row] = &[
    ("cpustat.usage", MICROSECONDS, |usage| Some(usage.user_ns.saturating_add(usage.system_ns) / 1000)),
    ("cpustat.user", MICROSECONDS, |usage| Some(usage.user_ns / 1000)),
    ("cpustat.system", MICROSECONDS, |usage| Some(usage.system_ns / 1000)),
    ("cpustat.pressure.some.total", MICROSECONDS, |usage| usage.pressure.cpu_some_us),
    ("cpustat.pressure.full.total", MICROSECONDS, |usage| usage.pressure.cpu_full_us),
    ("memory.current", BYTES, |usage| usage.memory_current_bytes),
    ("memory.peak", BYTES, |usage| usage.memory_bytes),
    ("memory.pressure.some.total", MICROSECONDS, |usage| usage.pressure.memory_some_us),
    ("memory.pressure.full.total", MICROSECONDS, |usage| usage.pressure.memory_full_us),
    ("iostat.disk.readbytes", BYTES, |usage| usage.read_bytes),
    ("iostat.disk.writebytes", BYTES, |usage| usage.write_bytes),
    ("iostat.pressure.some.total", MICROSECONDS, |usage| usage.pressure.io_some_us),
    ("iostat.pressure.full.total", MICROSECONDS, |usage| usage.pressure.io_full_us),
    ("netstat.rx.bytes", BYTES, |usage| Some(usage.network?.rx_bytes)),
    ("netstat.rx.packets", PACKETS, |usage| Some(usage.network?.rx_packets)),
    ("netstat.rx.dropped", PACKETS, |usage| Some(usage.network?.rx_dropped)),
    ("netstat.tx.bytes", BYTES, |usage| Some(usage.network?.tx_bytes)),
    ("netstat.tx.packets", PACKETS, |usage| Some(usage.network?.tx_packets)),
    ("netstat.tx.dropped", PACKETS, |usage| Some(usage.network?.tx_dropped)),
];

pub fn gauges(usage: &SpanUsage, of: &Open, time_ns: u64) -> impl Iterator<Item = Metric> {
    let attributes = ids(&of.context);
    // What the machine does not count is not told as nothing.
    ROWS.iter().filter_map(move |(name, unit, value)| {
        let value = i64::try_from(value(usage)?).unwrap_or(i64::MAX);
        let point = NumberDataPoint {
            attributes: attributes.clone(),
            time_unix_nano: time_ns,
            value: Some(number_data_point::Value::AsInt(value)),
            ..NumberDataPoint::default()
        };
        Some(Metric {
            name: format!("dagger.io/metrics.{name}"),
            unit: (*unit).to_owned(),
            data: Some(metric::Data::Gauge(Gauge { data_points: vec![point] })),
            ..Metric::default()
        })
    })
}
