//! What a command has cost, as gauges.

use kukri_telemetry::SpanUsage;
use opentelemetry_proto::tonic::metrics::v1::{Gauge, Metric, NumberDataPoint, metric, number_data_point};

use super::ids;
use super::span::Open;

/// Units as UCUM and the original have them.
const BYTES: &str = "byte";
const MICROSECONDS: &str = "us";

pub fn gauges(usage: &SpanUsage, of: &Open, time_ns: u64) -> impl Iterator<Item = Metric> + use<> {
    let attributes = ids(&of.context);
    let cpu = usage.user_ns.saturating_add(usage.system_ns);
    [
        ("cpustat.usage", MICROSECONDS, Some(cpu / 1000)),
        ("cpustat.user", MICROSECONDS, Some(usage.user_ns / 1000)),
        ("cpustat.system", MICROSECONDS, Some(usage.system_ns / 1000)),
        ("memory.peak", BYTES, usage.memory_bytes),
        ("iostat.disk.readbytes", BYTES, usage.read_bytes),
        ("iostat.disk.writebytes", BYTES, usage.write_bytes),
    ]
    .into_iter()
    // What the machine does not count is not told as nothing.
    .filter_map(|(name, unit, value)| Some((name, unit, value?)))
    .map(move |(name, unit, value)| {
        let value = i64::try_from(value).unwrap_or(i64::MAX);
        let point = NumberDataPoint {
            attributes: attributes.clone(),
            time_unix_nano: time_ns,
            value: Some(number_data_point::Value::AsInt(value)),
            ..NumberDataPoint::default()
        };
        Metric {
            name: format!("dagger.io/metrics.{name}"),
            unit: unit.to_owned(),
            data: Some(metric::Data::Gauge(Gauge { data_points: vec![point] })),
            ..Metric::default()
        }
    })
}
