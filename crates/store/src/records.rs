//! Results and calls.
use std::time::SystemTime;

use kukri_model::Digest;
use kukri_tree::TreeId;

use crate::{Result, Store};

/// Something a result keeps alive.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Root {
    /// A tree with everything in it.
    Tree(TreeId),
    /// A content.
    Blob(Digest),
}

/// What is kept of a finished operation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultRecord {
    /// The result, in the caller's encoding.
    pub value: Vec<u8>,
    /// What it refers to.
    pub roots: Vec<Root>,
    /// What to show for it.
    pub label: String,
    /// Identity of the step without its inputs.
    pub slot: Digest,
    /// The inputs by name.
    pub inputs: Vec<(String, Digest)>,
    /// How long it took to make, milliseconds.
    pub cost_ms: u64,
    /// When it was made.
    pub created: SystemTime,
}

/// An earlier result of the same slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResultSummary {
    /// Its key.
    pub key: Digest,
    /// What to show for it.
    pub label: String,
    /// The inputs by name.
    pub inputs: Vec<(String, Digest)>,
    /// How long it took to make, milliseconds.
    pub cost_ms: u64,
    /// When it was made.
    pub created: SystemTime,
}

impl Store {
    /// The value of a result; counts as a use of it.
    pub fn get_result(&self, _key: &Digest) -> Result<Option<Vec<u8>>> {
        todo!()
    }
    /// Stores a result, replacing an earlier one with this key.
    pub fn put_result(&self, _key: &Digest, _record: ResultRecord) -> Result<()> {
        todo!()
    }
    /// Earlier results of a slot, newest first, at most 16.
    pub fn nearest(&self, _slot: &Digest) -> Result<Vec<ResultSummary>> {
        todo!()
    }
    /// Drops a result; whether there was one.
    pub fn forget_result(&self, _key: &Digest) -> Result<bool> {
        todo!()
    }
    /// Stores encoded calls.
    pub fn put_calls(&self, _calls: Vec<(Digest, Vec<u8>)>) -> Result<()> {
        todo!()
    }
    /// An encoded call.
    pub fn get_call(&self, _digest: &Digest) -> Result<Option<Vec<u8>>> {
        todo!()
    }
}
