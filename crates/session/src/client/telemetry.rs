//! What programs in containers send to the user's collector.

use bytes::BytesMut;

use super::serve::Facts;
use super::sync::lost;
use crate::link::{Channel, Message};
use crate::telemetry::{FROM_CONTAINER, FROM_CONTAINER_UNPACKED, OtlpRequest};
use crate::wire::{ExportDown, TelemetryBody};
use crate::{ErrorCode, RemoteError};

/// Serves one request to its end.
pub(super) async fn serve(
    facts: &Facts,
    body: TelemetryBody,
    mut channel: Channel,
) -> Result<Message, RemoteError> {
    let wrong = |reason: String| RemoteError::new(ErrorCode::Invalid, reason);
    let TelemetryBody { signal, content_type, encoding } = body;
    let mut content = BytesMut::new();
    loop {
        let message = channel.recv().await.map_err(lost)?;
        let ExportDown::Part { last } = message.parse().map_err(lost)? else {
            return Err(wrong("expected a part of a request".to_owned()));
        };
        if content.len() + message.payload.len() > FROM_CONTAINER {
            return Err(wrong("more of a request than an engine sends".to_owned()));
        }
        content.extend_from_slice(&message.payload);
        if last {
            break;
        }
    }
    if let Some(sink) = &facts.telemetry {
        let (body, limit) = (content.freeze(), FROM_CONTAINER_UNPACKED);
        sink(OtlpRequest { signal, content_type, encoding, body, limit }).map_err(wrong)?;
    }
    Ok(Message::default())
}
