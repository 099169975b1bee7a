//! Introspection and SDL.

use kukri_engine::Registry;
use serde_json::Value as Json;

use super::world::{World, registry};
use crate::{Schema, View, sdl};

/// Asks for all that clients ask for when they connect.
pub const INTROSPECTION: &str = include_str!("introspection.graphql");

#[tokio::test]
async fn introspection() {
    let world = World::new();
    let data = world.data(INTROSPECTION).await;
    let types = data["__schema"]["types"].as_array().unwrap();
    let find = |name: &str| types.iter().find(|ty| ty["name"] == name).unwrap_or_else(|| panic!("{name}"));
    for name in [
        "String",
        "Int",
        "Float",
        "Boolean",
        "ID",
        "ThingID",
        "SyncerID",
        "Node",
        "Span",
        "FunctionCachePolicy",
    ] {
        find(name);
    }
    assert!(types.iter().all(|ty| !ty["name"].as_str().unwrap().starts_with('_')));
    assert!(!types.iter().any(|ty| ty["name"] == "QueryID" || ty["name"] == "NodeID"));
    let fields: Vec<&str> = find("Query")["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| field["name"].as_str().unwrap())
        .collect();
    assert!(fields.is_sorted() && fields.contains(&"loadThingFromID") && fields.contains(&"id"));
    assert!(!fields.iter().any(|name| name.starts_with('_')));
    assert_eq!(find("Thing")["interfaces"].as_array().unwrap().len(), 2);
    assert_eq!(find("Node")["interfaces"], serde_json::json!([]));
    assert_eq!(find("Node")["possibleTypes"].as_array().unwrap().len(), 3);
    assert_eq!(data["__schema"]["mutationType"], Json::Null);
    // The second answer is the kept one, and the same.
    assert_eq!(world.data(INTROSPECTION).await, data);
}

#[tokio::test]
async fn applied_directives() {
    let world = World::new();
    let data = world
        .data("{ __type(name: \"Thing\") { fields { name directives { name args { name value } } args { name directives { name args { name value } } } } } }")
        .await;
    let fields = data["__type"]["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    let expected =
        serde_json::json!([{"name": "expectedType", "args": [{"name": "name", "value": "\"Thing\""}]}]);
    assert_eq!(field("sync")["directives"], expected);
    assert_eq!(field("withThing")["args"][0]["directives"], expected);
}

#[test]
fn new_views_have_no_typed_ids() {
    let old = sdl::print(&Schema::build(&registry(), &View::of("v0.21.8")));
    let new = sdl::print(&Schema::build(&registry(), &View::of("v0.22.0")));
    assert!(old.contains("loadThingFromID") && old.contains("scalar ThingID"));
    assert!(!new.contains("FromID") && !new.contains("ThingID"));
}

/// The SDL is itself a document of the definition language; its form is fixed.
#[test]
fn sdl_text() {
    let text = sdl::print(&Schema::build(&registry(), &View::of("v1.0.0")));
    for part in [
        "directive @expectedType(name: String!) on ARGUMENT_DEFINITION | FIELD_DEFINITION\n",
        "enum Color {\n  Red\n  Blue\n  RED @enumValue(value: \"Red\")\n  BLUE @enumValue(value: \"Blue\")\n}\n",
        "type Thing implements Node & Syncer {\n",
        "  withThing(other: ID! @expectedType(name: \"Thing\")): Thing!\n",
        "  fail: String! @deprecated(reason: \"use \\\"exec\\\"\")\n",
        "  And says \\\"\"\"so\\\"\"\".\n",
        "input Span {\n  from: Int!\n  to: Int = 9\n",
    ] {
        assert!(text.contains(part), "{part}\n---\n{text}");
    }
    assert!(text.ends_with("scalar Void\n") && !text.contains("__"));
}

/// All that the engine offers can be shown.
#[test]
fn the_engines_own_registry_fits_together() {
    for view in ["v0.19.0", "v0.21.8", "v1.0.0"] {
        let schema = Schema::build(&Registry::core(), &View::of(view));
        assert_eq!(schema.problems(), &[] as &[String], "{view}");
    }
    assert_eq!(Schema::build(&registry(), &View::DEFAULT).problems(), &[] as &[String]);
}
