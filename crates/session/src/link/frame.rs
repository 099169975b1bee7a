//! Frames: what lies on the wire once a connection has switched from HTTP.
//!
//! A frame is two little-endian 32-bit lengths, a JSON header, and raw payload bytes. Headers can grow new fields and
//! new types: readers ignore what they do not know.

use std::io;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::{EngineHello, RemoteError};

/// Longest header, in bytes. Longer ones end the connection.
pub const MAX_HEADER: usize = 1 << 20;
/// Longest payload, in bytes. Longer ones end the connection.
pub const MAX_PAYLOAD: usize = 1 << 20;

/// The JSON part of a frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "kebab-case")]
pub enum Header {
    /// The engine's first frame.
    Hello {
        /// Who it is.
        engine: EngineHello,
    },
    /// Begins a call.
    Request {
        /// Chosen by the caller: odd by clients, even by engines.
        id: u64,
        /// What is asked.
        kind: String,
        /// Its arguments.
        #[serde(default)]
        body: Value,
    },
    /// Within a call, either way. Counts against the receiver's window.
    Message {
        /// The call.
        id: u64,
        /// Depends on the kind of call.
        #[serde(default)]
        body: Value,
    },
    /// Ends a call well.
    Reply {
        /// The call.
        id: u64,
        /// The result.
        #[serde(default)]
        body: Value,
    },
    /// Ends a call badly.
    Error {
        /// The call.
        id: u64,
        /// Why.
        error: RemoteError,
    },
    /// The caller no longer wants the answer.
    Cancel {
        /// The call.
        id: u64,
    },
    /// The receiver has taken messages of this call: so many bytes more may be sent. Call 0 is the events.
    Credit {
        /// The call.
        id: u64,
        /// Bytes of frames, headers included.
        bytes: u64,
    },
    /// A progress event of the engine, in the payload. Counts against window 0.
    Event,
    /// Of a newer version; ignored.
    #[serde(other)]
    Unknown,
}

/// One frame as it came in.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// The JSON part.
    pub header: Header,
    /// The raw part.
    pub payload: Bytes,
    /// Bytes that header and payload took on the wire, without the two lengths.
    pub size: usize,
}

/// Why frames cannot be read any more.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The connection failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// A length above the limit.
    #[error("a frame with a {part} of {length} bytes: at most {limit} are allowed")]
    TooLong {
        /// "header" or "payload".
        part: &'static str,
        /// What it claims.
        length: usize,
        /// The most.
        limit: usize,
    },
    /// The header is not one.
    #[error("a frame with a malformed header: {0}")]
    Header(#[from] serde_json::Error),
}

/// The bytes before a frame's payload.
#[must_use]
pub fn encode(header: &Header, payload_len: usize) -> Vec<u8> {
    let mut out = vec![0; 8];
    // Writing to a vector cannot fail, and all keys of these types are strings.
    if serde_json::to_writer(&mut out, header).is_err() {
        out.truncate(8);
    }
    let header_len = out.len() - 8;
    out[..4].copy_from_slice(&(header_len as u32).to_le_bytes());
    out[4..8].copy_from_slice(&(payload_len as u32).to_le_bytes());
    out
}

/// Reads the next frame; none at a clean end. Allocates only after the lengths were checked.
pub async fn read<R: AsyncRead + Unpin>(input: &mut R) -> Result<Option<Frame>, FrameError> {
    let mut lengths = [0; 8];
    let mut have = 0;
    while have < lengths.len() {
        match input.read(&mut lengths[have..]).await? {
            0 if have == 0 => return Ok(None),
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            count => have += count,
        }
    }
    let length = |at: usize| {
        u32::from_le_bytes([lengths[at], lengths[at + 1], lengths[at + 2], lengths[at + 3]]) as usize
    };
    let (header_len, payload_len) = (length(0), length(4));
    if header_len > MAX_HEADER {
        return Err(FrameError::TooLong { part: "header", length: header_len, limit: MAX_HEADER });
    }
    if payload_len > MAX_PAYLOAD {
        return Err(FrameError::TooLong { part: "payload", length: payload_len, limit: MAX_PAYLOAD });
    }
    let mut header = vec![0; header_len];
    input.read_exact(&mut header).await?;
    let mut payload = Vec::with_capacity(payload_len);
    (&mut *input).take(payload_len as u64).read_to_end(&mut payload).await?;
    if payload.len() < payload_len {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    Ok(Some(Frame {
        header: serde_json::from_slice(&header)?,
        payload: payload.into(),
        size: header_len + payload_len,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::ErrorCode;

    fn read_all(mut bytes: &[u8]) -> (Vec<Frame>, Option<FrameError>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let mut frames = Vec::new();
            loop {
                match read(&mut bytes).await {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => return (frames, None),
                    Err(error) => return (frames, Some(error)),
                }
            }
        })
    }

    fn any_header() -> impl Strategy<Value = Header> {
        let body =
            any::<(String, i64)>().prop_map(|(text, number)| serde_json::json!({ "s": text, "n": [number] }));
        prop_oneof![
            (any::<u64>(), any::<String>(), body.clone()).prop_map(|(id, kind, body)| Header::Request {
                id,
                kind,
                body
            }),
            (any::<u64>(), body.clone()).prop_map(|(id, body)| Header::Message { id, body }),
            (any::<u64>(), body).prop_map(|(id, body)| Header::Reply { id, body }),
            (any::<u64>(), any::<String>()).prop_map(|(id, text)| Header::Error {
                id,
                error: RemoteError::new(ErrorCode::Invalid, text)
            }),
            any::<u64>().prop_map(|id| Header::Cancel { id }),
            any::<(u64, u64)>().prop_map(|(id, bytes)| Header::Credit { id, bytes }),
            Just(Header::Event),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(frames in prop::collection::vec((any_header(), prop::collection::vec(any::<u8>(), 0..300)), 0..8)) {
            let mut wire = Vec::new();
            for (header, payload) in &frames {
                wire.extend(encode(header, payload.len()));
                wire.extend(payload);
            }
            let (back, error) = read_all(&wire);
            prop_assert!(error.is_none());
            let back: Vec<_> = back.into_iter().map(|frame| (frame.header, frame.payload.to_vec())).collect();
            prop_assert_eq!(back, frames);
        }

        #[test]
        fn garbage_is_refused_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_all(&bytes);
        }

        #[test]
        fn a_cut_is_noticed(header in any_header(), payload in prop::collection::vec(any::<u8>(), 1..50), cut in 1_usize..40) {
            let mut wire = encode(&header, payload.len());
            wire.extend(&payload);
            wire.truncate(wire.len() - cut.min(wire.len() - 1));
            let (frames, error) = read_all(&wire);
            prop_assert!(frames.is_empty() && matches!(error, Some(FrameError::Io(_))));
        }
    }

    #[test]
    fn hostile_lengths_are_refused_before_anything_is_allocated() {
        for (header, payload, part) in [(u32::MAX, 0, "header"), (2, u32::MAX, "payload")] {
            let mut wire = header.to_le_bytes().to_vec();
            wire.extend(payload.to_le_bytes());
            wire.extend(b"{}");
            let (_, error) = read_all(&wire);
            assert!(matches!(error, Some(FrameError::TooLong { part: p, .. }) if p == part), "{error:?}");
        }
    }

    #[test]
    fn unknown_types_and_fields_are_ignored() {
        let mut wire = Vec::new();
        for text in [r#"{"t":"from-the-future","id":1}"#, r#"{"t":"cancel","id":7,"why":"x"}"#] {
            wire.extend((text.len() as u32).to_le_bytes());
            wire.extend(0_u32.to_le_bytes());
            wire.extend(text.as_bytes());
        }
        let (frames, error) = read_all(&wire);
        assert!(error.is_none());
        assert_eq!(frames[0].header, Header::Unknown);
        assert_eq!(frames[1].header, Header::Cancel { id: 7 });
    }

    #[test]
    fn a_header_that_is_no_json_is_refused() {
        let mut wire = 3_u32.to_le_bytes().to_vec();
        wire.extend(0_u32.to_le_bytes());
        wire.extend(b"{x}");
        assert!(matches!(read_all(&wire).1, Some(FrameError::Header(_))));
    }
}
