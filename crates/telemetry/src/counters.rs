//! How many: the one place where steps are counted, so that the picture, the summary, and a run that is looked at later agree.

use std::fmt;

use serde::Serialize;

use crate::event::{SpanKind, SpanOutcome};

/// What has been counted since the first event. Steps and transfers are spans of every kind but [`SpanKind::Call`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counters {
    /// Steps that have started, without transfers.
    pub steps: u64,
    /// Transfers that have started: files that come from or go to a client, images that go to a registry, references that
    /// are looked up there.
    pub transfers: u64,
    /// Steps and transfers that have not ended.
    pub running: u64,
    /// Steps whose result was there already.
    pub cached: u64,
    /// Steps and transfers that failed.
    pub failed: u64,
    /// Steps and transfers that nobody wanted any more.
    pub cancelled: u64,
    /// Bytes moved: what all transfers in `bytes` have moved, without what was there already.
    #[serde(skip)]
    pub bytes: u64,
    /// Bytes of logs.
    #[serde(skip)]
    pub log_bytes: u64,
    /// How long the steps whose result was there took when they ran, and those before them that were not needed,
    /// nanoseconds.
    #[serde(skip)]
    pub saved_ns: u64,
}

/// How something ended, as far as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Well, after it ran.
    Ok,
    /// The result was there already.
    Cached,
    /// Not well.
    Failed,
    /// Nobody wanted the result any more.
    Cancelled,
}

impl End {
    /// How a span ended. `known`: it was said before that its result was there.
    pub(crate) const fn of(outcome: &SpanOutcome, known: bool) -> Self {
        match outcome {
            SpanOutcome::Failed { .. } => Self::Failed,
            SpanOutcome::Cancelled => Self::Cancelled,
            SpanOutcome::Cached => Self::Cached,
            SpanOutcome::Ok | SpanOutcome::Other(_) if known => Self::Cached,
            SpanOutcome::Ok | SpanOutcome::Other(_) => Self::Ok,
        }
    }
}

impl Counters {
    /// Something of a kind has begun.
    pub(crate) const fn begin(&mut self, kind: &SpanKind) {
        if kind.is_step() {
            self.running += 1;
            if kind.is_transfer() {
                self.transfers += 1;
            } else {
                self.steps += 1;
            }
        }
    }

    /// It has ended.
    pub(crate) const fn end(&mut self, kind: &SpanKind, end: End) {
        if kind.is_step() {
            self.running -= 1;
            match end {
                End::Ok => {}
                End::Cached => self.cached += 1,
                End::Failed => self.failed += 1,
                End::Cancelled => self.cancelled += 1,
            }
        }
    }

    /// How many of the steps needed no run, in whole per cent, rounded down; 0 if there were none.
    #[must_use]
    pub const fn cached_percent(&self) -> u64 {
        match (self.cached * 100).checked_div(self.steps) {
            Some(percent) => percent,
            None => 0,
        }
    }
}

/// The numbers when all is over. What has not ended then was left alone, as after a `kill -9`: nobody knows how it would have.
impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |count: u64| if count == 1 { "" } else { "s" };
        write!(f, "{} step{}", self.steps, plural(self.steps))?;
        if self.cached > 0 {
            write!(f, ", {} cached ({}%)", self.cached, self.cached_percent())?;
        }
        if self.failed > 0 {
            write!(f, ", {} failed", self.failed)?;
        }
        if self.cancelled > 0 {
            write!(f, ", {} cancelled", self.cancelled)?;
        }
        if self.running > 0 {
            write!(f, ", {} unfinished", self.running)?;
        }
        if self.transfers > 0 {
            write!(f, ", {} transfer{}", self.transfers, plural(self.transfers))?;
        }
        Ok(())
    }
}
