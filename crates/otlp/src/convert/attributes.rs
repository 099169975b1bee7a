//! Names of attributes and short ways to make them. Viewers of the original's traces know these names.

use opentelemetry_proto::tonic::common::v1::{
    AnyValue, ArrayValue, InstrumentationScope, KeyValue, any_value,
};

pub const DIGEST: &str = "dagger.io/dag.digest";
pub const CALL: &str = "dagger.io/dag.call";
/// Who has made the call.
pub const SCOPE: &str = "dagger.io/dag.call.scope";
pub const INPUTS: &str = "dagger.io/dag.inputs";
pub const OUTPUT: &str = "dagger.io/dag.output";
pub const CACHED: &str = "dagger.io/dag.cached";
pub const CANCELED: &str = "dagger.io/dag.canceled";
pub const EFFECT: &str = "dagger.io/effect.id";
pub const EFFECTS: &str = "dagger.io/effect.ids";
pub const EFFECTS_COMPLETED: &str = "dagger.io/effects.completed";
pub const INTERNAL: &str = "dagger.io/ui.internal";
pub const PASSTHROUGH: &str = "dagger.io/ui.passthrough";
pub const RESUMES: &str = "dagger.io/ui.resume.output";
pub const PURPOSE: &str = "dagger.io/link.purpose";
pub const PROGRESS_CURRENT: &str = "dagger.io/progress.current";
pub const PROGRESS_TOTAL: &str = "dagger.io/progress.total";
pub const PROGRESS_UNITS: &str = "dagger.io/progress.units";
pub const STREAM: &str = "stdio.stream";
pub const EOF: &str = "stdio.eof";
pub const CONTENT_TYPE: &str = "dagger.io/content.type";
pub const VERBOSE: &str = "dagger.io/logs.verbose";
pub const GLOBAL: &str = "dagger.io/logs.global";
pub const METRICS_SPAN: &str = "dagger.io/metrics.span";
pub const METRICS_TRACE: &str = "dagger.io/metrics.trace";
pub const ENGINE_ID: &str = "dagger.io/engine.id";
pub const EXIT_CODE: &str = "process.exit.code";

/// Who makes the spans of the engine.
pub const ENGINE: &str = "dagger.io/engine.server";
/// Who makes those of the command.
pub const CLI: &str = "dagger.io/cli";

pub fn scope(name: &str) -> InstrumentationScope {
    InstrumentationScope {
        name: name.to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        ..InstrumentationScope::default()
    }
}

fn pair(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

pub fn text(key: &str, value: impl Into<String>) -> KeyValue {
    pair(key, any_value::Value::StringValue(value.into()))
}

pub fn flag(key: &str) -> KeyValue {
    pair(key, any_value::Value::BoolValue(true))
}

pub fn int(key: &str, value: impl TryInto<i64>) -> KeyValue {
    pair(key, any_value::Value::IntValue(value.try_into().unwrap_or(i64::MAX)))
}

pub fn texts(key: &str, values: impl IntoIterator<Item = String>) -> KeyValue {
    let values = values
        .into_iter()
        .map(|value| AnyValue { value: Some(any_value::Value::StringValue(value)) })
        .collect();
    pair(key, any_value::Value::ArrayValue(ArrayValue { values }))
}
