//! In which span of a distributed trace work is done, where a client exports telemetry.
//!
//! The span goes along with the task that evaluates a request; work that other tasks do gets it with its context.

use std::sync::{Arc, Mutex, PoisonError};

use kukri_model::{Digest, Encoder, Generations};
use kukri_session::TelemetryHello;
use kukri_telemetry::{Origin, SpanId, TraceContext, TracedCall, TracedValue};

use crate::args::ArgValue;
use crate::call::Call;
use crate::session::Session;

/// Most of a text of an argument that is told, in bytes.
const TEXT: usize = 1024;
/// Most values of an argument that are told.
const VALUES: usize = 256;

/// Most calls of one session whose work is told as theirs.
const ORIGINS: usize = 32_768;

tokio::task_local! {
    static CURRENT: Arc<Place>;
}

/// A span, and what goes along with its trace.
#[derive(Debug)]
pub struct Place {
    /// The span.
    pub context: TraceContext,
    /// The header `tracestate`; empty if there is none.
    pub state: Arc<str>,
    /// The header `baggage`; empty if there is none.
    pub baggage: Arc<str>,
}

/// The headers of a request that name its span.
#[derive(Clone, Copy, Debug, Default)]
pub struct TraceHeaders<'a> {
    /// `traceparent`
    pub parent: Option<&'a str>,
    /// `tracestate`
    pub state: Option<&'a str>,
    /// `baggage`
    pub baggage: Option<&'a str>,
}

/// What a session knows of its trace.
pub struct Trace {
    session: String,
    root: Arc<Place>,
    above: Option<TraceContext>,
    sampled: Option<bool>,
    origins: Mutex<Generations<Origin>>,
}

impl Trace {
    /// As the client said; none if what it said names no span.
    pub(crate) fn new(session: &str, hello: &TelemetryHello) -> Option<Self> {
        let context = TraceContext::parse(&hello.traceparent)?;
        let root = Place { context, state: (*hello.tracestate).into(), baggage: (*hello.baggage).into() };
        Some(Self {
            session: session.to_owned(),
            root: Arc::new(root),
            above: TraceContext::parse(&hello.above),
            sampled: hello.sampled,
            origins: Mutex::new(Generations::new(ORIGINS)),
        })
    }

    /// Where a request belongs to.
    fn place(&self, headers: TraceHeaders<'_>) -> Arc<Place> {
        let Some(mut context) = headers.parent.and_then(TraceContext::parse) else {
            return Arc::clone(&self.root);
        };
        let baggage = headers.baggage.map_or_else(|| Arc::clone(&self.root.baggage), Into::into);
        // Programs name the span in which they are, which is that in which they opened the session as well.
        if self.above.is_some_and(|above| above.is_same_span(&context)) {
            let state = Arc::clone(&self.root.state);
            return Arc::new(Place { context: self.root.context, state, baggage });
        }
        context.sampled = self.sampled.unwrap_or(context.sampled);
        let state = headers.state.unwrap_or_default().into();
        Arc::new(Place { context, state, baggage })
    }

    /// The present call describes work, which is done when something needs it.
    pub(crate) fn describes(&self, work: &Digest, call: &Call) {
        let Some(place) = current() else { return };
        let origin = Origin { context: place.context, output: call.digest.to_string() };
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).insert(*work, origin, 1);
    }

    /// The call that described work, as far as that is remembered.
    pub(crate) fn origin(&self, work: &Digest) -> Option<Origin> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner).get(work).cloned()
    }

    /// Where the span with this number is, under another one, else under that of the session.
    pub(crate) fn child(&self, id: SpanId, parent: Option<&Arc<Place>>) -> (Arc<Place>, Arc<Place>) {
        let parent = parent.unwrap_or(&self.root);
        let digest = Encoder::new("kukri.trace.span.v1").str(&self.session).u64(id).finish();
        let mut context = parent.context;
        context.span_id.copy_from_slice(&digest.as_bytes()[..8]);
        let (state, baggage) = (Arc::clone(&parent.state), Arc::clone(&parent.baggage));
        (Arc::new(Place { context, state, baggage }), Arc::clone(parent))
    }
}

/// Answers a request inside its span. Where its client exports nothing, this is nothing.
pub async fn of_request<T>(session: &Session, headers: TraceHeaders<'_>, work: impl Future<Output = T>) -> T {
    match session.progress().trace() {
        Some(trace) => CURRENT.scope(trace.place(headers), work).await,
        None => work.await,
    }
}

/// The span of the present task.
#[must_use]
pub fn current() -> Option<Arc<Place>> {
    CURRENT.try_with(Arc::clone).ok()
}

/// Does work inside a span.
pub async fn within<T>(place: Arc<Place>, work: impl Future<Output = T>) -> T {
    CURRENT.scope(place, work).await
}

impl Place {
    /// The variables by which programs in containers go on with the trace.
    #[must_use]
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let mut variables = vec![("TRACEPARENT", self.context.to_string())];
        for (name, value) in [("TRACESTATE", &self.state), ("BAGGAGE", &self.baggage)] {
            if !value.is_empty() {
                variables.push((name, value.to_string()));
            }
        }
        variables
    }
}

/// A call as traces show it, without what is secret; `mask` takes the values of secrets out of texts.
#[must_use]
pub fn describe(call: &Call, is_object: bool, mask: &dyn Fn(&str) -> String) -> TracedCall {
    let secret = |name: &str| {
        call.operation.is_some_and(|op| op.def.args.iter().any(|arg| arg.name == name && arg.sensitive))
    };
    TracedCall {
        digest: call.digest.to_string(),
        receiver: call
            .receiver
            .as_ref()
            .filter(|receiver| receiver.operation.is_some())
            .map(|receiver| receiver.digest.to_string())
            .unwrap_or_default(),
        field: call.operation.map(|op| op.def.name.to_owned()).unwrap_or_default(),
        type_name: call.type_name.to_owned(),
        is_object,
        args: call
            .args
            .iter()
            .filter(|(name, _)| !secret(name))
            .map(|(name, value)| ((*name).to_owned(), told(value, mask)))
            .collect(),
    }
}

fn told(value: &ArgValue, mask: &dyn Fn(&str) -> String) -> TracedValue {
    match value {
        ArgValue::Null => TracedValue::Null,
        ArgValue::Bool(value) => TracedValue::Bool(*value),
        ArgValue::Int(value) => TracedValue::Int(*value),
        ArgValue::Float(value) => TracedValue::Float(*value),
        ArgValue::String(text) => TracedValue::Text(cut(&mask(text))),
        ArgValue::Enum(word) => TracedValue::Word(word.to_string()),
        ArgValue::List(items) => {
            TracedValue::List(items.iter().take(VALUES).map(|item| told(item, mask)).collect())
        }
        ArgValue::Object(fields) => TracedValue::Object(
            fields.iter().take(VALUES).map(|(name, value)| ((*name).to_owned(), told(value, mask))).collect(),
        ),
        ArgValue::Ref(call) | ArgValue::Resolved(_, call) => TracedValue::Call(call.digest.to_string()),
    }
}

fn cut(text: &str) -> String {
    let end = (0..=text.len().min(TEXT)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    let mut shown = text[..end].to_owned();
    if end < text.len() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const ROOT: &str = "00-1af7651916cd43dd8448eb211c80319c-c7ad6b7169203331-01";

    fn trace(sampled: Option<bool>) -> Trace {
        let hello = TelemetryHello {
            traceparent: ROOT.into(),
            tracestate: "a=b".into(),
            baggage: "k=v".into(),
            sampled,
            ..TelemetryHello::default()
        };
        Trace::new("s", &hello).unwrap()
    }

    #[test]
    fn a_request_is_under_its_own_span_else_under_that_of_the_session() {
        let trace = trace(None);
        let none = trace.place(TraceHeaders { parent: Some("nonsense"), ..TraceHeaders::default() });
        assert_eq!((none.context.to_string().as_str(), &*none.state), (ROOT, "a=b"));
        let own = trace.place(TraceHeaders { parent: Some(REQUEST), ..TraceHeaders::default() });
        assert_eq!((own.context.to_string().as_str(), &*own.state, &*own.baggage), (REQUEST, "", "k=v"));
        let (child, parent) = trace.child(7, Some(&own));
        assert_eq!(parent.context, own.context);
        assert_eq!(child.context.trace_id, own.context.trace_id);
        assert_ne!(child.context.span_id, own.context.span_id);
        assert_eq!(trace.child(7, Some(&own)).0.context, child.context);
        assert_ne!(trace.child(8, Some(&own)).0.context, child.context);
        assert_eq!(trace.child(7, None).1.context.to_string(), ROOT);
        let names: Vec<_> = child.variables().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["TRACEPARENT", "BAGGAGE"]);
    }

    #[test]
    fn a_request_of_the_span_above_the_session_is_under_the_session() {
        let hello = |above: &str| TelemetryHello {
            traceparent: ROOT.into(),
            tracestate: "a=b".into(),
            above: above.into(),
            ..TelemetryHello::default()
        };
        let unsampled = format!("{}00", REQUEST.strip_suffix("01").unwrap());
        let headers = TraceHeaders { parent: Some(REQUEST), state: Some("c=d"), baggage: Some("k=w") };
        for above in [REQUEST, &unsampled] {
            let place = Trace::new("s", &hello(above)).unwrap().place(headers);
            assert_eq!(place.context.to_string(), ROOT);
            assert_eq!((&*place.state, &*place.baggage), ("a=b", "k=w"));
        }
        for above in ["", "nonsense", ROOT] {
            let place = Trace::new("s", &hello(above)).unwrap().place(headers);
            assert_eq!((place.context.to_string().as_str(), &*place.state), (REQUEST, "c=d"));
        }
    }

    #[test]
    fn a_sampler_that_does_not_follow_parents_wins() {
        let own = trace(Some(false)).place(TraceHeaders { parent: Some(REQUEST), ..TraceHeaders::default() });
        assert!(!own.context.sampled);
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        assert_eq!(cut("ä"), "ä");
        let long = cut(&format!("x{}", "ä".repeat(2000)));
        assert!(long.ends_with("ä…") && long.len() <= TEXT + 3);
    }
}
