//! Documents that are deep, wide, or made to hurt; and how fast ordinary ones are.

use std::sync::Arc;
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::world::World;
use crate::document::{self};
use crate::{ApiConfig, Request, Stage};

fn chain(steps: usize, end: &str) -> String {
    let mut text = String::from("{thing{");
    for step in 0..steps {
        text.push_str(&format!(
            "withStep:withStep(path:\"file-{step}\",contents:\"contents {step}\",permissions:384){{"
        ));
    }
    text.push_str(end);
    text.push_str(&"}".repeat(steps + 2));
    text
}

/// On a stack too small for any recursion along the document.
#[test]
fn chains_of_five_thousand_steps() {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let answer = world.text(&chain(5_000, "count")).await;
            assert!(answer.contains("\"count\":5000"));
            assert_eq!(answer.matches('{').count(), 5_003);
            assert!(world.text(&chain(5_000, "id")).await.contains("\"id\":\"Thing."));
            let error = world.text(&chain(5_000, "nope")).await;
            assert!(error.contains("Cannot query field"), "{error}");
            let error = world.text(&chain(5_000, "withThing(other: 1) { id }")).await;
            assert_eq!(error.matches("\"withStep\"").count(), 5_000);
            drop(world);
        });
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

/// Objects as arguments, each made with the one before: as deep as chains, on as small a stack.
#[test]
fn arguments_five_thousand_deep() {
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new();
            let id = async |query: String| {
                let data = world.data(&query).await;
                let thing = &data["thing"];
                thing["id"].as_str().or(thing["withThing"]["id"].as_str()).unwrap().to_owned()
            };
            let mut inner = id("{thing{id}}".to_owned()).await;
            for _ in 0..5_000 {
                inner = id(format!("{{thing{{withThing(other:\"{inner}\"){{id}}}}}}")).await;
            }
            let data = world.data(&format!("{{thing{{withThing(other:\"{inner}\"){{steps}}}}}}")).await;
            assert_eq!(data["thing"]["withThing"]["steps"], serde_json::json!(["<Thing.withThing>"]));
        });
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(run).unwrap().join().unwrap();
}

#[tokio::test]
async fn fragments_cannot_multiply_without_end() {
    let world = World::new();
    let doubling = |deep: usize, body: &dyn Fn(usize) -> String| {
        let fragments: String =
            (0..deep).map(|n| format!(" fragment F{n} on Thing{{{}}}", body(n + 1))).collect();
        format!("{{thing{{...F0}}}}{fragments} fragment F{deep} on Thing{{count}}")
    };
    // Each fragment spreads the next one twice under different keys: 2^40 fields.
    let twice = |n| format!("a:withStep(path:\"a\"){{...F{n}}} b:withStep(path:\"b\"){{...F{n}}}");
    // The same where nothing is selected in the end, or what was found is merged again.
    let skipped =
        |n| format!("a:withStep(path:\"a\")@skip(if:true){{...F{n}}} b:withStep(path:\"b\"){{...F{n}}}");
    let merged = |n| format!("{0} ...{{{0}}} ...on Node{{...on Thing{{{0}}}}}", twice(n));
    let bodies: [&dyn Fn(usize) -> String; 3] = [&twice, &skipped, &merged];
    for body in bodies {
        let start = Instant::now();
        let error = world.error(&doubling(40, body)).await;
        assert!(error["message"].as_str().unwrap().contains("selects more than 100000 fields"), "{error}");
        assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
        // A fraction of a second, also in a debug build; without the bound, hours.
        assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    }
    let answer = world.text(&doubling(8, &twice)).await;
    assert_eq!(answer.matches("\"count\":8").count(), 256);
    // Merged instead of multiplied: the same fragment many times is one field.
    let spreads = "...F ".repeat(20_000);
    let answer = world.text(&format!("{{{spreads}}} fragment F on Query {{version}}")).await;
    assert_eq!(answer, "{\"data\":{\"version\":\"v1\"}}");
}

/// Errors name what was asked for, which may be longer than anybody wants back.
#[tokio::test]
async fn errors_are_short_however_long_the_request_is() {
    let world = World::new();
    let long = "é".repeat(1_000_000);
    let name = "a".repeat(3_000_000);
    for query in [
        format!("{{{name}}}"),
        format!("{{...{name}}}"),
        format!("{{thing(name:{name}){{id}}}}"),
        format!("{{echo(nope:\"{long}\")}}"),
        format!("{{thing(id:\"{long}\"){{{name}}}}}"),
    ] {
        let error = world.error(&query).await;
        let message = error["message"].as_str().unwrap();
        assert!(message.len() < 70_000, "{} bytes: {}", message.len(), &message[..100]);
    }
    let message = world.error(&format!("{{{name}}}")).await["message"].as_str().unwrap().to_owned();
    assert!(message.starts_with("Cannot query field \"aaa") && message.ends_with("\"Query\"."), "{message}");
}

#[tokio::test]
async fn wide_documents() {
    let world = World::new();
    let start = Instant::now();
    let fields: String = (0..50_000).map(|n| format!("a{n}:__typename ")).collect();
    assert!(world.text(&format!("{{{fields}}}")).await.ends_with("\"a49999\":\"Query\"}}"));
    let same = "version ".repeat(50_000);
    assert_eq!(world.text(&format!("{{{same}}}")).await, "{\"data\":{\"version\":\"v1\"}}");
    let inline = format!("{}{}{}", "{... on Query".repeat(20_000), "{version}", "}".repeat(20_000));
    assert_eq!(world.text(&inline).await, "{\"data\":{\"version\":\"v1\"}}");
    let nested = format!("{{echo(list:{}{})}}", "[".repeat(50_000), "]".repeat(50_000));
    assert!(world.text(&nested).await.contains("expected String"));
    let input = format!("{{echo(range:{}{{from:1}}{})}}", "{from:1,inner:".repeat(5_000), "}".repeat(5_000));
    assert!(world.text(&input).await.contains("nested deeper than 64"));
    let args: String = (0..20_000).map(|n| format!("a{n}:1 ")).collect();
    assert!(world.text(&format!("{{thing({args}){{id}}}}")).await.contains("Unknown argument"));
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
}

#[tokio::test]
async fn long_lists_of_objects() {
    let world = World::new();
    let start = Instant::now();
    let data = world.data("{thing{items(n:5000){id index next{index}}}}").await;
    assert_eq!(data["thing"]["items"][4999]["index"], 4999);
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_dropped_request_stops() {
    let world = World::new();
    let request = Request { query: "{ slow(ms: 60000) }".to_owned(), ..Request::default() };
    assert!(tokio::time::timeout(Duration::from_millis(20), world.ask(&request)).await.is_err());
}

/// Loose bounds for debug builds; the real ones are checked in release builds.
#[tokio::test]
async fn fast_enough() {
    let world = World::with(&ApiConfig::default());
    let scale = if cfg!(debug_assertions) { 40 } else { 1 };
    let text = chain(1_000, "id");
    let mut best = Duration::MAX;
    for n in 0..5 {
        // A different text each time: the cache must not help.
        let request = Request { query: format!("{text} #{n}"), ..Request::default() };
        let start = Instant::now();
        assert!(world.ask(&request).await.failed.is_none());
        best = best.min(start.elapsed());
    }
    assert!(best < Duration::from_millis(15) * scale, "1,000 steps: {best:?}");
    let request = Request { query: chain(10, "count"), ..Request::default() };
    let mut best = Duration::MAX;
    for _ in 0..50 {
        let start = Instant::now();
        assert!(world.ask(&request).await.failed.is_none());
        best = best.min(start.elapsed());
    }
    assert!(best < Duration::from_micros(100) * scale, "10 steps: {best:?}");
}

/// Words from which documents are made at random; most are wrong, some are right.
const WORDS: &[&str] = &[
    "{",
    "}",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "!",
    "=",
    "@",
    "$",
    "...",
    "query",
    "fragment",
    "on",
    "mutation",
    "thing",
    "withStep",
    "count",
    "items",
    "index",
    "echo",
    "path",
    "n",
    "int",
    "range",
    "from",
    "list",
    "id",
    "node",
    "Thing",
    "Item",
    "Node",
    "Query",
    "a",
    "b",
    "F",
    "x",
    "\"s\"",
    "\"\"\"b\"\"\"",
    "1",
    "-1.5e3",
    "null",
    "true",
    "Red",
    "@skip(if:true)",
    "@include(if:$x)",
    "(path:\"p\")",
    "(n:2)",
    "{thing{",
    "{count}",
    "{id}",
    "$x:Int",
    "__typename",
    "__schema",
    "{types{name}}",
    "\\",
    "\"",
    "é",
    "#c\n",
    ",",
    "0",
    "&",
    "|",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn words_never_panic(words in prop::collection::vec(prop::sample::select(WORDS), 0..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let text = words.join(" ");
        let world = World::new();
        let response = runtime.block_on(world.raw(&text));
        let answer: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        prop_assert_eq!(response.failed.is_some(), answer.get("errors").is_some());
    }

    #[test]
    fn characters_never_panic(text in "\\PC{0,80}|[\"\\\\u{}\\[\\]a-f0-9. -]{0,60}") {
        let _ = document::parse(&text);
        let _ = document::parse(&format!("{{a(b:{text})}}"));
        let _ = document::parse(&format!("{{a(b:\"{text}\")}}"));
        let _ = document::parse(&format!("{{a(b:\"\"\"{text}\"\"\")}}"));
    }

    /// What is asked comes back: keys in order, and nothing else.
    #[test]
    fn keys_come_back_in_order(names in prop::collection::vec("[a-z]{1,3}", 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let fields: Vec<String> = names.iter().map(|name| format!("{name}:version")).collect();
        let world = World::new();
        let text = runtime.block_on(world.text(&format!("{{{}}}", fields.join(" "))));
        let mut unique: Vec<&String> = Vec::new();
        for name in &names {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        let expected: Vec<String> = unique.iter().map(|name| format!("\"{name}\":\"v1\"")).collect();
        prop_assert_eq!(text, format!("{{\"data\":{{{}}}}}", expected.join(",")));
    }
}

#[tokio::test]
async fn many_requests_at_once() {
    let world = Arc::new(World::new());
    let tasks: Vec<_> = (0..200)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { world.text(&format!("{{ slow(ms: 20) echo(int: {n}) }}")).await })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert!(task.await.unwrap().contains(&format!("int={n}")));
    }
    assert_eq!(world.raw("{").await.failed, Some(Stage::Parse));
}
