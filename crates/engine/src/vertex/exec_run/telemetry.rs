//! What a command is told of the trace it belongs to, and where it sends telemetry of its own. None of it belongs to the
//! step: it is no part of a key, nor of an image.
//!
//! What a command sends goes to the session for which it was started, and to no other: the trace is that session's.

use std::io::Read;
use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::{AhoCorasick, BuildError, MatchKind};
use kukri_sandbox::OnLoopback;
use kukri_session::OtlpRequest;
use kukri_session::engine::{TELEMETRY_TOKEN_HEADER, TelemetryFilter, TelemetryServer};
use kukri_solver::RunContext;
use kukri_telemetry::{Event, Level};
use oci_spec::runtime::Spec;

use super::environment::Secrets;
use crate::error::{OpError, OrFail};
use crate::session::Session;
use crate::vertex::Vertex;
use crate::vertex::exec::Exec;

/// Variables that name a proxy for plain HTTP.
const PROXIES: [&str; 4] = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
/// Variables with the hosts for which there is none.
const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
/// Shorter values of secrets are not looked for: they would be found within numbers.
const LEAST_MASKED: usize = 4;

/// The telemetry of one command.
#[derive(Default)]
pub struct StepTelemetry {
    trace: Vec<(&'static str, String)>,
    on_loopback: Option<OnLoopback>,
    /// Filled when the command's network is there.
    server: Arc<Mutex<Option<TelemetryServer>>>,
}

impl StepTelemetry {
    /// As the client of the session asks for; nothing if it exports no telemetry.
    pub fn of(exec: &Exec, run: &RunContext<Vertex>, secrets: &Secrets) -> Result<Self, OpError> {
        let session = &run.context.session;
        let Some(place) = session.progress().place(run.vertex, run.context.trace.as_ref()) else {
            return Ok(Self::default());
        };
        let mut telemetry = Self { trace: place.variables(), ..Self::default() };
        let Ok(handle) = session.client() else { return Ok(telemetry) };
        let signals =
            handle.hello().telemetry.as_ref().map(|hello| hello.signals.clone()).unwrap_or_default();
        if signals.is_empty() || has_its_own(exec) {
            return Ok(telemetry);
        }
        let filter = mask(&secrets.values()).or_fail()?;
        let keeps_proxies = own_names(exec).any(|name| NO_PROXY.contains(&name));
        let (handle, server) = (handle.clone(), Arc::clone(&telemetry.server));
        telemetry.on_loopback = Some(Box::new(move |listener: TcpListener, spec: &mut Spec| {
            match handle.take_telemetry(listener, filter) {
                Ok(serving) => {
                    tell(spec, &serving, &signals, keeps_proxies);
                    *server.lock().unwrap_or_else(PoisonError::into_inner) = Some(serving);
                }
                Err(error) => tracing::warn!(%error, "cannot take telemetry of a container"),
            }
        }));
        Ok(telemetry)
    }

    /// Variables by which programs go on with the trace.
    pub fn trace(&self) -> &[(&'static str, String)] {
        &self.trace
    }

    /// Takes the port on the command's loopback interface; none if there is nothing to listen for. Given once.
    pub fn on_loopback(&mut self) -> Option<OnLoopback> {
        self.on_loopback.take()
    }

    /// The command has ended.
    pub async fn finish(self, exec: &Exec, session: &Session) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(server) = server else { return };
        let dropped = server.finish().await;
        if dropped > 0 {
            let step = exec.label();
            let text = format!(
                "{}: it sent too much telemetry; dropped requests: {dropped}",
                crate::text::short(&step)
            );
            session.progress().tell(&Event::Message { level: Level::Warning, text });
        }
    }
}

/// Names of the variables that the container itself sets.
fn own_names(exec: &Exec) -> impl Iterator<Item = &str> {
    let plain = exec.env.iter().chain(&exec.volatile_env).map(|(name, _)| name.as_str());
    plain.chain(exec.secret_env.iter().map(|(name, _)| name.as_str()))
}

/// Whether the container says itself where its telemetry goes, or that there is none. Then all of it is its own affair: a
/// token of ours is not for the collector that it names.
fn has_its_own(exec: &Exec) -> bool {
    let disabled = exec
        .env
        .iter()
        .chain(&exec.volatile_env)
        .any(|(name, value)| name == "OTEL_SDK_DISABLED" && value.eq_ignore_ascii_case("true"));
    disabled
        || own_names(exec).any(|name| {
            name.starts_with("OTEL_EXPORTER_OTLP_")
                && (name.ends_with("ENDPOINT") || name.ends_with("HEADERS"))
        })
}

/// Sets the variables by which programs find the listener. What the container sets itself stays.
fn tell(spec: &mut Spec, server: &TelemetryServer, signals: &[String], keeps_proxies: bool) {
    let Some(process) = spec.process_mut() else { return };
    let env = process.env_mut().get_or_insert_default();
    for (signal, variable) in [
        ("traces", "OTEL_TRACES_EXPORTER"),
        ("logs", "OTEL_LOGS_EXPORTER"),
        ("metrics", "OTEL_METRICS_EXPORTER"),
    ] {
        let wanted = signals.iter().any(|wanted| wanted == signal);
        add(env, variable, if wanted { "otlp" } else { "none" });
    }
    add(env, "OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf");
    let address = server.address();
    add(env, "OTEL_EXPORTER_OTLP_ENDPOINT", &format!("http://{address}"));
    add(env, "OTEL_EXPORTER_OTLP_HEADERS", &format!("{TELEMETRY_TOKEN_HEADER}={}", server.token()));
    if !keeps_proxies && PROXIES.iter().any(|name| value(env, name).is_some()) {
        past_proxy(env, &address.ip().to_string());
    }
}

/// Not all clients of HTTP know that a proxy is not to be asked for their own machine.
fn past_proxy(env: &mut Vec<String>, host: &str) {
    let known = NO_PROXY.iter().find_map(|name| value(env, name)).unwrap_or_default().to_owned();
    let hosts = if known.is_empty() { host.to_owned() } else { format!("{known},{host}") };
    env.retain(|entry| !NO_PROXY.iter().any(|name| is_of(entry, name)));
    env.extend(NO_PROXY.iter().map(|name| format!("{name}={hosts}")));
}

fn add(env: &mut Vec<String>, name: &str, value: &str) {
    if !env.iter().any(|entry| is_of(entry, name)) {
        env.push(format!("{name}={value}"));
    }
}

fn is_of(entry: &str, name: &str) -> bool {
    entry.strip_prefix(name).is_some_and(|rest| rest.starts_with('='))
}

fn value<'a>(env: &'a [String], name: &str) -> Option<&'a str> {
    let entry = env.iter().find(|entry| is_of(entry, name))?;
    entry.get(name.len() + 1..).filter(|value| !value.is_empty())
}

/// Puts asterisks in the place of secrets, as many as these have bytes: so a message stays what it is, without being
/// read. None where there are no secrets.
fn mask(secrets: &[Arc<[u8]>]) -> Result<Option<TelemetryFilter>, BuildError> {
    let mut values: Vec<Vec<u8>> = Vec::new();
    for secret in secrets {
        for value in [&secret[..], secret.trim_ascii()] {
            values.push(value.to_vec());
            // As JSON has it.
            if let Ok(text) = std::str::from_utf8(value)
                && let Ok(quoted) = serde_json::to_string(text)
            {
                values.push(quoted.as_bytes()[1..quoted.len() - 1].to_vec());
            }
        }
    }
    values.retain(|value| value.len() >= LEAST_MASKED);
    if values.is_empty() {
        return Ok(None);
    }
    // All of them: of two that overlap, the rest of the second would be readable otherwise.
    let finder = AhoCorasick::builder().match_kind(MatchKind::Standard).build(&values)?;
    Ok(Some(Arc::new(move |mut request: OtlpRequest| {
        let mut body = if request.encoding.eq_ignore_ascii_case("gzip") {
            request.encoding.clear();
            unpacked(&request.body, request.limit)?
        } else {
            request.body.to_vec()
        };
        let found: Vec<_> = finder.find_overlapping_iter(&body).map(|found| found.range()).collect();
        for range in found {
            body[range].fill(b'*');
        }
        request.body = body.into();
        Ok(request)
    })))
}

fn unpacked(body: &[u8], limit: usize) -> Result<Vec<u8>, String> {
    let mut unpacked = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    let mut reader = flate2::read::MultiGzDecoder::new(body).take(most.saturating_add(1));
    reader.read_to_end(&mut unpacked).map_err(|error| format!("the request cannot be unpacked: {error}"))?;
    if unpacked.len() > limit {
        return Err(format!("the request has more than {limit} bytes without its compression"));
    }
    Ok(unpacked)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn request(body: &[u8], encoding: &str) -> OtlpRequest {
        OtlpRequest {
            signal: "traces".into(),
            content_type: "application/x-protobuf".into(),
            encoding: encoding.into(),
            body: body.to_vec().into(),
            limit: 1000,
        }
    }

    #[test]
    fn secrets_are_masked_and_nothing_else_changes() {
        assert!(mask(&[]).unwrap().is_none());
        assert!(mask(&[Arc::from(&b"abc"[..])]).unwrap().is_none(), "too short to be told from numbers");
        let filter = mask(&[Arc::from(&b"s3cr\"et\n"[..])]).unwrap().unwrap();
        let masked =
            |body: &[u8], encoding: &str| filter(request(body, encoding)).map(|request| request.body);
        assert_eq!(&masked(b"\x0a\x07s3cr\"et\x10\x01", "").unwrap()[..], b"\x0a\x07*******\x10\x01");
        assert_eq!(&masked(br#"{"k":"s3cr\"et"}"#, "").unwrap()[..], br#"{"k":"********"}"#);
        assert_eq!(&masked(b"s3cr", "").unwrap()[..], b"s3cr");
        let both = mask(&[Arc::from(&b"abcd"[..]), Arc::from(&b"cdef"[..])]).unwrap().unwrap();
        assert_eq!(&both(request(b"-abcdef-", "")).unwrap().body[..], b"-******-", "those that overlap");
        let pack = |text: &[u8]| {
            let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            packer.write_all(text).unwrap();
            packer.finish().unwrap()
        };
        let unpacked = filter(request(&pack(b"the s3cr\"et"), "gzip")).unwrap();
        assert_eq!((&unpacked.body[..], unpacked.encoding.as_str()), (&b"the *******"[..], ""));
        assert!(masked(&pack(&[0; 2000]), "gzip").unwrap_err().contains("1000 bytes"));
        assert!(masked(b"no gzip", "gzip").unwrap_err().contains("unpacked"));
    }

    #[test]
    fn requests_go_past_a_proxy() {
        let mut env: Vec<String> = ["HTTP_PROXY=http://p", "no_proxy=a", "X=1"].map(str::to_owned).to_vec();
        past_proxy(&mut env, "127.0.0.1");
        assert_eq!(env, ["HTTP_PROXY=http://p", "X=1", "NO_PROXY=a,127.0.0.1", "no_proxy=a,127.0.0.1"]);
        assert_eq!((value(&env, "X"), value(&env, "HTTP"), value(&env, "Y")), (Some("1"), None, None));
    }
}
