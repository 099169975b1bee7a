//! Who sends.

use opentelemetry_proto::tonic::resource::v1::Resource;

use super::attr;
use crate::Settings;

pub fn resource<'a>(settings: &Settings, labels: impl IntoIterator<Item = (&'a str, &'a str)>) -> Resource {
    let version = env!("CARGO_PKG_VERSION");
    let mut attributes = vec![
        attr::text("service.name", "kukri"),
        attr::text("service.version", version),
        attr::text("telemetry.sdk.name", "kukri"),
        attr::text("telemetry.sdk.language", "rust"),
        attr::text("telemetry.sdk.version", version),
    ];
    attributes.extend(labels.into_iter().map(|(key, value)| attr::text(key, value)));
    for (key, value) in &settings.resource {
        attributes.retain(|known| known.key != *key);
        attributes.push(attr::text(key, value));
    }
    Resource { attributes, ..Resource::default() }
}
