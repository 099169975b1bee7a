//! Random queries over a schema: mostly right, sometimes wrong in each way there is.

use std::collections::HashMap;
use std::sync::Arc;

use kukri_api::schema::{Arg, Composite, Field, Scalar, Type, TypeIx, TypeKind};
use kukri_api::{Request, Schema};
use serde_json::{Map, Value as Json, json};

/// A small random number generator; the same numbers for the same seed on every machine.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 to `end`, without `end`.
    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    /// Whether something happens that does so in so many cases of a hundred.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Work that needs a network or a machine of a client has tests of its own.
const LEFT_OUT: &[&str] = &["from", "publish"];

/// Most fields in one document.
const MOST_FIELDS: usize = 12;

/// Most IDs that are kept of one type.
const MOST_IDS: usize = 64;

const TEXTS: &[&str] = &[
    "",
    "a",
    "a/b",
    "/",
    ".",
    "..",
    "../x",
    "/a/b/",
    "*",
    "**/*.txt",
    "[",
    "!x",
    "x y",
    "é😀",
    "\u{0}",
    "\n",
    "\"\\",
    "$HOME/${X}",
    "linux/amd64",
    "1000:1000",
    "root",
    "name=value",
    "{\"a\": [1, 2, {}]}",
    "KEY=1\nOTHER=\"${KEY}\"\n",
    "http://127.0.0.1:9/x",
    "env://PATH",
    "10GB",
    "5%",
    "diff --git a/a b/a\n",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// What a text may be where the name of an argument says something.
fn texts(name: &str) -> &'static [&'static str] {
    match name {
        "path" | "linkName" | "name" | "target" | "start" => &["a", "b", "a/b", "c.txt", "/", "."],
        "pattern" | "search" => &["a", "a+", "**", "*.txt", "("],
        "json" | "contents" | "value" => &["text\n", "{\"a\": 1}", "A=1\n", "a\nb\nc\n"],
        _ => TEXTS,
    }
}

/// Makes queries.
pub struct Generator {
    schema: Arc<Schema>,
    /// IDs of earlier answers, by type.
    ids: HashMap<String, Vec<String>>,
}

/// A document under construction.
struct Draft<'r> {
    random: &'r mut Random,
    fields: usize,
    declared: Vec<String>,
    variables: Map<String, Json>,
    fragments: String,
    fragment_count: usize,
}

impl Generator {
    pub fn new(schema: Arc<Schema>) -> Self {
        Self { schema, ids: HashMap::new() }
    }

    /// Keeps IDs of an answer.
    pub fn learn(&mut self, random: &mut Random, answer: &Json) {
        match answer {
            Json::String(text) if text.len() < 120 && text.split('.').count() == 3 => {
                let kind = text.split('.').next().unwrap_or_default();
                if self.schema.find(kind).is_some() {
                    let known = self.ids.entry(kind.to_owned()).or_default();
                    if known.len() < MOST_IDS {
                        known.push(text.clone());
                    } else {
                        let at = random.below(known.len());
                        known[at].clone_from(text);
                    }
                }
            }
            Json::Array(items) => items.iter().for_each(|item| self.learn(random, item)),
            Json::Object(map) => map.values().for_each(|value| self.learn(random, value)),
            _ => {}
        }
    }

    /// A query.
    pub fn request(&self, random: &mut Random) -> Request {
        let mut draft = Draft {
            random,
            fields: 0,
            declared: Vec::new(),
            variables: Map::new(),
            fragments: String::new(),
            fragment_count: 0,
        };
        let depth = 2 + draft.random.below(8);
        let body = self.selection(&mut draft, self.schema.query(), depth);
        let mut query = if draft.declared.is_empty() && draft.random.chance(60) {
            body
        } else {
            format!(
                "query Q{} {body}",
                match draft.declared.as_slice() {
                    [] => String::new(),
                    declared => format!("({})", declared.join(", ")),
                }
            )
        };
        query.push_str(&draft.fragments);
        if draft.random.chance(2) {
            let mut at = draft.random.below(query.len());
            while !query.is_char_boundary(at) {
                at -= 1;
            }
            query.truncate(at);
        }
        let operation = draft.random.chance(2).then(|| "Q".to_owned());
        Request { query, operation, variables: draft.variables }
    }

    fn selection(&self, draft: &mut Draft<'_>, ix: TypeIx, depth: usize) -> String {
        let Some(composite) = self.schema.composite(ix) else { return String::new() };
        let mut out = String::from("{ ");
        if matches!(self.schema.get(ix).kind, TypeKind::Interface(_)) && !composite.possible.is_empty() {
            let object = *draft.random.pick(&composite.possible);
            let inner = self.selection(draft, object, depth.saturating_sub(1));
            out.push_str(&format!("... on {} {inner} ", self.schema.get(object).name));
        }
        for _ in 0..=draft.random.below(3) {
            if draft.fields >= MOST_FIELDS {
                break;
            }
            draft.fields += 1;
            out.push_str(&self.one(draft, ix, composite, depth));
            out.push(' ');
        }
        // Every selection has something in it that is a leaf.
        out.push_str(if draft.random.chance(50) { "id }" } else { "__typename }" });
        out
    }

    /// A field, or a fragment.
    fn one(&self, draft: &mut Draft<'_>, ix: TypeIx, composite: &Composite, depth: usize) -> String {
        let name = &self.schema.get(ix).name;
        match draft.random.below(200) {
            0 => return "nonsense".to_owned(),
            1..3 => return "__typename @skip(if: true)".to_owned(),
            3..9 if depth > 0 => {
                let inner = self.selection(draft, ix, depth - 1);
                return format!("... on {name} @include(if: {}) {inner}", draft.random.chance(80));
            }
            9..15 if depth > 0 => {
                draft.fragment_count += 1;
                let fragment = format!("F{}", draft.fragment_count);
                let inner = self.selection(draft, ix, depth - 1);
                draft.fragments.push_str(&format!(" fragment {fragment} on {name} {inner}"));
                return format!("...{fragment}");
            }
            15 if ix == self.schema.query() => {
                return "__schema { queryType { name fields { name args { name defaultValue } } } }"
                    .to_owned();
            }
            _ => {}
        }
        let at = draft.random.below(composite.fields.len());
        let Some((name, field)) = composite.fields.get_index(at) else { return "id".to_owned() };
        let object = self.schema.composite(field.ty.base()).is_some();
        let hopeless = field.unavailable.is_some()
            || self.schema.get(ix).name == "Host"
            || (name.starts_with("load") && !self.ids.contains_key(&*self.schema.get(field.ty.base()).name));
        if hopeless && !draft.random.chance(3) {
            return "id".to_owned();
        }
        if LEFT_OUT.contains(&&**name) || (object && depth == 0) || name.starts_with("__schemaJSON") {
            return "id".to_owned();
        }
        let number = draft.fields;
        let args = self.args(draft, field);
        // Two fields of one name with different arguments need other names in the answer; mostly they get them.
        let plain = args.is_empty() && !object && draft.random.chance(50);
        let alias = if plain || draft.random.chance(1) { String::new() } else { format!("a{number}: ") };
        let directive = match draft.random.below(200) {
            0..10 => " @include(if: true)",
            10..20 => " @skip(if: false)",
            20 => " @include(if: \"x\")",
            _ => "",
        };
        let inner = if object { self.selection(draft, field.ty.base(), depth - 1) } else { String::new() };
        format!("{alias}{name}{args}{directive} {inner}")
    }

    fn args(&self, draft: &mut Draft<'_>, field: &Field) -> String {
        let mut args = Vec::new();
        for arg in &field.args {
            let given = if arg.is_required() { draft.random.below(300) > 0 } else { draft.random.chance(20) };
            if !given {
                continue;
            }
            let value = self.value(draft.random, &arg.ty, arg, 0);
            if draft.random.chance(15) {
                let name = format!("v{}", draft.declared.len());
                draft.declared.push(format!("${name}: {}", self.schema.show(&arg.ty)));
                args.push(format!("{}: ${name}", arg.name));
                if !draft.random.chance(3) {
                    draft.variables.insert(name, value);
                }
            } else {
                args.push(format!("{}: {}", arg.name, self.literal(draft.random, &arg.ty, &value)));
            }
        }
        if draft.random.below(300) == 0 {
            args.push("surplus: 1".to_owned());
        }
        if args.is_empty() { String::new() } else { format!("({})", args.join(", ")) }
    }

    fn value(&self, random: &mut Random, ty: &Type, arg: &Arg, depth: usize) -> Json {
        if random.below(300) == 0 {
            return random
                .pick(&[json!({}), json!([[]]), json!(1.5), Json::Null, json!("x"), json!({"a": [1]})])
                .clone();
        }
        match ty {
            Type::NonNull(inner) => self.value(random, inner, arg, depth),
            Type::List(inner) => match random.below(10) {
                0 => self.value(random, inner, arg, depth + 1),
                1 => json!([]),
                _ => (0..=random.below(3)).map(|_| self.value(random, inner, arg, depth + 1)).collect(),
            },
            Type::Named(ix) => self.named(random, *ix, arg, depth),
        }
    }

    fn named(&self, random: &mut Random, ix: TypeIx, arg: &Arg, depth: usize) -> Json {
        let def = self.schema.get(ix);
        match &def.kind {
            TypeKind::Enum(values) => {
                let at = random.below(values.len());
                values.get_index(at).map_or(Json::Null, |(name, _)| json!(name))
            }
            TypeKind::Input(fields) if depth < 4 => {
                let mut map = Map::new();
                for field in fields {
                    if field.is_required() || random.chance(50) {
                        map.insert(field.name.to_owned(), self.value(random, &field.ty, field, depth + 1));
                    }
                }
                Json::Object(map)
            }
            TypeKind::Scalar(Scalar::Int) => {
                json!(*random.pick(&[0_i64, 1, -1, 2, 7, 80, 420, 0o755, 65_536, i64::MAX, i64::MIN]))
            }
            TypeKind::Scalar(Scalar::Float) => json!(*random.pick(&[0.0, -1.5, 1e300])),
            TypeKind::Scalar(Scalar::Boolean) => json!(random.chance(50)),
            TypeKind::Scalar(Scalar::Platform) => {
                json!(*random.pick(&["linux/amd64", "linux/arm64", "linux/x86_64", "nonsense", ""]))
            }
            TypeKind::Scalar(Scalar::Id) => {
                let typed = def.name.strip_suffix("ID").filter(|name| !name.is_empty());
                self.id(random, arg.expected_type.as_deref().or(typed))
            }
            TypeKind::Scalar(_) => {
                let all = random.chance(30);
                json!(*random.pick(if all { TEXTS } else { texts(arg.name) }))
            }
            _ => Json::Null,
        }
    }

    fn id(&self, random: &mut Random, expected: Option<&str>) -> Json {
        if random.chance(2) {
            return json!(*random.pick(&["", "12", "x.y.z", "Container.AAAA.AAAA", "\u{0}"]));
        }
        let fitting = expected.and_then(|name| self.ids.get(name)).filter(|_| !random.chance(4));
        match fitting {
            Some(ids) => json!(random.pick(ids)),
            None => {
                // In a fixed order: the same seed must give the same queries.
                let mut kinds: Vec<&String> = self.ids.keys().collect();
                kinds.sort_unstable();
                match kinds.as_slice() {
                    [] => json!("Container.AAAA.AAAA"),
                    kinds => {
                        let kind = *random.pick(kinds);
                        json!(random.pick(&self.ids[kind]))
                    }
                }
            }
        }
    }

    /// A value as it stands in a document.
    fn literal(&self, random: &mut Random, ty: &Type, value: &Json) -> String {
        match (ty.nullable(), value) {
            (Type::List(inner), Json::Array(items)) => {
                let items: Vec<String> = items.iter().map(|item| self.literal(random, inner, item)).collect();
                format!("[{}]", items.join(", "))
            }
            (Type::List(inner), single) => self.literal(random, inner, single),
            (Type::Named(ix), Json::Object(map)) => {
                let TypeKind::Input(fields) = &self.schema.get(*ix).kind else { return untyped(value) };
                let entries = map.iter().map(|(name, value)| {
                    let field = fields.iter().find(|field| field.name == name);
                    let text =
                        field.map_or_else(|| untyped(value), |field| self.literal(random, &field.ty, value));
                    format!("{name}: {text}")
                });
                format!("{{{}}}", entries.collect::<Vec<_>>().join(" "))
            }
            (Type::Named(ix), Json::String(text)) => {
                let member = matches!(self.schema.get(*ix).kind, TypeKind::Enum(_));
                let name = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !text.is_empty();
                if member && name && !random.chance(10) { text.clone() } else { untyped(value) }
            }
            _ => untyped(value),
        }
    }
}

/// A value without a type: JSON is nearly GraphQL.
fn untyped(value: &Json) -> String {
    match value {
        Json::Object(map) => {
            let entries: Vec<String> =
                map.iter().map(|(name, value)| format!("{name}: {}", untyped(value))).collect();
            format!("{{{}}}", entries.join(", "))
        }
        Json::Array(items) => format!("[{}]", items.iter().map(untyped).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}
