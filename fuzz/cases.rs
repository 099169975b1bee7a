//! What is done with an input, by the fuzz targets and by the test that replays the corpus.
#![allow(dead_code, reason = "each target uses its part of this")]

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use kukri_api::{Api, ApiConfig, Request, View, ids};
use kukri_engine::engine::{EngineOptions, NetworkMode};
use kukri_engine::{Engine, Session};
use serde_json::{Map, Value as Json};

use crate::answer;

/// Longest time for one input.
const PATIENCE: Duration = Duration::from_secs(10);

/// One argument of each kind of type.
const TAKES_ALL: &str = "query(
  $id: ID, $ids: [ID!], $text: String!, $texts: [String!], $number: Int, $truth: Boolean, $platform: Platform,
  $member: ExistsType, $sharing: CacheSharingMode
) {
  a: container(platform: $platform) { withRootfs(directory: $id) { id } }
  b: directory { withFiles(path: $text, sources: $ids) { exists(path: $text, expectedType: $member) } }
  c: directory { filter(include: $texts) { withNewFile(path: $text, contents: $text, permissions: $number) { id } } }
  d: container { withWorkdir(path: $text, expand: $truth) { workdir } }
  e: cacheVolume(key: $text, sharing: $sharing) { id }
}";

struct World {
    runtime: tokio::runtime::Runtime,
    api: Arc<Api>,
    // Removed with the process's last reference.
    _root: tempfile::TempDir,
}

fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let root = tempfile::tempdir().expect("a temporary folder");
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime");
        let options =
            EngineOptions { network: NetworkMode::None, ..EngineOptions::new(root.path().to_owned()) };
        let entered = runtime.enter();
        let engine = Engine::open(options).expect("an engine");
        drop(entered);
        let api = Arc::new(Api::new(engine, &ApiConfig::default()));
        World { runtime, api, _root: root }
    })
}

/// Executes a request in a session of its own; panics if the answer is not one.
fn ask(query: String, variables: Map<String, Json>) {
    let world = world();
    let request = Request { query, operation: None, variables };
    let session = Arc::new(Session::new("fuzz".to_owned()));
    let answer = world.runtime.block_on(async {
        tokio::time::timeout(PATIENCE, world.api.execute(&session, View::DEFAULT, &request)).await
    });
    let response = answer.unwrap_or_else(|_| panic!("no answer within {PATIENCE:?}"));
    if let Err(error) = answer::check(&response) {
        panic!("{error}");
    }
}

/// A document.
pub fn document(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        ask(text.to_owned(), Map::new());
    }
}

/// An ID.
pub fn id(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok((kind, digest)) = ids::decode(text) {
        assert_eq!(ids::encode(kind, &digest), text, "an ID that is read is written as it was");
    }
    let variables = Map::from_iter([("id".to_owned(), Json::from(text))]);
    for query in [
        "query($id: ID!) { node(id: $id) { id } }",
        "query($id: DirectoryID!) { loadDirectoryFromID(id: $id) { id entries } }",
        "query($id: ID!) { container { withRootfs(directory: $id) { id } } }",
    ] {
        ask(query.to_owned(), variables.clone());
    }
    ask(format!("{{ node(id: {}) {{ id }} }}", Json::from(text)), Map::new());
}

/// Variables of a request, as JSON.
pub fn variables(data: &[u8]) {
    if let Ok(Json::Object(variables)) = serde_json::from_slice(data) {
        ask(TAKES_ALL.to_owned(), variables);
    }
}
