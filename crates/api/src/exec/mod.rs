//! The one executor: walks a document along the schema, appends calls, evaluates leaves.
//!
//! A selected step that makes an object only appends a call. What must be evaluated (leaves, lists, objects that may
//! be null) becomes a future; the futures of all branches run concurrently. The first error ends everything: an answer
//! is complete or an error.
//!
//! Documents are as deep as a client's loop is long, so nothing here recurses along them: there is a list of work.

mod collect;
mod meta;
mod output;
mod schema_file;

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use kukri_engine::operation::BoxFuture;
use kukri_engine::{Call, Engine, Held, OpError, Session, Value};

use crate::coerce::{Coercer, FindObject, Variables};
use crate::document::{Document, Range};
use crate::error::GraphqlError;
use crate::ids;
use crate::schema::{Field, Resolve, Scalar, Schema, Type, TypeIx, TypeKind};
use collect::{Fragments, Group};
use meta::{Meta, MetaValue};
use output::{Key, NodeIx, Out, Output};

/// Most values in one answer: fragments make it possible to ask for more than a document is long.
pub const MAX_NODES: usize = 1_000_000;

/// Most bytes of the values in one answer, as JSON: it is in memory twice while it is written.
pub const MAX_BYTES: usize = 512 << 20;

/// Steps after which other tasks of the thread get their turn.
const STEPS_BEFORE_YIELD: usize = 512;

/// Most values that are found out at the same time; others wait for their turn, in the order of the document.
const MOST_AT_ONCE: usize = 1024;

/// What a selection set is applied to.
#[derive(Clone)]
enum Receiver<'s> {
    /// An object, and the innermost list that it comes from, if it comes from one: an answer about many elements finds out
    /// the list once, whatever else the session has to remember meanwhile.
    Object(Arc<Call>, Option<Arc<Held>>),
    Meta(Meta<'s>),
}

/// A selection set that is still to be applied.
struct Job<'s> {
    node: NodeIx,
    /// The type of the object; never an interface.
    object: TypeIx,
    receiver: Receiver<'s>,
    sets: Vec<Range>,
}

/// What to do with an evaluated value.
struct Pending<'s> {
    node: NodeIx,
    field: &'s Field,
    call: Arc<Call>,
    list: Option<Arc<Held>>,
    sets: Vec<Range>,
}

type Evaluation<'s> = BoxFuture<'s, (Pending<'s>, Result<Value, OpError>)>;

/// What a request is executed with.
pub(crate) struct Execution<'s> {
    pub(crate) engine: &'s Arc<Engine>,
    pub(crate) session: &'s Arc<Session>,
    pub(crate) schema: &'s Schema,
    pub(crate) document: &'s Document,
    pub(crate) variables: &'s Variables,
}

impl<'s> Execution<'s> {
    /// Executes the selections of an operation; gives the answer.
    pub(crate) async fn run(&self, selections: Range) -> Result<Vec<u8>, GraphqlError> {
        let find = |text: &str, expected: Option<&str>| {
            find_object(self.engine, self.schema, text, expected).map(|(call, _)| call)
        };
        let mut run = self.start(selections, &find);
        let mut steps = 0;
        loop {
            while let Some(job) = run.jobs.pop() {
                run.apply(job)?;
                steps += 1;
                if steps % STEPS_BEFORE_YIELD == 0 {
                    tokio::task::yield_now().await;
                }
            }
            run.begin();
            let Some((pending, result)) = run.evaluations.next().await else { break };
            run.evaluated(pending, result)?;
        }
        Ok(run.body())
    }

    /// The answer to a document that only describes the API: nothing in it is waited for.
    fn describe(&self, selections: Range) -> Result<Vec<u8>, GraphqlError> {
        let find = |_: &str, _: Option<&str>| Err("an ID describes nothing".to_owned());
        let mut run = self.start(selections, &find);
        while let Some(job) = run.jobs.pop() {
            run.apply(job)?;
        }
        Ok(run.body())
    }

    fn start<'r>(&'r self, selections: Range, find: FindObject<'r>) -> Run<'r, 's> {
        let coercer =
            Coercer { schema: self.schema, document: self.document, variables: self.variables, find };
        let root = Receiver::Object(Arc::clone(self.engine.root()), None);
        Run {
            with: self,
            coercer,
            fragments: collect::fragments(self.document),
            output: Output::new(),
            bytes: 0,
            jobs: vec![Job { node: 0, object: self.schema.query(), receiver: root, sets: vec![selections] }],
            waiting: VecDeque::new(),
            evaluations: FuturesUnordered::new(),
        }
    }
}

/// The call of an ID, and the type of its object; of the type that is expected, if one is.
fn find_object(
    engine: &Engine,
    schema: &Schema,
    text: &str,
    expected: Option<&str>,
) -> Result<(Arc<Call>, TypeIx), String> {
    let (call, name) = ids::load(engine, text).map_err(|error| error.to_string())?;
    let found = schema.find(name).filter(|ix| matches!(schema.get(*ix).kind, TypeKind::Object(_)));
    let found = found
        .ok_or_else(|| format!("the ID {text:?} is of the type {name}, which this view does not have"))?;
    // The type of a call is known before its value, except where it is an interface.
    if call.type_name != name && schema.find(call.type_name).is_none_or(|ix| is_object(schema, ix)) {
        return Err(format!(
            "the ID {text:?} is damaged: it does not belong to an object of the type {name}"
        ));
    }
    match expected.and_then(|name| schema.find(name).map(|ix| (name, ix))) {
        Some((expected, ix)) if !schema.is_a(found, ix) => Err(format!("expected {expected}, got {name}")),
        _ => Ok((call, found)),
    }
}

struct Run<'r, 's> {
    with: &'r Execution<'s>,
    coercer: Coercer<'r>,
    fragments: Fragments<'r>,
    output: Output,
    /// How long the leaves are that are known.
    bytes: usize,
    jobs: Vec<Job<'s>>,
    waiting: VecDeque<Pending<'s>>,
    evaluations: FuturesUnordered<Evaluation<'s>>,
}

impl<'s> Run<'_, 's> {
    fn body(&self) -> Vec<u8> {
        // Growing would copy what may be very long.
        let mut body = Vec::with_capacity(self.bytes + 16);
        body.extend_from_slice(b"{\"data\":");
        self.output.write(self.with.document, &mut body);
        body.push(b'}');
        body
    }

    fn fail(&self, node: NodeIx, error: &OpError) -> GraphqlError {
        GraphqlError::failed(error, self.output.path(self.with.document, node))
    }

    /// The same where a call gave the error: that of a command says as well which call runs it.
    fn fail_at(&self, node: NodeIx, call: &Arc<Call>, error: &OpError) -> GraphqlError {
        let failed = self.fail(node, error);
        let OpError::Exec(exec) = error else { return failed };
        let made = self.with.engine.failed_exec(self.with.session, call, exec);
        match made.map(|made| self.id(made.type_name, &made)) {
            Some(Ok(id)) => failed.made_by(id),
            // What failed is told in any case.
            Some(Err(_)) | None => failed,
        }
    }

    fn fail_with(&self, node: NodeIx, message: impl Into<String>) -> GraphqlError {
        self.fail(node, &OpError::new(message))
    }

    /// Applies a selection set to an object.
    fn apply(&mut self, job: Job<'s>) -> Result<(), GraphqlError> {
        let groups = collect::collect(&self.coercer, &self.fragments, job.object, &job.sets)?;
        if self.output.len() + groups.len() > MAX_NODES {
            return Err(
                self.fail_with(job.node, format!("the answer would have more than {MAX_NODES} values"))
            );
        }
        let nodes =
            groups.iter().map(|group| self.output.add(job.node, Key::Field(group.key))).collect::<Vec<_>>();
        self.output.set(job.node, Out::Object(nodes.clone()));
        for (group, node) in groups.into_iter().zip(nodes) {
            self.field(&job, group, node)?;
        }
        Ok(())
    }

    fn field(&mut self, job: &Job<'s>, group: Group, node: NodeIx) -> Result<(), GraphqlError> {
        let Execution { engine, session, schema, document, .. } = *self.with;
        let name = document.str(group.name);
        if name == "__typename" {
            self.output.set(node, Out::Text((&*schema.get(job.object).name).into()));
            return Ok(());
        }
        let field = schema.composite(job.object).and_then(|composite| composite.fields.get(name));
        let Some(field) = field else {
            let message = format!("Cannot query field {name:?} on type {:?}.", schema.get(job.object).name);
            return Err(GraphqlError::invalid(message, Some(document.location(group.at))));
        };
        let base = field.ty.base();
        let composite = schema.composite(base).is_some();
        if composite && group.below.is_empty() {
            let message = format!(
                "field {name:?} of type {:?} must have a selection of subfields",
                schema.show(&field.ty)
            );
            return Err(self.fail_with(node, message));
        }
        match (field.resolve, &job.receiver) {
            (Resolve::Operation(operation), Receiver::Object(receiver, list)) => {
                let args = self
                    .coercer
                    .args(field, group.arguments)
                    .map_err(|error| self.fail_with(node, format!("{}.{name}: {error}", operation.def.on)))?;
                let call = engine.step(session, receiver, operation, args);
                let known = matches!(field.ty.nullable(), Type::Named(ix) if is_object(schema, *ix));
                if known && !field.ty.is_nullable() && !operation.def.eager {
                    let receiver = Receiver::Object(call, list.clone());
                    self.jobs.push(Job { node, object: base, receiver, sets: group.below });
                } else {
                    let (list, sets) = (list.clone(), group.below);
                    self.waiting.push_back(Pending { node, field, call, list, sets });
                }
            }
            (Resolve::Id, Receiver::Object(receiver, _)) => {
                let id = self.id(&schema.get(job.object).name, receiver);
                let id = id.map_err(|error| self.fail(node, &error))?;
                self.output.set(node, Out::Owned(id));
            }
            (Resolve::Load, _) => {
                let wanted = &schema.get(base).name;
                let (call, object) = self
                    .load(wanted, &group)
                    .map_err(|error| self.fail_with(node, format!("load {wanted}: {error}")))?;
                let receiver = Receiver::Object(call, None);
                self.jobs.push(Job { node, object, receiver, sets: group.below });
            }
            (Resolve::SchemaFile, _) => {
                let args = self.coercer.args(field, group.arguments);
                let args = args.map_err(|error| self.fail_with(node, format!("{name}: {error}")))?;
                let call = self.with.schema_file(&args).map_err(|error| self.fail_with(node, error))?;
                let receiver = Receiver::Object(call, None);
                self.jobs.push(Job { node, object: base, receiver, sets: group.below });
            }
            (Resolve::Meta, receiver) => {
                let args = self.coercer.args(field, group.arguments);
                let args = args.map_err(|error| self.fail_with(node, format!("{name}: {error}")))?;
                let value = match receiver {
                    Receiver::Object(..) => meta::root(schema, name, &args),
                    Receiver::Meta(meta) => meta::field(schema, meta, name, &args),
                };
                self.described(node, base, value, &group.below)?;
            }
            (Resolve::Interface, _) | (_, Receiver::Meta(_)) => {
                return Err(self
                    .fail_with(node, format!("{name} cannot be asked of {}", schema.get(job.object).name)));
            }
        }
        Ok(())
    }

    fn id(&self, type_name: &str, call: &Arc<Call>) -> Result<String, OpError> {
        self.with.engine.remember(call)?;
        Ok(ids::encode(type_name, &call.digest))
    }

    fn load(&self, wanted: &str, group: &Group) -> Result<(Arc<Call>, TypeIx), String> {
        let entry = self.with.document.entries(group.arguments).first();
        let text = entry.map_or(Ok(None), |entry| self.coercer.id_text(entry))?;
        let text = text.ok_or("the ID is empty")?;
        find_object(self.with.engine, self.with.schema, &text, Some(wanted))
    }

    /// Begins to find out as many values as may be found out now.
    fn begin(&mut self) {
        let free = MOST_AT_ONCE.saturating_sub(self.evaluations.len()).min(self.waiting.len());
        for pending in self.waiting.drain(..free) {
            let (engine, session) = (Arc::clone(self.with.engine), Arc::clone(self.with.session));
            self.evaluations.push(Box::pin(async move {
                let result = engine.evaluate_from(&session, &pending.call, pending.list.as_deref()).await;
                (pending, result)
            }));
        }
    }

    /// Takes the value of a call: a leaf, an object that goes on, or a list.
    fn evaluated(
        &mut self,
        pending: Pending<'s>,
        result: Result<Value, OpError>,
    ) -> Result<(), GraphqlError> {
        let Pending { node, field, call, list, sets } = pending;
        let schema = self.with.schema;
        let value = result.map_err(|error| self.fail_at(node, &call, &error))?;
        if matches!(value, Value::Null) {
            // `Void` is null by definition, also where the schema has it as not null.
            let void = matches!(schema.get(field.ty.base()).kind, TypeKind::Scalar(Scalar::Void));
            if void || field.ty.is_nullable() {
                return Ok(());
            }
            return Err(
                self.fail_with(node, format!("{} gave nothing, but must give something", call.label()))
            );
        }
        if schema.composite(field.ty.base()).is_none() {
            let mut id = |call: &Arc<Call>| self.id(call.type_name, call).map_err(|error| error.to_string());
            let leaf = output::leaf(value, &mut id).map_err(|error| self.fail_with(node, error))?;
            self.bytes += leaf.bytes();
            if self.bytes > MAX_BYTES {
                let message = format!(
                    "the answer would be larger than {MAX_BYTES} bytes; ask for less of it at a time, in several requests, \
                     or export large files"
                );
                return Err(self.fail_with(node, message));
            }
            self.output.set(node, leaf);
            return Ok(());
        }
        match value {
            Value::Object(object) => {
                let ty = self.object_type(node, object.type_name())?;
                let pinned = self.with.engine.pinned(self.with.session, &call, &Value::Object(object));
                self.jobs.push(Job { node, object: ty, receiver: Receiver::Object(pinned, list), sets });
            }
            Value::List(items) => self.objects(node, &call, items, &sets)?,
            _ => return Err(self.fail_with(node, format!("{} gave no object", call.label()))),
        }
        Ok(())
    }

    /// Takes a list of objects, or of lists of them: each element is an object of its own that goes on.
    fn objects(
        &mut self,
        node: NodeIx,
        call: &Arc<Call>,
        items: Arc<[Value]>,
        sets: &[Range],
    ) -> Result<(), GraphqlError> {
        // Later steps on an element start from its list.
        self.with.session.learn(&call.digest, &Value::List(Arc::clone(&items)));
        let mut lists = vec![(node, Arc::clone(call), items)];
        while let Some((node, list, items)) = lists.pop() {
            let held = Arc::new(Held { call: list.digest, value: Value::List(Arc::clone(&items)) });
            if self.output.len() + items.len() > MAX_NODES {
                let message = format!("the answer would have more than {MAX_NODES} values");
                return Err(self.fail_with(node, message));
            }
            let mut nodes = Vec::with_capacity(items.len());
            for (index, item) in items.iter().enumerate() {
                let child = self.output.add(node, Key::Index(index));
                nodes.push(child);
                if matches!(item, Value::Null) {
                    continue;
                }
                let element = Call::element(&list, index);
                match item {
                    Value::Object(object) => {
                        let object = self.object_type(child, object.type_name())?;
                        let receiver = Receiver::Object(element, Some(Arc::clone(&held)));
                        self.jobs.push(Job { node: child, object, receiver, sets: sets.to_vec() });
                    }
                    Value::List(inner) => lists.push((child, element, Arc::clone(inner))),
                    _ => return Err(self.fail_with(child, format!("{} gave no objects", call.label()))),
                }
            }
            self.output.set(node, Out::List(nodes));
        }
        Ok(())
    }

    fn object_type(&self, node: NodeIx, name: &str) -> Result<TypeIx, GraphqlError> {
        let schema = self.with.schema;
        let found = schema.find(name).filter(|ix| is_object(schema, *ix));
        found.ok_or_else(|| self.fail_with(node, format!("an object of the unknown type {name}")))
    }

    /// Takes a value of introspection.
    fn described(
        &mut self,
        node: NodeIx,
        object: TypeIx,
        value: MetaValue<'s>,
        sets: &[Range],
    ) -> Result<(), GraphqlError> {
        match value {
            MetaValue::Leaf(leaf) => self.output.set(node, leaf),
            MetaValue::One(meta) => {
                self.jobs.push(Job { node, object, receiver: Receiver::Meta(meta), sets: sets.to_vec() });
            }
            MetaValue::Many(metas) => {
                if self.output.len() + metas.len() > MAX_NODES {
                    return Err(
                        self.fail_with(node, format!("the answer would have more than {MAX_NODES} values"))
                    );
                }
                let mut nodes = Vec::with_capacity(metas.len());
                for (index, meta) in metas.into_iter().enumerate() {
                    let child = self.output.add(node, Key::Index(index));
                    nodes.push(child);
                    let receiver = Receiver::Meta(meta);
                    self.jobs.push(Job { node: child, object, receiver, sets: sets.to_vec() });
                }
                self.output.set(node, Out::List(nodes));
            }
        }
        Ok(())
    }
}

fn is_object(schema: &Schema, ix: TypeIx) -> bool {
    matches!(schema.get(ix).kind, TypeKind::Object(_))
}
