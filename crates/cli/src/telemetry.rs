//! Sends what happens in a session to the user's OpenTelemetry collector, where the standard variables name one.

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use kukri_otlp::settings::Schedule;
use kukri_otlp::{Batch, Converter, Exporter, Root, Settings, Signal};
use kukri_session::{OtlpRequest, TelemetryHello, TelemetrySink};
use kukri_telemetry::Event;

use crate::fail::err;
use crate::settings::variable;

/// What is sent at once, about, in bytes.
const BATCH: usize = 512 << 10;

/// The telemetry of one session.
pub struct Telemetry {
    converter: Converter,
    exporter: Exporter,
    root: Root,
    state: String,
    baggage: String,
    /// What is sent, when, and when that was done the last time.
    signals: Vec<(Signal, Schedule, Instant)>,
    name: String,
    began_ns: u64,
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
                .filter_map(|signal| {
                    Some((signal, settings.target(signal)?.schedule.clone(), Instant::now()))
                })
                .collect(),
            state: settings.state,
            baggage: settings.baggage,
            name: variable("DAGGER_TRACE_NAME").unwrap_or_else(command),
            began_ns: now(),
        })
    }

    /// What the engine is told.
    pub fn hello(&self) -> TelemetryHello {
        TelemetryHello {
            traceparent: self.traceparent(),
            tracestate: self.state.clone(),
            above: self.root.parent.map(|parent| parent.to_string()).unwrap_or_default(),
            baggage: self.baggage.clone(),
            sampled: self.root.forced,
            signals: self.signals.iter().map(|(signal, ..)| signal.name().to_owned()).collect(),
            sample_ms: self
                .signals
                .iter()
                .find(|(signal, ..)| *signal == Signal::Metrics)
                .map_or(0, |(_, schedule, _)| u64::try_from(schedule.delay.as_millis()).unwrap_or(u64::MAX)),
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
        self.send(|converter, signal, schedule, _| {
            converter.size(signal) >= BATCH || converter.count(signal) >= schedule.batch
        });
        shown
    }

    /// The engine has said who it is.
    pub fn set_engine(&mut self, id: &str) {
        self.converter.set_engine(id);
    }

    /// Time has passed.
    pub fn tick(&mut self) {
        self.send(|_, _, schedule, sent| sent.elapsed() >= schedule.delay);
    }

    /// Sends what there is of the signals for which it is time.
    fn send(&mut self, is_time: impl Fn(&Converter, Signal, &Schedule, Instant) -> bool) {
        for (signal, schedule, sent) in &mut self.signals {
            if !is_time(&self.converter, *signal, schedule, *sent) {
                continue;
            }
            *sent = Instant::now();
            while let Some(batch) = self.converter.take(*signal, schedule.batch) {
                self.exporter.outlet().send(batch);
            }
        }
    }

    /// Sends the rest, and tells what could not be sent. The session's server must have ended.
    pub async fn close(mut self) {
        self.converter.finish(&self.name, self.began_ns, now());
        self.send(|_, _, _, _| true);
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
