//! When something is sent, and how much at once: the variables of the standard's batch processors and its metric reader.

use std::time::Duration;

use super::Variables;
use crate::Signal;

/// When a signal is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// How long something waits before it is sent; for metrics also how often steps are measured while they run.
    pub delay: Duration,
    /// Most spans or records that wait, here and in the queue; none: as many as its bytes allow.
    pub queue: Option<usize>,
    /// Most spans or records in one batch.
    pub batch: usize,
    /// Most time for one batch; none: only the exporter's own counts.
    pub timeout: Option<Duration>,
}

/// The standard's.
const BATCH: usize = 512;
/// Shorter than the standard's 5 seconds for spans, which nobody would see come.
const DELAY: Duration = Duration::from_secs(1);
/// Shorter than the standard's minute, which most steps do not live to see.
const INTERVAL: Duration = Duration::from_secs(5);

pub(super) fn read(variables: &mut Variables<'_>, signal: Signal) -> Schedule {
    let (delay, timeout, queue, batch) = match signal {
        Signal::Traces => (
            "OTEL_BSP_SCHEDULE_DELAY",
            "OTEL_BSP_EXPORT_TIMEOUT",
            "OTEL_BSP_MAX_QUEUE_SIZE",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
        ),
        Signal::Logs => (
            "OTEL_BLRP_SCHEDULE_DELAY",
            "OTEL_BLRP_EXPORT_TIMEOUT",
            "OTEL_BLRP_MAX_QUEUE_SIZE",
            "OTEL_BLRP_MAX_EXPORT_BATCH_SIZE",
        ),
        Signal::Metrics => {
            return Schedule {
                delay: milliseconds(variables, "OTEL_METRIC_EXPORT_INTERVAL").unwrap_or(INTERVAL),
                queue: None,
                batch: usize::MAX,
                timeout: milliseconds(variables, "OTEL_METRIC_EXPORT_TIMEOUT"),
            };
        }
    };
    let queue = count(variables, queue);
    let batch = count(variables, batch).unwrap_or(BATCH);
    Schedule {
        delay: milliseconds(variables, delay).unwrap_or(DELAY),
        queue,
        batch: batch.min(queue.unwrap_or(usize::MAX)),
        timeout: milliseconds(variables, timeout),
    }
}

fn milliseconds(variables: &mut Variables<'_>, name: &str) -> Option<Duration> {
    count(variables, name).and_then(|number| u64::try_from(number).ok()).map(Duration::from_millis)
}

fn count(variables: &mut Variables<'_>, name: &str) -> Option<usize> {
    let text = variables.get(name)?;
    match text.parse() {
        Ok(number) if number > 0 => Some(number),
        _ => {
            variables.warn(format!("{name} {text:?}: expected a whole number above 0; its default is used"));
            None
        }
    }
}
