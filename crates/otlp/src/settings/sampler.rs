//! Which traces are recorded.

use kukri_telemetry::TraceContext;

use super::Variables;

/// As `OTEL_TRACES_SAMPLER` says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampler {
    /// Part of the traces that are recorded, from 0 to 1.
    pub ratio: f64,
    /// Whether a span of another program in which this one runs decides.
    pub parent_based: bool,
}

impl Sampler {
    /// Whether a trace is recorded.
    #[must_use]
    pub fn samples(&self, trace_id: [u8; 16], parent: Option<&TraceContext>) -> bool {
        if let Some(parent) = parent.filter(|_| self.parent_based) {
            return parent.sampled;
        }
        // The last 7 bytes of an id are random, and all programs with the same ratio must decide alike.
        let low = trace_id[9..].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        #[expect(clippy::cast_precision_loss, reason = "56 bits against a ratio need no precision")]
        let part = low as f64 / (1_u64 << 56) as f64;
        self.ratio >= 1.0 || part < self.ratio
    }

    /// What holds for all traces of a session whose own trace is recorded or not; none: the span of a request decides.
    #[must_use]
    pub const fn forced(&self, root: bool) -> Option<bool> {
        if self.parent_based { None } else { Some(root) }
    }
}

pub(super) fn read(variables: &mut Variables<'_>) -> Sampler {
    const DEFAULT: Sampler = Sampler { ratio: 1.0, parent_based: true };
    let Some(name) = variables.get("OTEL_TRACES_SAMPLER") else { return DEFAULT };
    let (parent_based, kind) = match name.strip_prefix("parentbased_") {
        Some(kind) => (true, kind),
        None => (false, name.as_str()),
    };
    let ratio = match kind {
        "always_on" => 1.0,
        "always_off" => 0.0,
        "traceidratio" => argument(variables),
        _ => {
            variables.warn(format!(
                "OTEL_TRACES_SAMPLER {name:?} is not known; expected always_on, always_off, traceidratio, or one of \
                 them behind parentbased_"
            ));
            return DEFAULT;
        }
    };
    Sampler { ratio, parent_based }
}

fn argument(variables: &mut Variables<'_>) -> f64 {
    let Some(text) = variables.get("OTEL_TRACES_SAMPLER_ARG") else { return 1.0 };
    match text.parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => ratio,
        _ => {
            variables.warn(format!("OTEL_TRACES_SAMPLER_ARG {text:?}: expected a number from 0 to 1"));
            1.0
        }
    }
}
