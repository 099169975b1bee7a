//! A small API of our own, written out by hand, so that tests do not depend on what the engine offers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use kukri_engine::Cx;
use kukri_engine::operation::{BoxFuture, Operation};
use kukri_engine::registry::{InterfaceDef, ObjectEntry};
use kukri_engine::value::ObjectType;
use kukri_engine::{ArgValue, Args, Engine, ExecError, ObjectValue, OpError, Registry, Session, Value};
use kukri_model::schema::{
    ArgDef, CacheRule, EnumDef, EnumValueDef, InputDef, ObjectDef, OperationDef, ScalarDef, TypeRef,
};
use serde_json::Value as Json;

use crate::{Api, ApiConfig, Request, Response, View};

/// How often `counted` was evaluated, by the one test that asks for it.
pub static COUNTED_RUNS: AtomicUsize = AtomicUsize::new(0);

/// What a `Thing` knows of itself: the steps that made it.
struct Thing(Vec<String>);

impl ObjectType for Thing {
    const NAME: &'static str = "Thing";
}

struct Item(usize);

impl ObjectType for Item {
    const NAME: &'static str = "Item";
}

const STRING: TypeRef = TypeRef::NonNull(&TypeRef::Named("String"));
const STRING_NULL: TypeRef = TypeRef::Named("String");
const INT: TypeRef = TypeRef::NonNull(&TypeRef::Named("Int"));
const INT_NULL: TypeRef = TypeRef::Named("Int");
const ID: TypeRef = TypeRef::NonNull(&TypeRef::Named("ID"));
const THING: TypeRef = TypeRef::NonNull(&TypeRef::Named("Thing"));

const fn arg(name: &'static str, ty: TypeRef, default: Option<&'static str>) -> ArgDef {
    ArgDef {
        name,
        doc: "",
        ty,
        default,
        expected_type: None,
        deprecated: None,
        experimental: None,
        sensitive: false,
        unavailable: None,
        no_effect: None,
    }
}

const fn def(
    on: &'static str,
    name: &'static str,
    args: &'static [ArgDef],
    returns: TypeRef,
) -> OperationDef {
    OperationDef {
        on,
        name,
        doc: "Does it.\n\nAnd says \"\"\"so\"\"\".",
        args,
        returns,
        expected_type: None,
        cache: CacheRule::Pure,
        eager: false,
        deprecated: None,
        experimental: None,
        unavailable: None,
        partly: None,
        no_effect: None,
        examples: &[],
    }
}

fn text(args: &Args, name: &str) -> String {
    match args.iter().find(|(given, _)| *given == name) {
        Some((_, ArgValue::String(text))) => text.to_string(),
        _ => String::new(),
    }
}

fn int(args: &Args, name: &str, default: i64) -> i64 {
    match args.iter().find(|(given, _)| *given == name) {
        Some((_, ArgValue::Int(value))) => *value,
        _ => default,
    }
}

/// Arguments as an operation sees them.
fn show(value: &ArgValue) -> String {
    match value {
        ArgValue::Null => "null".to_owned(),
        ArgValue::Bool(value) => value.to_string(),
        ArgValue::Int(value) => value.to_string(),
        ArgValue::Float(value) => format!("{value:?}"),
        ArgValue::String(text) => format!("{text:?}"),
        ArgValue::Enum(name) => name.to_string(),
        ArgValue::List(items) => format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(" ")),
        ArgValue::Object(fields) => {
            let fields: Vec<String> =
                fields.iter().map(|(name, value)| format!("{name}:{}", show(value))).collect();
            format!("{{{}}}", fields.join(" "))
        }
        ArgValue::Ref(call) | ArgValue::Resolved(_, call) => format!("<{}>", call.label()),
    }
}

type Run = for<'a> fn(ObjectValue, Args, &'a Cx) -> BoxFuture<'a, Result<Value, OpError>>;

fn done(value: Value) -> BoxFuture<'static, Result<Value, OpError>> {
    Box::pin(std::future::ready(Ok(value)))
}

fn step(on: &ObjectValue, name: &str) -> BoxFuture<'static, Result<Value, OpError>> {
    let result = on.downcast::<Thing>().map(|thing| {
        let mut steps = thing.0.clone();
        steps.push(name.to_owned());
        Value::Object(ObjectValue::new(Arc::new(Thing(steps))))
    });
    Box::pin(std::future::ready(result))
}

fn item(index: usize) -> Value {
    Value::Object(ObjectValue::new(Arc::new(Item(index))))
}

fn thing() -> Value {
    Value::Object(ObjectValue::new(Arc::new(Thing(Vec::new()))))
}

const VERSION: OperationDef = def("Query", "version", &[], STRING);
const NEW: OperationDef = def("Query", "thing", &[arg("name", STRING_NULL, Some("\"x\""))], THING);
const BROKEN: OperationDef = def("Query", "broken", &[], THING);
const EAGER: OperationDef = OperationDef { eager: true, ..def("Query", "eager", &[], THING) };
const MAYBE: OperationDef = def(
    "Query",
    "maybe",
    &[arg("there", TypeRef::NonNull(&TypeRef::Named("Boolean")), None)],
    TypeRef::Named("Thing"),
);
const NOTHING: OperationDef =
    OperationDef { cache: CacheRule::Never, ..def("Query", "nothing", &[], TypeRef::Named("Void")) };
const MISSING: OperationDef = def("Query", "missing", &[], STRING);
const FAIL: OperationDef =
    OperationDef { deprecated: Some("use \"exec\""), ..def("Query", "fail", &[], STRING) };
const EXEC: OperationDef =
    OperationDef { experimental: Some("Not stabilized"), ..def("Query", "exec", &[], STRING) };
const SLOW: OperationDef = def("Query", "slow", &[arg("ms", INT, None)], INT);
const ECHO: OperationDef = def(
    "Query",
    "echo",
    &[
        arg("int", INT_NULL, Some("420")),
        arg("float", TypeRef::Named("Float"), None),
        arg("bool", TypeRef::Named("Boolean"), Some("false")),
        arg("string", STRING_NULL, Some("\"\"")),
        arg("platform", TypeRef::Named("Platform"), None),
        arg("color", TypeRef::Named("Color"), Some("Red")),
        arg("list", TypeRef::List(&STRING), Some("[]")),
        arg("matrix", TypeRef::List(&TypeRef::List(&INT)), None),
        arg("json", TypeRef::Named("JSON"), None),
        arg("range", TypeRef::Named("Span"), None),
        arg("ranges", TypeRef::List(&TypeRef::NonNull(&TypeRef::Named("Span"))), None),
        ArgDef { deprecated: Some("no more"), ..arg("old", STRING_NULL, None) },
    ],
    STRING,
);
const WITH_STEP: OperationDef = def(
    "Thing",
    "withStep",
    &[
        arg("path", STRING, None),
        arg("contents", STRING_NULL, None),
        arg("permissions", INT_NULL, Some("420")),
    ],
    THING,
);
const WITH_THING: OperationDef =
    def("Thing", "withThing", &[ArgDef { expected_type: Some("Thing"), ..arg("other", ID, None) }], THING);
const WITH_THINGS: OperationDef = def(
    "Thing",
    "withThings",
    &[ArgDef { expected_type: Some("Thing"), ..arg("others", TypeRef::NonNull(&TypeRef::List(&ID)), None) }],
    THING,
);
const STEPS: OperationDef = def("Thing", "steps", &[], TypeRef::NonNull(&TypeRef::List(&STRING)));
const COUNT: OperationDef = def("Thing", "count", &[], INT);
const ITEMS: OperationDef = def(
    "Thing",
    "items",
    &[arg("n", INT, None)],
    TypeRef::NonNull(&TypeRef::List(&TypeRef::NonNull(&TypeRef::Named("Item")))),
);
const COUNTED: OperationDef = def(
    "Thing",
    "counted",
    &[arg("n", INT, None)],
    TypeRef::NonNull(&TypeRef::List(&TypeRef::NonNull(&TypeRef::Named("Item")))),
);
const GRID: OperationDef = def(
    "Thing",
    "grid",
    &[],
    TypeRef::NonNull(&TypeRef::List(&TypeRef::NonNull(&TypeRef::List(&TypeRef::Named("Item"))))),
);
const PARTS: OperationDef =
    def("Item", "parts", &[], TypeRef::NonNull(&TypeRef::List(&TypeRef::NonNull(&TypeRef::Named("Item")))));
const SYNC: OperationDef = OperationDef { expected_type: Some("Thing"), ..def("Thing", "sync", &[], ID) };
const PANIC: OperationDef = def("Query", "panic", &[], STRING);
const SECRET: OperationDef =
    def("Query", "secret", &[ArgDef { sensitive: true, ..arg("plaintext", STRING, None) }], INT);
const INDEX: OperationDef = def("Item", "index", &[], INT);
const NEXT: OperationDef = def("Item", "next", &[], TypeRef::Named("Item"));
const ITEM_SYNC: OperationDef = OperationDef { expected_type: Some("Item"), ..def("Item", "sync", &[], ID) };

fn operations() -> Vec<(&'static OperationDef, Run)> {
    vec![
        (&VERSION, |_, _, _| done(Value::String("v1".into()))),
        (&NEW, |_, _, _| done(thing())),
        (&EAGER, |_, _, _| Box::pin(std::future::ready(Err(OpError::new("evaluated when selected"))))),
        (&BROKEN, |_, _, _| Box::pin(std::future::ready(Err(OpError::new("is broken"))))),
        (&MAYBE, |_, args, _| {
            let there = matches!(args.first(), Some((_, ArgValue::Bool(true))));
            done(if there { thing() } else { Value::Null })
        }),
        (&NOTHING, |_, _, _| done(Value::Null)),
        (&MISSING, |_, _, _| done(Value::Null)),
        (&FAIL, |_, _, _| Box::pin(std::future::ready(Err(OpError::new("it failed"))))),
        (&EXEC, |_, _, _| {
            let error = ExecError {
                cmd: vec!["false".to_owned()],
                exit_code: 7,
                stdout: "out".to_owned(),
                stderr: "err".to_owned(),
                step: 3,
                recipe: kukri_model::Digest::of(b"a command"),
                note: None,
            };
            Box::pin(std::future::ready(Err(OpError::Exec(Arc::new(error)))))
        }),
        (&SLOW, |_, args, _| {
            Box::pin(async move {
                let ms = int(&args, "ms", 0);
                tokio::time::sleep(Duration::from_millis(ms.unsigned_abs())).await;
                Ok(Value::Int(ms))
            })
        }),
        (&ECHO, |_, args, _| {
            let shown: Vec<String> =
                args.iter().map(|(name, value)| format!("{name}={}", show(value))).collect();
            done(Value::String(shown.join(" ").into()))
        }),
        (&WITH_STEP, |on, args, _| step(&on, &text(&args, "path"))),
        (&WITH_THING, |on, args, _| {
            step(&on, &args.iter().map(|(_, value)| show(value)).collect::<String>())
        }),
        (&WITH_THINGS, |on, args, _| {
            step(&on, &args.iter().map(|(_, value)| show(value)).collect::<String>())
        }),
        (&STEPS, |on, _, _| {
            let steps = on.downcast::<Thing>().map(|thing| thing.0.clone()).unwrap_or_default();
            done(Value::List(steps.into_iter().map(|step| Value::String(step.into())).collect()))
        }),
        (&COUNT, |on, _, _| {
            done(Value::Int(on.downcast::<Thing>().map_or(-1, |thing| thing.0.len() as i64)))
        }),
        (&ITEMS, |_, args, _| {
            let items = 0..usize::try_from(int(&args, "n", 0)).unwrap_or(0);
            done(Value::List(items.map(|n| Value::Object(ObjectValue::new(Arc::new(Item(n))))).collect()))
        }),
        (&COUNTED, |_, args, _| {
            COUNTED_RUNS.fetch_add(1, Ordering::Relaxed);
            done(Value::List((0..usize::try_from(int(&args, "n", 0)).unwrap_or(0)).map(item).collect()))
        }),
        (&GRID, |_, _, _| {
            let row = |items: [Value; 2]| Value::List(items.into());
            done(Value::List([row([item(0), item(1)]), row([Value::Null, item(3)])].into()))
        }),
        (&PARTS, |on, _, _| {
            let index = on.downcast::<Item>().map_or(0, |item| item.0);
            done(Value::List((0..index).map(item).collect()))
        }),
        (&SYNC, |_, _, cx| {
            let receiver = cx.call.receiver.clone();
            Box::pin(std::future::ready(receiver.map(Value::Id).ok_or(OpError::Cancelled)))
        }),
        (&PANIC, |_, _, _| Box::pin(async { panic!("an operation with a defect") })),
        (&SECRET, |_, args, _| done(Value::Int(text(&args, "plaintext").len() as i64))),
        (&INDEX, |on, _, _| done(Value::Int(on.downcast::<Item>().map_or(-1, |item| item.0 as i64)))),
        (&NEXT, |on, _, _| {
            let next = on.downcast::<Item>().map_or(0, |item| item.0) + 1;
            done(if next < 3 { Value::Object(ObjectValue::new(Arc::new(Item(next)))) } else { Value::Null })
        }),
        (&ITEM_SYNC, |_, _, cx| {
            let receiver = cx.call.receiver.clone();
            Box::pin(std::future::ready(receiver.map(Value::Id).ok_or(OpError::Cancelled)))
        }),
    ]
}

const fn value(name: &'static str, alias_of: Option<&'static str>) -> EnumValueDef {
    EnumValueDef { name, doc: "", alias_of, deprecated: None, experimental: None, unavailable: None }
}

const COLOR: EnumDef = EnumDef {
    name: "Color",
    doc: "A color.",
    values: &[
        value("Red", None),
        value("Blue", None),
        value("RED", Some("Red")),
        value("BLUE", Some("Blue")),
    ],
};
const SPAN: InputDef = InputDef {
    name: "Span",
    doc: "From and to.",
    fields: &[
        arg("from", INT, None),
        arg("to", INT_NULL, Some("9")),
        arg("color", TypeRef::Named("Color"), None),
        arg("inner", TypeRef::Named("Span"), None),
    ],
};
const INTERFACES: &[InterfaceDef] = &[
    InterfaceDef { name: "Node", doc: "Any object.", fields: &[def("Node", "id", &[], ID)] },
    InterfaceDef {
        name: "Syncer",
        doc: "Can be evaluated.",
        fields: &[
            def("Syncer", "id", &[], ID),
            OperationDef { expected_type: Some("Syncer"), ..def("Syncer", "sync", &[], ID) },
        ],
    },
];
const OBJECTS: &[ObjectDef] = &[
    ObjectDef { name: "Query", doc: "The root.", interfaces: &[] },
    ObjectDef { name: "Thing", doc: "A thing.", interfaces: &["Syncer"] },
    ObjectDef { name: "Item", doc: "An item.", interfaces: &["Syncer"] },
];
const SCALARS: &[ScalarDef] = &[
    ScalarDef { name: "ID", doc: "Identifies." },
    ScalarDef { name: "JSON", doc: "JSON." },
    ScalarDef { name: "Platform", doc: "A platform." },
    ScalarDef { name: "Void", doc: "Nothing." },
];

/// The registry of these operations.
pub fn registry() -> Registry {
    let mut objects: BTreeMap<&'static str, ObjectEntry> = BTreeMap::new();
    for object in OBJECTS {
        objects.insert(object.name, ObjectEntry { def: object, fields: BTreeMap::new() });
    }
    for (def, run) in operations() {
        // Operations live as long as the program; here that is one test.
        let operation: &'static Operation =
            Box::leak(Box::new(Operation { def, run, pinned: |_, _, _| None }));
        objects.get_mut(def.on).unwrap().fields.insert(def.name, operation);
    }
    Registry {
        objects,
        enums: BTreeMap::from([("Color", &COLOR)]),
        scalars: SCALARS.iter().map(|def| (def.name, def)).collect(),
        inputs: BTreeMap::from([("Span", &SPAN)]),
        interfaces: INTERFACES.iter().map(|def| (def.name, def)).collect(),
    }
}

/// An API over these operations and a session to ask in.
pub struct World {
    pub api: Api,
    pub session: Arc<Session>,
}

/// The engine in which the operations run.
pub fn engine() -> Arc<Engine> {
    Engine::in_memory(registry())
}

impl World {
    pub fn new() -> Self {
        Self::with(&ApiConfig::default())
    }

    pub fn with(config: &ApiConfig) -> Self {
        let api = Api::new(engine(), config);
        Self { api, session: Arc::new(Session::new("test".to_owned())) }
    }

    pub async fn ask(&self, request: &Request) -> Response {
        self.api.execute(&self.session, View::DEFAULT, request).await
    }

    /// The answer to a document.
    pub async fn raw(&self, query: &str) -> Response {
        self.ask(&Request { query: query.to_owned(), ..Request::default() }).await
    }

    /// The answer as text.
    pub async fn text(&self, query: &str) -> String {
        String::from_utf8(self.raw(query).await.body.to_vec()).unwrap()
    }

    /// `data`, which must be there.
    pub async fn data(&self, query: &str) -> Json {
        let text = self.text(query).await;
        let mut answer: Json = serde_json::from_str(&text).unwrap();
        assert!(answer.get("errors").is_none(), "{query}: {text}");
        answer["data"].take()
    }

    /// The only error, which must be there.
    pub async fn error(&self, query: &str) -> Json {
        let text = self.text(query).await;
        let mut answer: Json = serde_json::from_str(&text).unwrap();
        assert!(answer["data"].is_null(), "{query}: {text}");
        assert_eq!(answer["errors"].as_array().map(Vec::len), Some(1), "{query}: {text}");
        answer["errors"][0].take()
    }
}
