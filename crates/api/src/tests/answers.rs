//! What is asked and what is answered.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value as Json, json};

use super::world::{COUNTED_RUNS, World};
use crate::Request;

#[tokio::test]
async fn documents() {
    let world = World::new();
    for (query, expected) in [
        ("{version}", r#"{"version":"v1"}"#),
        ("query Q { a: version b: version }", r#"{"a":"v1","b":"v1"}"#),
        ("{ version __typename }", r#"{"version":"v1","__typename":"Query"}"#),
        (
            "{ thing { withStep(path: \"a\") { withStep: withStep(path: \"b\") { steps count } } } }",
            r#"{"thing":{"withStep":{"withStep":{"steps":["a","b"],"count":2}}}}"#,
        ),
        ("{ thing { __typename count } }", r#"{"thing":{"__typename":"Thing","count":0}}"#),
        // Fields with the same key merge, in the order of their first appearance.
        (
            "{ thing { count } version thing { steps c: count } }",
            r#"{"thing":{"count":0,"steps":[],"c":0},"version":"v1"}"#,
        ),
        (
            "{ thing { ...F ... on Thing { count } ... { steps } ... on Node { __typename } } } fragment F on Thing { c: count }",
            r#"{"thing":{"c":0,"count":0,"steps":[],"__typename":"Thing"}}"#,
        ),
        ("{ thing { items(n: 2) { index } } }", r#"{"thing":{"items":[{"index":0},{"index":1}]}}"#),
        ("{ thing { items(n: 0) { index } } }", r#"{"thing":{"items":[]}}"#),
        (
            "{ thing { items(n: 1) { next { next { next { next { index } } } } } } }",
            r#"{"thing":{"items":[{"next":{"next":{"next":null}}}]}}"#,
        ),
        (
            "{ yes: maybe(there: true) { count } no: maybe(there: false) { count } }",
            r#"{"yes":{"count":0},"no":null}"#,
        ),
        ("{ nothing }", r#"{"nothing":null}"#),
        (
            "{ version @skip(if: true) thing @include(if: true) { count @include(if: false) steps } }",
            r#"{"thing":{"steps":[]}}"#,
        ),
        ("{ thing { count @skip(if: true) } }", r#"{"thing":{}}"#),
        // Nothing is evaluated without need.
        (
            "{ broken { __typename withStep(path: \"x\") { __typename } } }",
            r#"{"broken":{"__typename":"Thing","withStep":{"__typename":"Thing"}}}"#,
        ),
        (
            "{ __type(name: \"Color\") { kind enumValues { name } } }",
            r#"{"__type":{"kind":"ENUM","enumValues":[{"name":"Red"},{"name":"Blue"},{"name":"RED"},{"name":"BLUE"}]}}"#,
        ),
        (
            "{ __type(name: \"Nope\") { kind } __schemaVersion }",
            r#"{"__type":null,"__schemaVersion":"v0.21.8"}"#,
        ),
    ] {
        assert_eq!(world.text(query).await, format!("{{\"data\":{expected}}}"), "{query}");
    }
}

/// Lists of lists of objects, and lists in objects in lists; each element has an ID of its own.
#[tokio::test]
async fn lists_of_objects() {
    let world = World::new();
    let data = world.data("{thing{grid{index} items(n: 3){index parts{index parts{index}}}}}").await;
    assert_eq!(data["thing"]["grid"], json!([[{"index": 0}, {"index": 1}], [null, {"index": 3}]]));
    let items = &data["thing"]["items"];
    assert_eq!(items[0]["parts"], json!([]));
    assert_eq!(items[2]["parts"][1], json!({"index": 1, "parts": [{"index": 0}]}));
    let data = world.data("{thing{grid{id} items(n: 3){parts{parts{id}}}}}").await;
    for (id, index) in [
        (&data["thing"]["grid"][1][1]["id"], 3),
        (&data["thing"]["items"][2]["parts"][1]["parts"][0]["id"], 0),
    ] {
        let data = world.data(&format!("{{node(id: {id}){{... on Item{{index}}}}}}")).await;
        assert_eq!(data["node"]["index"], index);
    }
}

/// A session remembers fewer objects than such a list has elements.
#[tokio::test]
async fn long_lists_are_found_out_once() {
    let world = World::new();
    let data = world.data("{thing{counted(n: 40000){id index next{index}}}}").await;
    let items = data["thing"]["counted"].as_array().unwrap();
    assert_eq!((items.len(), &items[1]["next"]["index"]), (40_000, &json!(2)));
    for (at, item) in items.iter().enumerate().step_by(9_999) {
        let data = world.data(&format!("{{node(id: {}){{... on Item{{index}}}}}}", item["id"])).await;
        assert_eq!(data["node"]["index"], at);
    }
    assert_eq!(COUNTED_RUNS.load(Ordering::Relaxed), 1);
}

/// What an operation gets for what a client writes. Defaults are left out.
#[tokio::test]
async fn arguments() {
    let world = World::new();
    for (args, expected) in [
        ("int: 5", "int=5"),
        ("int: 420", ""),
        ("int: null, bool: null, color: null, list: null", ""),
        ("int: \"0x1F\"", "int=31"),
        ("int: \"0o644\"", ""),
        ("int: 9223372036854775807", "int=9223372036854775807"),
        ("float: 1", "float=1.0"),
        ("float: \"1.5\"", "float=1.5"),
        ("bool: true", "bool=true"),
        ("bool: \"1\"", "bool=true"),
        ("bool: \"false\"", ""),
        ("string: \"\"", ""),
        ("string: \"a\\n\\u00e9\\uD83D\\uDE00😀\"", "string=\"a\\né😀😀\""),
        ("string: \"\"\"\n   block\n     string\n \"\"\"", "string=\"block\\n  string\""),
        ("platform: \"linux/x86_64\"", "platform=\"linux/amd64\""),
        ("platform: \"arm64\"", "platform=\"linux/arm64\""),
        ("color: Blue", "color=Blue"),
        ("color: BLUE", "color=Blue"),
        ("color: \"BLUE\"", "color=Blue"),
        ("color: RED", ""),
        ("list: \"one\"", "list=[\"one\"]"),
        ("list: [\"a\", \"b\"]", "list=[\"a\" \"b\"]"),
        ("list: []", ""),
        ("matrix: 1", "matrix=[[1]]"),
        ("matrix: [[1, 2], 3, null]", "matrix=[[1 2] [3] null]"),
        ("json: \"{\\\"a\\\": 1}\"", "json=\"{\\\"a\\\": 1}\""),
        ("range: {from: 1}", "range={from:1 to:9}"),
        ("range: {to: 9, color: \"RED\", from: \"2\"}", "range={from:2 to:9 color:Red}"),
        ("range: {from: 1, inner: {from: 2, to: 3}}", "range={from:1 to:9 inner:{from:2 to:3}}"),
        ("ranges: {from: 1}", "ranges=[{from:1 to:9}]"),
        // In the order of the definition, whatever the order in the document.
        ("string: \"s\", int: 1", "int=1 string=\"s\""),
    ] {
        let data = world.data(&format!("{{ echo({args}) }}")).await;
        assert_eq!(data["echo"], expected, "{args}");
    }
    for (args, expected) in [
        ("int: \"x\"", "expected Int, got \"x\""),
        ("int: 9223372036854775808", "expected Int"),
        ("int: {a: 1}", "expected Int, got {a: 1}"),
        ("bool: 1", "expected Boolean, got 1"),
        ("string: 5", "expected String, got 5"),
        ("string: word", "expected String, got word"),
        ("platform: \"plan10\"", "not a platform: \"plan10\""),
        ("color: Rad", "\"Rad\" is not a member of Color. Did you mean \"RED\" or \"Red\"?"),
        ("list: [null]", "expected String!, got null"),
        ("list: [[\"a\"]]", "expected String, got [\"a\"]"),
        ("range: {}", "Span.from of type \"Int!\" is required"),
        ("range: {from: 1, til: 2}", "Span has no field \"til\". Did you mean \"to\"?"),
        ("range: 5", "expected Span, got 5"),
    ] {
        let error = world.error(&format!("{{ e: echo({args}) }}")).await;
        let message = error["message"].as_str().unwrap();
        assert!(message.contains(expected), "{args}: {message}");
        assert_eq!(error["path"], json!(["e"]), "{args}");
        assert!(error.get("extensions").is_none(), "{args}");
    }
}

#[tokio::test]
async fn variables() {
    let world = World::new();
    let document = "query Q($i: Int = 7, $s: String, $l: [String!], $r: Span, $c: Color, $y: Boolean!) {
        echo(int: $i, string: $s, list: $l, range: $r, color: $c) version @include(if: $y) }";
    let ask = |variables: Json| {
        let request = Request {
            query: document.to_owned(),
            operation: Some("Q".to_owned()),
            variables: variables.as_object().unwrap().clone(),
        };
        let world = &world;
        async move { serde_json::from_slice::<Json>(&world.ask(&request).await.body).unwrap() }
    };
    for (variables, expected) in [
        (json!({"y": true}), json!({"echo": "int=7", "version": "v1"})),
        (json!({"y": false, "i": null}), json!({"echo": "int=7"})),
        (json!({"y": "false", "i": 3.0, "s": "t"}), json!({"echo": "int=3 string=\"t\""})),
        (
            json!({"y": false, "i": "0x10", "l": "one", "c": "BLUE", "more": 1}),
            json!({"echo": "int=16 color=Blue list=[\"one\"]"}),
        ),
        (
            json!({"y": false, "r": {"from": 1, "color": "RED"}}),
            json!({"echo": "int=7 range={from:1 to:9 color:Red}"}),
        ),
    ] {
        assert_eq!(ask(variables.clone()).await["data"], expected, "{variables}");
    }
    for (variables, expected) in [
        (json!({}), "Variable \"$y\" of required type \"Boolean!\" was not provided."),
        (json!({"y": null}), "Variable \"$y\" of required type \"Boolean!\" must not be null."),
        (json!({"y": false, "i": [1]}), "expected Int, got a list"),
        (json!({"y": false, "r": {"from": 1, "x": 1}}), "Span has no field \"x\""),
    ] {
        let answer = ask(variables.clone()).await;
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains(expected), "{variables}: {message}");
    }
}

#[tokio::test]
async fn failures() {
    let world = World::new();
    assert_eq!(world.error("{ version fail }").await, json!({"message": "it failed", "path": ["fail"]}));
    assert_eq!(
        world.error("{ x: exec }").await,
        json!({"message": "exit code: 7", "path": ["x"], "extensions": {
            "_type": "EXEC_ERROR", "cmd": ["false"], "exitCode": 7, "stdout": "out", "stderr": "err", "step": 3, "call": ""}})
    );
    // The leaf's path, aliases, and indexes as numbers.
    let error = world.error("{ b: broken { s: withStep(path: \"x\") { c: count } } }").await;
    assert_eq!(error, json!({"message": "is broken", "path": ["b", "s", "c"]}));
    let id = world.data("{ broken { id } }").await["broken"]["id"].as_str().unwrap().to_owned();
    let error = world
        .error(&format!("{{ node(id: \"{id}\") {{ ... on Thing {{ items(n: 1) {{ index }} }} }} }}"))
        .await;
    assert_eq!(error["path"], json!(["node", "items"]));
    assert_eq!(world.error("{ eager { id } }").await["message"], "evaluated when selected");
    assert_eq!(
        world.error("{ missing }").await["message"],
        "Query.missing gave nothing, but must give something"
    );
    assert_eq!(
        world.error("{ t: thing }").await,
        json!({"message": "field \"thing\" of type \"Thing!\" must have a selection of subfields", "path": ["t"]})
    );
}

#[tokio::test]
async fn a_panic_is_an_error() {
    let world = World::new();
    assert!(world.error("{ panic }").await["message"].as_str().unwrap().contains("defect of the engine"));
    assert_eq!(world.data("{ version }").await["version"], "v1");
}

#[tokio::test]
async fn secrets_are_not_shown() {
    let world = World::new();
    assert_eq!(world.data("{ secret(plaintext: \"hidden\") }").await["secret"], 6);
    let error = world.error("{ secret(plaintext: 31337) }").await.to_string();
    assert!(
        error.contains("argument \\\"plaintext\\\": expected String!") && !error.contains("31337"),
        "{error}"
    );
}

#[tokio::test]
async fn siblings_run_together_and_the_first_error_ends_all() {
    let world = World::new();
    let start = Instant::now();
    let fields: String = (0..50).map(|n| format!("a{n}: slow(ms: 40) ")).collect();
    let data = world.data(&format!("{{ {fields} }}")).await;
    assert_eq!(data["a49"], 40);
    assert!(start.elapsed() < Duration::from_millis(800), "{:?}", start.elapsed());
    let start = Instant::now();
    assert_eq!(world.error("{ slow(ms: 30000) thing { count } fail }").await["message"], "it failed");
    assert!(start.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn ids() {
    let world = World::new();
    let id_of = |data: &Json, path: &str| data.pointer(path).unwrap().as_str().unwrap().to_owned();
    let data = world.data("{ thing { withStep(path: \"a\") { id sync } items(n: 2) { id } id } id }").await;
    let (step, thing) = (id_of(&data, "/thing/withStep/id"), id_of(&data, "/thing/id"));
    assert_eq!(step, id_of(&data, "/thing/withStep/sync"));
    assert!(
        step.starts_with("Thing.") && step.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
    );
    // Spelling defaults out does not change the identity.
    let same = world
        .data("{ thing(name: \"x\") { withStep(permissions: 420, path: \"a\", contents: null) { id } } }")
        .await;
    assert_eq!(id_of(&same, "/thing/withStep/id"), step);

    let ask = |query: String| {
        let world = &world;
        async move { world.data(&query).await }
    };
    assert_eq!(
        ask(format!("{{ node(id: \"{step}\") {{ ... on Thing {{ steps }} ... on Item {{ index }} id }} }}"))
            .await,
        json!({"node": {"steps": ["a"], "id": step}})
    );
    assert_eq!(
        ask(format!("{{ loadThingFromID(id: \"{step}\") {{ count }} }}")).await,
        json!({"loadThingFromID": {"count": 1}})
    );
    assert_eq!(
        ask(format!("{{ loadSyncerFromID(id: \"{step}\") {{ __typename sync }} }}")).await,
        json!({"loadSyncerFromID": {"__typename": "Thing", "sync": step}})
    );
    let item = id_of(&data, "/thing/items/1/id");
    assert_eq!(
        ask(format!("{{ node(id: \"{item}\") {{ ... on Item {{ index next {{ id index }} }} }} }}")).await["node"]
            ["index"],
        1
    );
    assert_eq!(
        ask(format!("{{ node(id: \"{item}\") {{ ... on Thing {{ count }} }} }}")).await,
        json!({"node": {}})
    );
    let root = id_of(&data, "/id");
    assert_eq!(
        ask(format!("{{ node(id: \"{root}\") {{ ... on Query {{ version }} }} }}")).await["node"]["version"],
        "v1"
    );
    // As arguments.
    assert_eq!(
        ask(format!("{{ thing {{ withThing(other: \"{step}\") {{ steps }} }} }}")).await["thing"]["withThing"]
            ["steps"],
        json!(["<Thing.withStep>"])
    );
    assert_eq!(
        ask(format!("{{ thing {{ withThings(others: [\"{step}\", \"{thing}\"]) {{ steps }} }} }}")).await["thing"]
            ["withThings"]["steps"],
        json!(["[<Thing.withStep> <Query.thing>]"])
    );

    for (query, expected) in [
        (
            format!("{{ loadThingFromID(id: \"{item}\") {{ count }} }}"),
            "load Thing: expected Thing, got Item",
        ),
        (
            format!("{{ thing {{ withThing(other: \"{item}\") {{ count }} }} }}"),
            "argument \"other\": expected Thing, got Item",
        ),
        (
            "{ thing { withThing(other: \"\") { count } } }".to_owned(),
            "argument \"other\" of type \"ID!\" is required",
        ),
        ("{ node(id: 12345) { id } }".to_owned(), "load Node: \"12345\" is not an ID of this engine"),
        ("{ node(id: \"EhIIKhIOCglDb250YWluZXIYAQ==\") { id } }".to_owned(), "is not an ID of this engine"),
        (format!("{{ node(id: \"{}\") {{ id }} }}", &step[..step.len() - 2]), "is damaged"),
        (format!("{{ node(id: \"{}\") {{ id }} }}", step.replace("Thing", "Item")), "is damaged"),
        (
            format!(
                "{{ node(id: \"{}\") {{ id }} }}",
                crate::ids::encode("Item", &crate::ids::decode(&step).unwrap().1)
            ),
            "does not belong to an object of the type Item",
        ),
        (
            format!(
                "{{ node(id: \"{}\") {{ id }} }}",
                crate::ids::encode("Thing", &kukri_model::Digest::of(b"?"))
            ),
            "is not known to this engine's store",
        ),
        ("{ node(id: \"\") { id } }".to_owned(), "the ID is empty"),
        ("{ node(id: [1]) { id } }".to_owned(), "expected ID, got [1]"),
    ] {
        let error = world.error(&query).await;
        assert!(error["message"].as_str().unwrap().contains(expected), "{query}: {error}");
    }
    let request = Request {
        query: "query($id: ThingID!) { loadThingFromID(id: $id) { count } }".to_owned(),
        variables: json!({"id": step}).as_object().unwrap().clone(),
        ..Request::default()
    };
    assert_eq!(&world.ask(&request).await.body[..], br#"{"data":{"loadThingFromID":{"count":1}}}"#);
}
