//! Kinds of failed answers: what the engine answers with, and the rows of the reference.

use hyper::StatusCode;
pub use kukri_session::answers::{self, Extension, FailedAnswer};
use serde_json::{Map, Value as Json};

/// A command failed.
pub const EXEC: FailedAnswer = FailedAnswer {
    name: "A command failed",
    status: StatusCode::OK,
    extensions: &[
        Extension::Fixed("_type", "EXEC_ERROR"),
        Extension::Holds("cmd", "the command with its arguments: entrypoint prepended, variables replaced"),
        Extension::Holds("exitCode", "its exit status; 128 + n after signal n; -1 if it is not known"),
        Extension::Holds("stdout", "the last 100 KiB of its standard output"),
        Extension::Holds("stderr", "the last 100 KiB of its standard error"),
        Extension::Holds("step", "the number of its step in the events of `--progress json`"),
        Extension::Holds(
            "call",
            "the ID of the container that its `withExec` gives; empty where that is not known",
        ),
    ],
    python: "ExecError",
    meaning: "A command in a container ended with a status that its `withExec` does not expect, which is any but 0 unless \
              `expect` says otherwise.",
    next: "Read what it wrote: the exception prints the end of both streams, the line of the program that made the step, and \
           for some statuses a [hint](#exit-statuses-of-commands-in-containers). \
           [Debugging](../guides/debugging.md#a-command-failed) shows how to look at the files that it left; `expect: ANY` \
           makes the status a result.",
};

/// Anything else that a field says.
pub const FAILED: FailedAnswer = FailedAnswer {
    name: "An operation failed",
    status: StatusCode::OK,
    extensions: &[],
    python: "QueryError",
    meaning: "Something else could not be done: there is no such file or image, a value is not valid, a registry does not \
              answer. `path` leads to the field that was asked for.",
    next: "Do what the message says: it names the thing, and the next step where that is known.",
};

/// The text is not a document.
pub const SYNTAX: FailedAnswer = FailedAnswer {
    name: "The document does not parse",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    extensions: &[Extension::Fixed("code", "GRAPHQL_PARSE_FAILED")],
    python: "QueryError",
    meaning: "What was sent is not a GraphQL document; `locations` says where it ends to be one. Status 400 for clients that \
              prefer `application/graphql-response+json`.",
    next: "Correct the document. Clients make none that is wrong: if one did, update it.",
};

/// The document does not fit the schema.
pub const INVALID: FailedAnswer = FailedAnswer {
    name: "The document does not fit the schema",
    status: StatusCode::UNPROCESSABLE_ENTITY,
    extensions: &[Extension::Fixed("code", "GRAPHQL_VALIDATION_FAILED")],
    python: "QueryError",
    meaning: "A field, argument, type or variable is not part of the API in the version that the client speaks; names that \
              are nearly the same are suggested. Status 400 for clients that prefer `application/graphql-response+json`.",
    next: "Look the name up in the [API](api/README.md), and what is not served in [coverage](api-coverage.md).",
};

/// No request of the API.
pub const BAD_REQUEST: FailedAnswer = FailedAnswer {
    name: "The request is none",
    status: StatusCode::BAD_REQUEST,
    extensions: &[],
    python: "QueryError",
    meaning: "The body is no JSON object with a `query`, is a batch, or came by another method than `POST` or `GET`.",
    next: "`POST` an object with `query`, and `variables` or `operationName` where needed, as `application/json`.",
};

/// A body that is too large.
pub const TOO_LARGE: FailedAnswer = FailedAnswer {
    name: "The request is too large",
    status: StatusCode::PAYLOAD_TOO_LARGE,
    extensions: &[],
    python: "QueryError",
    meaning: "A document with its variables has a largest size, which the message names.",
    next: "Pass large contents as files of the host in place of texts.",
};

/// A body in a form that is not read.
pub const ENCODED: FailedAnswer = FailedAnswer {
    name: "The request is compressed",
    status: StatusCode::UNSUPPORTED_MEDIA_TYPE,
    extensions: &[],
    python: "QueryError",
    meaning: "The body has a `Content-Encoding`.",
    next: "Send it as it is.",
};

/// A session that is over.
pub const ENDED: FailedAnswer = FailedAnswer {
    name: "The session is over",
    status: StatusCode::SERVICE_UNAVAILABLE,
    extensions: &[],
    python: "QueryError",
    meaning: "The session has ended, the engine does not know it because it was started later, or the engine is about to end.",
    next: "Open a new session. Finished work is known there.",
};

/// All of the engine.
pub const OF_ENGINES: &[FailedAnswer] =
    &[EXEC, FAILED, SYNTAX, INVALID, BAD_REQUEST, TOO_LARGE, ENCODED, ENDED];

/// The part of `extensions` that is always the same; none if there is nothing to say.
pub(crate) fn fixed(kind: &FailedAnswer) -> Option<Map<String, Json>> {
    let pairs: Map<String, Json> = kind
        .extensions
        .iter()
        .filter_map(|extension| match extension {
            Extension::Fixed(key, value) => Some(((*key).to_owned(), Json::from(*value))),
            Extension::Holds(..) => None,
        })
        .collect();
    (!pairs.is_empty()).then_some(pairs)
}
