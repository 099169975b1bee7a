//! The object types, each with a folder: one file per operation.
//!
//! `state.rs` in a folder is the type's own state; its `mod.rs` is generated from the other files.

pub mod address;
pub mod cache_volume;
pub mod changeset;
pub mod client_filesync_mirror;
pub mod container;
pub mod diff_stat;
pub mod directory;
pub mod engine;
pub mod engine_cache;
pub mod engine_cache_entry;
pub mod engine_cache_entry_set;
pub mod env_file;
pub mod env_variable;
pub mod file;
pub mod git_ref;
pub mod git_repository;
pub mod healthcheck_config;
pub mod host;
pub mod http_state;
pub mod inputs;
pub mod json_value;
pub mod label;
pub mod port;
pub mod query;
mod read;
pub mod remote_git_mirror;
mod search;
pub mod search_result;
pub mod search_submatch;
pub mod secret;
pub mod service;
pub mod socket;
pub mod stat;
pub mod terminal;

use kukri_model::schema::{CacheRule, EnumDef, InputDef, ObjectDef, OperationDef, ScalarDef, TypeRef};

use crate::args::{ApiEnum, ApiInput};
use crate::error::OpError;
use crate::operation::Operation;
use crate::registry::InterfaceDef;

pub use read::{
    Hashes, MAX_TEXT, below, directory_tree, exists, file_at, file_entry, file_text, read_directory,
    read_tree, text_of,
};

/// Every object type with its operations.
#[must_use]
pub fn all() -> Vec<(&'static ObjectDef, &'static [Operation])> {
    vec![
        (&address::DEF, address::OPERATIONS),
        (&cache_volume::DEF, cache_volume::OPERATIONS),
        (&changeset::DEF, changeset::OPERATIONS),
        (&client_filesync_mirror::DEF, client_filesync_mirror::OPERATIONS),
        (&container::DEF, container::OPERATIONS),
        (&diff_stat::DEF, diff_stat::OPERATIONS),
        (&directory::DEF, directory::OPERATIONS),
        (&engine::DEF, engine::OPERATIONS),
        (&engine_cache::DEF, engine_cache::OPERATIONS),
        (&engine_cache_entry::DEF, engine_cache_entry::OPERATIONS),
        (&engine_cache_entry_set::DEF, engine_cache_entry_set::OPERATIONS),
        (&env_file::DEF, env_file::OPERATIONS),
        (&env_variable::DEF, env_variable::OPERATIONS),
        (&file::DEF, file::OPERATIONS),
        (&git_ref::DEF, git_ref::OPERATIONS),
        (&git_repository::DEF, git_repository::OPERATIONS),
        (&healthcheck_config::DEF, healthcheck_config::OPERATIONS),
        (&host::DEF, host::OPERATIONS),
        (&http_state::DEF, http_state::OPERATIONS),
        (&json_value::DEF, json_value::OPERATIONS),
        (&label::DEF, label::OPERATIONS),
        (&port::DEF, port::OPERATIONS),
        (&query::DEF, query::OPERATIONS),
        (&remote_git_mirror::DEF, remote_git_mirror::OPERATIONS),
        (&search_result::DEF, search_result::OPERATIONS),
        (&search_submatch::DEF, search_submatch::OPERATIONS),
        (&secret::DEF, secret::OPERATIONS),
        (&service::DEF, service::OPERATIONS),
        (&socket::DEF, socket::OPERATIONS),
        (&stat::DEF, stat::OPERATIONS),
        (&terminal::DEF, terminal::OPERATIONS),
    ]
}

/// Every enum.
#[must_use]
pub fn enums() -> &'static [&'static EnumDef] {
    &[
        &cache_volume::CacheSharingMode::DEF,
        &changeset::ChangesetMergeConflict::DEF,
        &changeset::ChangesetsMergeConflict::DEF,
        &container::as_tarball::ImageLayerCompression::DEF,
        &container::as_tarball::ImageMediaTypes::DEF,
        &container::with_exec::ReturnType::DEF,
        &diff_stat::DiffStatKind::DEF,
        &port::NetworkProtocol::DEF,
        &stat::ExistsType::DEF,
        &stat::FileType::DEF,
    ]
}

/// Every input object.
#[must_use]
pub fn inputs() -> &'static [&'static InputDef] {
    &[&inputs::BuildArg::DEF, &inputs::PipelineLabel::DEF, &inputs::PortForward::DEF]
}

/// Every scalar beside `String`, `Int`, `Float` and `Boolean`.
#[must_use]
pub fn scalars() -> &'static [ScalarDef] {
    &[
        ScalarDef {
            name: "ID",
            doc: "Identifies an object: of this session, of another, or of an earlier engine.",
        },
        ScalarDef { name: "JSON", doc: "A text that holds JSON." },
        ScalarDef {
            name: "Platform",
            doc: "What an image is built for: `os/architecture[/variant]`, as in `linux/amd64`.",
        },
        ScalarDef { name: "Void", doc: "The absence of a value: always null." },
    ]
}

/// Every interface.
#[must_use]
pub fn interfaces() -> &'static [InterfaceDef] {
    const ID: OperationDef = OperationDef {
        on: "Node",
        name: "id",
        doc: "Identifies the object.",
        args: &[],
        returns: TypeRef::NonNull(&TypeRef::Named("ID")),
        expected_type: None,
        cache: CacheRule::Pure,
        eager: false,
        deprecated: None,
        experimental: None,
        unavailable: None,
        partly: None,
        no_effect: None,
        examples: &[],
    };
    const SHOWN_ID: OperationDef = OperationDef {
        examples: &[kukri_model::schema::ExampleDef {
            call: "directory.id",
            gives: r#"like "Directory.Ug_TndPwYu8IQJh7ACipXOERV1xJUQkFiSBBIBLuHOk.TXfR""#,
        }],
        ..ID
    };
    const SYNC: OperationDef = OperationDef {
        on: "Syncer",
        name: "sync",
        doc: "Computes the object, and gives its ID.",
        expected_type: Some("Syncer"),
        ..ID
    };
    const EXPORT: OperationDef = OperationDef {
        on: "Exportable",
        name: "export",
        doc: "Writes the object to the client's machine.",
        args: &[kukri_model::schema::ArgDef {
            name: "path",
            doc: "Where, relative to the client's working directory.",
            ty: TypeRef::NonNull(&TypeRef::Named("String")),
            default: None,
            expected_type: None,
            deprecated: None,
            experimental: None,
            sensitive: false,
            unavailable: None,
            no_effect: None,
        }],
        returns: TypeRef::NonNull(&TypeRef::Named("String")),
        ..ID
    };
    &[
        InterfaceDef {
            name: "Exportable",
            doc: "What can be written to the client's machine.",
            fields: &[EXPORT, ID],
        },
        InterfaceDef { name: "Node", doc: "Every object.", fields: &[SHOWN_ID] },
        InterfaceDef { name: "Syncer", doc: "What can be computed ahead of time.", fields: &[ID, SYNC] },
    ]
}

/// Permission bits from an argument.
pub fn mode(permissions: i64) -> Result<u32, OpError> {
    u32::try_from(permissions)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| OpError::new(format!("{permissions}: not permission bits (expected 0 to 0o7777)")))
}

/// Permission bits from an argument that may be left out.
pub fn optional_mode(permissions: Option<i64>) -> Result<Option<u32>, OpError> {
    permissions.map(mode).transpose()
}
