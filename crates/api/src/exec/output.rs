//! The answer while it is made: a table of nodes, and its JSON.

use std::sync::Arc;

use kukri_engine::Value;

use crate::document::{Document, Span};
use crate::error::PathKey;

/// Number of a node.
pub(super) type NodeIx = u32;

/// Where a node stands in its parent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Key {
    Root,
    Field(Span),
    Index(usize),
}

/// A node's value.
#[derive(Debug)]
pub(super) enum Out {
    /// Not known yet; null if it never gets known.
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Arc<str>),
    Owned(String),
    Strings(Vec<Arc<str>>),
    /// A leaf that is a list.
    Leaves(Vec<Out>),
    Object(Vec<NodeIx>),
    List(Vec<NodeIx>),
}

impl Out {
    /// How long a leaf is as JSON, or somewhat more.
    pub(super) fn bytes(&self) -> usize {
        // The longest number.
        const NUMBER: usize = 24;
        match self {
            Self::Text(text) => text_bytes(text),
            Self::Owned(text) => text_bytes(text),
            Self::Strings(texts) => texts.iter().map(|text| text_bytes(text) + 1).sum::<usize>() + 2,
            Self::Leaves(leaves) => leaves.iter().map(|leaf| leaf.bytes() + 1).sum::<usize>() + 2,
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Float(_) => NUMBER,
            Self::Object(_) | Self::List(_) => 0,
        }
    }
}

/// A control character has six bytes at most (`\u001b`), a quote and a backslash two.
fn text_bytes(text: &str) -> usize {
    let more = |byte: u8| match byte {
        b'"' | b'\\' => 1,
        0..0x20 => 5,
        _ => 0,
    };
    text.len() + 2 + text.bytes().map(more).sum::<usize>()
}

struct Node {
    parent: NodeIx,
    key: Key,
    value: Out,
}

/// All nodes of an answer; the first is `data`.
pub(super) struct Output {
    nodes: Vec<Node>,
}

impl Output {
    pub(super) fn new() -> Self {
        Self { nodes: vec![Node { parent: 0, key: Key::Root, value: Out::Null }] }
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    #[expect(clippy::cast_possible_truncation, reason = "the number of nodes is bounded by MAX_NODES")]
    pub(super) fn add(&mut self, parent: NodeIx, key: Key) -> NodeIx {
        self.nodes.push(Node { parent, key, value: Out::Null });
        (self.nodes.len() - 1) as NodeIx
    }

    pub(super) fn set(&mut self, node: NodeIx, value: Out) {
        self.nodes[node as usize].value = value;
    }

    /// Keys from the root to a node.
    pub(super) fn path(&self, document: &Document, node: NodeIx) -> Vec<PathKey> {
        let mut path = Vec::new();
        let mut cursor = node;
        loop {
            let node = &self.nodes[cursor as usize];
            match node.key {
                Key::Root => break,
                Key::Field(span) => path.push(PathKey::Key(document.str(span).to_owned())),
                Key::Index(index) => path.push(PathKey::Index(index)),
            }
            cursor = node.parent;
        }
        path.reverse();
        path
    }

    /// Appends the JSON of `data`. Answers are as deep as documents, so this does not recurse.
    pub(super) fn write(&self, document: &Document, out: &mut Vec<u8>) {
        enum Step<'a> {
            Node(NodeIx),
            Rest { children: &'a [NodeIx], object: bool, first: bool },
        }
        let mut stack = vec![Step::Node(0)];
        while let Some(step) = stack.pop() {
            match step {
                Step::Node(node) => match &self.nodes[node as usize].value {
                    Out::Object(children) => {
                        out.push(b'{');
                        stack.push(Step::Rest { children, object: true, first: true });
                    }
                    Out::List(children) => {
                        out.push(b'[');
                        stack.push(Step::Rest { children, object: false, first: true });
                    }
                    leaf => write_leaf(leaf, out),
                },
                Step::Rest { children, object, first } => {
                    let Some((child, rest)) = children.split_first() else {
                        out.push(if object { b'}' } else { b']' });
                        continue;
                    };
                    if !first {
                        out.push(b',');
                    }
                    if let Key::Field(span) = self.nodes[*child as usize].key {
                        // Keys are names: letters, digits and underscores.
                        out.push(b'"');
                        out.extend_from_slice(document.str(span).as_bytes());
                        out.extend_from_slice(b"\":");
                    }
                    stack.push(Step::Rest { children: rest, object, first: false });
                    stack.push(Step::Node(*child));
                }
            }
        }
    }
}

fn write_json(value: &(impl serde::Serialize + ?Sized), out: &mut Vec<u8>) {
    // Writing into memory cannot fail, and none of the values can fail to serialise.
    if serde_json::to_writer(&mut *out, value).is_err() {
        out.extend_from_slice(b"null");
    }
}

/// A leaf; lists among leaves are as deep as their type.
fn write_leaf(leaf: &Out, out: &mut Vec<u8>) {
    match leaf {
        Out::Null => out.extend_from_slice(b"null"),
        Out::Bool(value) => write_json(value, out),
        Out::Int(value) => write_json(value, out),
        Out::Float(value) => write_json(value, out),
        Out::Text(text) => write_json(&**text, out),
        Out::Owned(text) => write_json(text, out),
        Out::Strings(texts) => {
            out.push(b'[');
            for (at, text) in texts.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_json(&**text, out);
            }
            out.push(b']');
        }
        Out::Leaves(leaves) => {
            out.push(b'[');
            for (at, leaf) in leaves.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_leaf(leaf, out);
            }
            out.push(b']');
        }
        Out::Object(_) | Out::List(_) => {}
    }
}

/// A leaf's value, or what is wrong with it. `id` gives the ID of a call.
pub(super) fn leaf(
    value: Value,
    id: &mut dyn FnMut(&Arc<kukri_engine::Call>) -> Result<String, String>,
) -> Result<Out, String> {
    Ok(match value {
        Value::Null => Out::Null,
        Value::Bool(value) => Out::Bool(value),
        Value::Int(value) => Out::Int(value),
        Value::Float(value) => Out::Float(value),
        Value::String(text) => Out::Text(text),
        Value::Id(call) => Out::Owned(id(&call)?),
        Value::List(items) => {
            Out::Leaves(items.iter().map(|item| leaf(item.clone(), id)).collect::<Result<_, _>>()?)
        }
        Value::Object(object) => return Err(format!("expected a plain value, got {}", object.type_name())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_enough_for_what_is_written() {
        let texts = ["", "plain", "\"quoted\" \\ \n\t\u{1b}[1m\u{0}", "é😀\u{7f}"].map(Arc::<str>::from);
        let leaves = texts.iter().map(|text| Out::Text(Arc::clone(text)));
        let numbers = [Out::Int(i64::MIN), Out::Float(-f64::MAX), Out::Float(f64::MIN_POSITIVE), Out::Null];
        let all = Out::Leaves(leaves.chain(numbers).chain([Out::Strings(texts.to_vec())]).collect());
        let mut written = Vec::new();
        write_leaf(&all, &mut written);
        assert!(
            (written.len()..2 * written.len()).contains(&all.bytes()),
            "{} {}",
            all.bytes(),
            written.len()
        );
    }
}
