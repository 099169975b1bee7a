//! Sends what happens in a session to the user's OpenTelemetry collector, where the standard variables name one.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use kukri_otlp::{Batch, Converter, Exporter, Root, Settings, Signal};
use kukri_session::{OtlpRequest, TelemetryHello, TelemetrySink};
use kukri_telemetry::Event;

use crate::fail::err;
use crate::settings::variable;

/// What is sent at once, about, in bytes.
const BATCH: usize = 512 << 10;
/// How long something waits before it is sent.
const DELAY: Duration = Duration::from_secs(1);

/// The telemetry of one session.
pub struct Telemetry {
    converter: Converter,
    exporter: Exporter,
    root: Root,
    state: String,
    baggage: String,
    signals: Vec<String>,
    name: String,
    began_ns: u64,
    sent: Instant,
}

impl Telemetry {
    /// As the variables say; none if nothing is to be sent. What is wrong with them is told, and no failure.
    pub fn from_environment(labels: &[String]) -> Option<Self> {
        let found = Settings::read(&variable);
        for warning in found.warnings {
            err(&format!("warning: telemetry: {warning}\n"));
        }
        let settings = found.settings?;
        let mut random = [0; 24];
        if let Err(error) = std::fs::File::open("/dev/urandom")
            .and_then(|mut source| std::io::Read::read_exact(&mut source, &mut random))
        {
            err(&format!("warning: telemetry: no random numbers for a trace: {error}\n"));
            return None;
        }
        let root = Root::new(&settings, random);
        let labels: Vec<(String, &str)> = labels
            .iter()
            .filter_map(|label| label.split_once(':'))
            .map(|(key, value)| (format!("dagger.io/client.{}", key.trim_start_matches("dagger.io/")), value))
            .collect();
        let labels = labels.iter().map(|(key, value)| (key.as_str(), *value));
        Some(Self {
            converter: Converter::new(&settings, root.clone(), labels),
            exporter: Exporter::start(&settings),
            root,
            signals: Signal::ALL
                .into_iter()
                .filter(|signal| settings.target(*signal).is_some())
                .map(|signal| signal.name().to_owned())
                .collect(),
            state: settings.state,
            baggage: settings.baggage,
            name: variable("DAGGER_TRACE_NAME").unwrap_or_else(command),
            began_ns: now(),
            sent: Instant::now(),
        })
    }

    /// What the engine is told.
    pub fn hello(&self) -> TelemetryHello {
        TelemetryHello {
            traceparent: self.traceparent(),
            tracestate: self.state.clone(),
            baggage: self.baggage.clone(),
            sampled: self.root.forced,
            signals: self.signals.clone(),
        }
    }

    /// The span of the session.
    pub fn traceparent(&self) -> String {
        self.root.context.to_string()
    }

    /// Where clients of the session and programs in containers send theirs.
    pub fn sink(&self) -> TelemetrySink {
        let outlet = self.exporter.outlet().clone();
        Arc::new(move |sent: OtlpRequest| {
            let signal = Signal::of(&sent.signal).ok_or("no such signal")?;
            let batch = Batch::decode(signal, &sent.content_type, &sent.encoding, &sent.body, sent.limit)
                .map_err(|error| error.to_string())?;
            outlet.send(batch);
            Ok(())
        })
    }

    /// Takes in an event. False if it is nothing to show to people.
    pub fn event(&mut self, event: &Event) -> bool {
        let shown = self.converter.apply(event);
        if self.converter.size() >= BATCH {
            self.send();
        }
        shown
    }

    /// Time has passed.
    pub fn tick(&mut self) {
        if self.converter.size() > 0 && self.sent.elapsed() >= DELAY {
            self.send();
        }
    }

    fn send(&mut self) {
        self.sent = Instant::now();
        for batch in self.converter.take() {
            self.exporter.outlet().send(batch);
        }
    }

    /// Sends the rest, and tells what could not be sent. The session's server must have ended.
    pub async fn close(mut self) {
        self.converter.finish(&self.name, self.began_ns, now());
        self.send();
        if let Some(problem) = self.exporter.close().await {
            err(&format!(
                "warning: telemetry could not be sent: {problem}\n\
                 hint: check OTEL_EXPORTER_OTLP_ENDPOINT, or set OTEL_SDK_DISABLED=true to send none\n"
            ));
        }
    }
}

/// `kukri` and its command, without flags, which are not for everybody.
fn command() -> String {
    let command = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    format!("kukri {}", command.unwrap_or_default()).trim_end().to_owned()
}

fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
