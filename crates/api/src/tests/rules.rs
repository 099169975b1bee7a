//! The rules that a document is checked by, before anything runs.

use serde_json::{Value as Json, json};

use super::world::World;
use crate::{Request, Stage};

#[tokio::test]
async fn invalid_documents() {
    let world = World::new();
    for (query, expected) in [
        ("{ versoin }", "Cannot query field \"versoin\" on type \"Query\". Did you mean \"version\"?"),
        ("{ thing { nope } }", "Cannot query field \"nope\" on type \"Thing\"."),
        (
            "{ node(id: \"x\") { index } }",
            "Cannot query field \"index\" on type \"Node\". Did you mean to use an inline fragment on \"Item\"?",
        ),
        (
            "{ thing(nam: 1) { count } }",
            "Unknown argument \"nam\" on field \"Query.thing\". Did you mean \"name\"?",
        ),
        ("{ thing(name: \"a\", name: \"b\") { count } }", "There can be only one argument named \"name\"."),
        (
            "{ thing { withStep { count } } }",
            "Field \"withStep\" argument \"path\" of type \"String!\" is required, but it was not provided.",
        ),
        (
            "{ version { x } }",
            "Field \"version\" must not have a selection since type \"String!\" has no subfields.",
        ),
        (
            "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A }",
            "Cannot spread fragment \"A\" within itself.",
        ),
        ("{ ...A } fragment A on Query { ...A }", "Cannot spread fragment \"A\" within itself."),
        ("{ ...A }", "Unknown fragment \"A\"."),
        ("{ ... on Nope { x } }", "Unknown type \"Nope\"."),
        ("{ ... on String { x } }", "Fragment cannot condition on non composite type \"String\"."),
        (
            "{ thing { ... on Item { index } } }",
            "Fragment cannot be spread here as objects of type \"Thing\" can never be of type \"Item\".",
        ),
        ("{ echo(string: $s) }", "Variable \"$s\" is not defined."),
        ("query($s: String) { version }", "Variable \"$s\" is never used."),
        ("query($s: Nope) { echo(string: $s) }", "Unknown type \"Nope\"."),
        ("query($s: Thing) { echo(string: $s) }", "Variable \"$s\" cannot be non-input type \"Thing\"."),
        (
            "query($s: Int) { echo(string: $s) }",
            "Variable \"$s\" of type \"Int\" used in position expecting type \"String\".",
        ),
        (
            "query($s: String) { thing { withStep(path: $s) { count } } }",
            "Variable \"$s\" of type \"String\" used in position expecting type \"String!\".",
        ),
        ("query($s: [String]) { echo(string: $s) }", "Variable \"$s\" of type \"[String]\" used in position"),
        (
            "query($s: String, $s: String) { echo(string: $s) }",
            "There can be only one variable named \"$s\".",
        ),
        ("mutation { version }", "Schema is not configured for mutations."),
        ("subscription { version }", "Schema is not configured for subscriptions."),
        ("{ version } query Q { version }", "This anonymous operation must be the only defined operation."),
        ("query Q { version } query Q { version }", "There can be only one operation named \"Q\"."),
        ("query Q { version } query R { version }", "Must provide operation name"),
        ("fragment F on Query { version }", "Must provide an operation."),
        ("{ version @nope }", "Unknown directive \"@nope\"."),
        ("{ version @deprecated }", "Directive \"@deprecated\" may not be used on FIELD."),
        ("{ version @skip }", "Directive \"@skip\" argument \"if\" of type \"Boolean!\" is required"),
        (
            "{ a: version a: missing }",
            "Fields \"a\" conflict because \"version\" and \"missing\" are different fields.",
        ),
        ("{ a: slow(ms: 1) a: slow(ms: 2) }", "Fields \"a\" conflict because they have differing arguments."),
        (
            "{ version @include(if: true) @include(if: false) }",
            "The directive \"@include\" can only be used once at this location.",
        ),
        (
            "{ ... @skip(if: true) @include(if: true) @skip(if: true) { version } }",
            "The directive \"@skip\" can only be used once at this location.",
        ),
        ("{ version @skip(if: true, if: false) }", "There can be only one argument named \"if\"."),
        ("{ version @skip(unless: true) }", "Unknown argument \"unless\" on directive \"@skip\"."),
        ("query @skip(if: true) { version }", "Directive \"@skip\" may not be used on QUERY."),
        (
            "{ ...F } fragment F on Query @skip(if: true) { version }",
            "Directive \"@skip\" may not be used on FRAGMENT_DEFINITION.",
        ),
        (
            "query($s: String @skip(if: true)) { echo(string: $s) }",
            "Directive \"@skip\" may not be used on VARIABLE_DEFINITION.",
        ),
        ("query($s: String @nope) { echo(string: $s) }", "Unknown directive \"@nope\"."),
        (
            "query($c: Boolean) { version @skip(if: $c) }",
            "Variable \"$c\" of type \"Boolean\" used in position expecting type \"Boolean!\".",
        ),
        (
            "query($c: String!) { ... @include(if: $c) { version } }",
            "Variable \"$c\" of type \"String!\" used in position expecting type \"Boolean!\".",
        ),
        (
            "query($c: Boolean = null) { version @skip(if: $c) }",
            "Variable \"$c\" of type \"Boolean\" used in position expecting type \"Boolean!\".",
        ),
        ("{ version } fragment F on Query { version }", "Fragment \"F\" is never used."),
        (
            "{ version } fragment F on Query { ...G } fragment G on Query { version }",
            "Fragment \"F\" is never used.",
        ),
        (
            "{ ...F } fragment F on Query { version } fragment F on Query { version }",
            "There can be only one fragment named \"F\".",
        ),
        ("{ ...F } fragment F on Nope { version }", "Unknown type \"Nope\"."),
        ("{ ...F } fragment F on Color { version }", "Fragment \"F\" cannot condition on non composite type"),
        ("{ echo(range: {from: 1, from: 2}) }", "There can be only one input field named \"from\"."),
        (
            "{ echo(ranges: [{from: 1, inner: {from: 1, to: 2, to: 3}}]) }",
            "There can be only one input field named \"to\".",
        ),
        (
            "query($r: Span = {from: 1, from: 2}) { echo(range: $r) }",
            "There can be only one input field named \"from\".",
        ),
        (
            "query($a: Int, $i: Int = $a) { echo(int: $i) version @skip(if: $a) }",
            "The default of variable \"$i\" must not hold a variable.",
        ),
        ("query($s: String) { ...F } fragment F on Query { version }", "Variable \"$s\" is never used."),
        ("query Q { ...F } fragment F on Query { echo(string: $s) }", "Variable \"$s\" is not defined."),
        (
            "query Q($s: Int) { ...F } fragment F on Query { echo(string: $s) }",
            "Variable \"$s\" of type \"Int\" used in position expecting type \"String\".",
        ),
        (
            "query($s: String!) { echo(color: $s) }",
            "Variable \"$s\" of type \"String!\" used in position expecting type \"Color\".",
        ),
        (
            "query($s: String!) { echo(platform: $s) }",
            "Variable \"$s\" of type \"String!\" used in position expecting type \"Platform\".",
        ),
        (
            "query($s: String!) { node(id: $s) { id } }",
            "Variable \"$s\" of type \"String!\" used in position expecting type \"ID!\".",
        ),
        (
            "query($s: String!) { echo(list: $s) }",
            "Variable \"$s\" of type \"String!\" used in position expecting type \"[String!]\".",
        ),
        (
            "query($s: [String]) { echo(list: $s) }",
            "Variable \"$s\" of type \"[String]\" used in position expecting type \"[String!]\".",
        ),
        (
            "query($s: String) { echo(list: [$s]) }",
            "Variable \"$s\" of type \"String\" used in position expecting type \"String!\".",
        ),
        (
            "query($i: Int) { echo(range: {from: $i}) }",
            "Variable \"$i\" of type \"Int\" used in position expecting type \"Int!\".",
        ),
        (
            "query($i: Int) { echo(float: $i) }",
            "Variable \"$i\" of type \"Int\" used in position expecting type \"Float\".",
        ),
        ("{ __typename(a: 1) }", "Field \"__typename\" takes neither arguments nor a selection."),
        // Fields that are never reached together with others are checked as well.
        (
            "{ thing { items(n: 0) { a: index } items(n: 0) { a: id } } }",
            "Fields \"a\" conflict because \"index\" and \"id\" are different fields.",
        ),
        (
            "{ thing { ...F withStep(path: \"a\") { steps } } } fragment F on Thing { withStep(path: \"b\") { id } }",
            "Fields \"withStep\" conflict because they have differing arguments.",
        ),
        (
            "{ node(id: \"x\") { ... on Node { x: id } ... on Thing { x: count } } }",
            "Fields \"x\" conflict because \"count\" and \"id\" are different fields.",
        ),
        (
            "{ node(id: \"x\") { ... on Item { x: index } ... on Thing { x: steps } } }",
            "Fields \"x\" conflict because they return conflicting types \"[String!]!\" and \"Int!\".",
        ),
        (
            "{ node(id: \"x\") { ... on Item { x: next { y: index } } ... on Thing { x: items(n: 1) { y: index } } } }",
            "Fields \"x\" conflict because they return conflicting types",
        ),
        (
            "{ node(id: \"x\") { ... on Item { x: parts { y: index } } ... on Thing { x: items(n: 1) { y: id } } } }",
            "Fields \"y\" conflict because they return conflicting types",
        ),
        (
            "{ node(id: \"x\") { ... on Thing { x: withStep(path: \"a\") { s: steps } } ... on Item { x: next { s: id } } } }",
            "Fields \"x\" conflict because they return conflicting types \"Item\" and \"Thing!\".",
        ),
        (
            "{ node(id: \"x\") { ... on Item { x: __typename } ... on Thing { x: count } } }",
            "Fields \"x\" conflict because they return conflicting types \"Int!\" and \"String!\".",
        ),
    ] {
        let response = world.raw(query).await;
        let answer: Json = serde_json::from_slice(&response.body).unwrap();
        let error = &answer["errors"][0];
        assert!(error["message"].as_str().unwrap().starts_with(expected), "{query}: {error}");
        assert_eq!(response.failed, Some(Stage::Validate), "{query}");
        assert_eq!(error["extensions"], json!({"code": "GRAPHQL_VALIDATION_FAILED"}), "{query}");
    }
    let error = world.error("{ version\n  versoin }").await;
    assert_eq!(error["locations"], json!([{"line": 2, "column": 3}]));
    let response = world.raw("{ version").await;
    assert_eq!(response.failed, Some(Stage::Parse));
    assert!(String::from_utf8_lossy(&response.body).contains("GRAPHQL_PARSE_FAILED"));
}

/// What the rules above must let through.
#[tokio::test]
async fn valid_documents() {
    let world = World::new();
    let id = world.data("{ thing { id } }").await["thing"]["id"].as_str().unwrap().to_owned();
    let node = |inner: &str| format!("{{ node(id: \"{id}\") {{ {inner} }} }}");
    for (query, variables, expected) in [
        ("{ version @skip(if: false) @include(if: true) }".to_owned(), json!({}), json!({"version": "v1"})),
        (
            "query($c: Boolean = true, $d: Boolean!) { version @include(if: $c) echo @skip(if: $d) }".to_owned(),
            json!({"d": true}),
            json!({"version": "v1"}),
        ),
        // A default of the place or of the variable stands in for null.
        (
            "query($i: Int = 1) { echo(range: {from: $i}) }".to_owned(),
            json!({}),
            json!({"echo": "range={from:1 to:9}"}),
        ),
        (
            "query($s: String!, $l: [String!]!, $m: [Int!]) { echo(string: $s, list: $l, matrix: [$m, [1]]) }".to_owned(),
            json!({"s": "s", "l": ["l"], "m": 2}),
            json!({"echo": "string=\"s\" list=[\"l\"] matrix=[[2] [1]]"}),
        ),
        // Both kinds of IDs, whichever the place has.
        ("query($i: ThingID!) { node(id: $i) { __typename } }".to_owned(), json!({"i": id}), json!({"node": {"__typename": "Thing"}})),
        (
            "query($i: ID!) { loadThingFromID(id: $i) { count } }".to_owned(),
            json!({"i": id}),
            json!({"loadThingFromID": {"count": 0}}),
        ),
        (
            "query Q { ...F } query R { version } fragment F on Query { ...G } fragment G on Query { v: version }".to_owned(),
            json!({}),
            json!({"v": "v1"}),
        ),
        // The same key on different objects, of which there is one.
        (
            node("... on Thing { n: count withStep(path: \"a\") { count } } ... on Item { n: index } ... on Node { __typename }"),
            json!({}),
            json!({"node": {"n": 0, "withStep": {"count": 1}, "__typename": "Thing"}}),
        ),
        (
            node("... on Thing { x: items(n: 1) { parts { index } } } ... on Item { x: parts { parts { index } } }"),
            json!({}),
            json!({"node": {"x": [{"parts": []}]}}),
        ),
        ("{ a: echo(list: [\"x\"], int: 1) a: echo(int: 1, list: [\"x\"]) }".to_owned(), json!({}), json!({"a": "int=1 list=[\"x\"]"})),
    ] {
        let request = Request {
            query: query.clone(),
            operation: query.starts_with("query Q").then(|| "Q".to_owned()),
            variables: variables.as_object().unwrap().clone(),
        };
        let answer: Json = serde_json::from_slice(&world.ask(&request).await.body).unwrap();
        assert_eq!(answer["data"], expected, "{query}: {answer}");
    }
}
