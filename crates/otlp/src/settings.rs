//! The standard variables.
//!
//! Nothing is sent unless one of them asks for it: an endpoint, or `otlp` as the exporter of a signal. What is not valid
//! is told and ignored, as OpenTelemetry wants it: telemetry must not make a program fail.

mod sampler;
mod schedule;
mod target;

use kukri_telemetry::TraceContext;

pub use sampler::Sampler;
pub use schedule::Schedule;
pub use target::{Protocol, Target};

use crate::Signal;

/// What is sent, and where to.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// For spans; none: they are not sent.
    pub traces: Option<Target>,
    /// For log records.
    pub logs: Option<Target>,
    /// For metrics.
    pub metrics: Option<Target>,
    /// Which traces are recorded.
    pub sampler: Sampler,
    /// Attributes of all that is sent: those of `OTEL_RESOURCE_ATTRIBUTES`, and `service.name`.
    pub resource: Vec<(String, String)>,
    /// The span of another program in which this one runs.
    pub parent: Option<TraceContext>,
    /// `TRACESTATE`; empty if there is none.
    pub state: String,
    /// `BAGGAGE`; empty if there is none.
    pub baggage: String,
}

/// Settings as they were found.
#[derive(Debug, Default)]
pub struct Found {
    /// None: nothing is to be sent.
    pub settings: Option<Settings>,
    /// What was not valid, and ignored.
    pub warnings: Vec<String>,
}

/// Reads variables.
pub(crate) struct Variables<'a> {
    get: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
}

impl Variables<'_> {
    /// The value, without spaces around it; none if it is empty.
    fn get(&self, name: &str) -> Option<String> {
        (self.get)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// The variable of one signal, else that of all; and its name.
    fn of_signal(&self, signal: Signal, all: &str) -> Option<(String, String)> {
        let own = all.replace("_OTLP_", &format!("_OTLP_{}_", signal.name().to_ascii_uppercase()));
        [own, all.to_owned()].into_iter().find_map(|name| self.get(&name).map(|value| (name, value)))
    }

    fn warn(&mut self, text: String) {
        if !self.warnings.contains(&text) {
            self.warnings.push(text);
        }
    }
}

impl Settings {
    /// Reads the variables that `get` gives.
    #[must_use]
    pub fn read(get: &dyn Fn(&str) -> Option<String>) -> Found {
        let mut variables = Variables { get, warnings: Vec::new() };
        if variables.get("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Found::default();
        }
        let [traces, logs, metrics] = Signal::ALL.map(|signal| target::read(&mut variables, signal));
        if traces.is_none() && logs.is_none() && metrics.is_none() {
            return Found { settings: None, warnings: variables.warnings };
        }
        refuse(&mut variables);
        let settings = Self {
            traces,
            logs,
            metrics,
            sampler: sampler::read(&mut variables),
            resource: resource(&mut variables),
            parent: variables.get("TRACEPARENT").and_then(|text| TraceContext::parse(&text)),
            state: variables.get("TRACESTATE").unwrap_or_default(),
            baggage: variables.get("BAGGAGE").unwrap_or_default(),
        };
        Found { settings: Some(settings), warnings: variables.warnings }
    }

    /// Where a signal goes.
    #[must_use]
    pub const fn target(&self, signal: Signal) -> Option<&Target> {
        match signal {
            Signal::Traces => self.traces.as_ref(),
            Signal::Logs => self.logs.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
        }
    }
}

/// Tells of what somebody may count on and what is not done.
fn refuse(variables: &mut Variables<'_>) {
    if variables.get("OTEL_CONFIG_FILE").is_some() {
        variables.warn("OTEL_CONFIG_FILE: files of settings are not read; set variables instead".to_owned());
    }
    let propagators = variables.get("OTEL_PROPAGATORS").unwrap_or_default();
    for name in propagators.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if !["tracecontext", "baggage"].contains(&name) {
            variables.warn(format!(
                "OTEL_PROPAGATORS {name:?} is not supported; traces go on by tracecontext and baggage"
            ));
        }
    }
}

fn resource(variables: &mut Variables<'_>) -> Vec<(String, String)> {
    const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
    let text = variables.get(NAME).unwrap_or_default();
    let mut attributes = pairs(variables, NAME, &text);
    if let Some(name) = variables.get("OTEL_SERVICE_NAME") {
        attributes.retain(|(key, _)| key != "service.name");
        attributes.push(("service.name".to_owned(), name));
    }
    attributes
}

/// Reads `key=value,key=value`, with values in percent encoding. The value of one that is wrong is not told: it may be
/// a credential.
fn pairs(variables: &mut Variables<'_>, name: &str, text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        match entry.split_once('=') {
            Some((key, value)) if !key.trim().is_empty() => {
                found.push((unescape(key.trim()), unescape(value.trim())));
            }
            _ => {
                variables.warn(format!("{name}: expected KEY=VALUE,KEY=VALUE; an entry without = is ignored"))
            }
        }
    }
    found
}

/// Undoes percent encoding; what is no such encoding stays.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let escaped = (bytes[at] == b'%')
            .then(|| text.get(at + 1..at + 3))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(escaped.unwrap_or(bytes[at]));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests;
