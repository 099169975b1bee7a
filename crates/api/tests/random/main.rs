//! Ten thousand random queries, made from the schema, against an engine with a store: none may crash it, leave a task or a
//! file descriptor behind, or make it grow.
//!
//! `KUKRI_RANDOM_SEED` repeats a run, `KUKRI_RANDOM_QUERIES` makes it longer or shorter.

mod answer;
mod generate;

use std::sync::Arc;
use std::time::{Duration, Instant};

use generate::{Generator, Random};
use kukri_api::{Api, ApiConfig, Request, View};
use kukri_engine::engine::{EngineOptions, NetworkMode};
use kukri_engine::{Engine, Session};
use tokio::task::JoinSet;

/// Queries that are answered at the same time; what comes back is used by the next ones.
const TOGETHER: usize = 64;

/// Queries in one session.
const IN_A_SESSION: usize = 512;

/// Most that memory may grow by from the middle of a run to its end, in bytes: the tables of known calls and parsed
/// documents, which are bounded, are still being filled. Seven runs grew by 11 to 16 MB; allocators keep pages of threads.
const MOST_GROWTH: u64 = 48 << 20;

fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// What is open, sorted; without the index, whose connections are a pool that fills by and by.
fn open_files() -> Vec<String> {
    let entries = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut files: Vec<String> = entries
        .map(|entry| std::fs::read_link(entry.path()).unwrap_or_default().to_string_lossy().into_owned())
        .collect();
    files.retain(|file| !file.contains("index.db"));
    files.sort_unstable();
    files
}

/// Resident memory in bytes.
fn memory() -> u64 {
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = text.split_whitespace().nth(1).unwrap().parse().unwrap();
    pages * 4096
}

struct Run {
    api: Arc<Api>,
    random: Random,
    generator: Generator,
    asked: usize,
    failed: usize,
    cancelled: usize,
}

impl Run {
    /// Asks a number of queries, in sessions that come and go.
    async fn ask(&mut self, queries: usize) {
        let end = self.asked + queries;
        while self.asked < end {
            let session = Arc::new(Session::new(format!("random-{}", self.asked)));
            let in_session = IN_A_SESSION.min(end - self.asked);
            for _ in 0..in_session.div_ceil(TOGETHER) {
                self.together(&session).await;
            }
        }
    }

    async fn together(&mut self, session: &Arc<Session>) {
        let mut tasks = JoinSet::new();
        for _ in 0..TOGETHER {
            let request = self.generator.request(&mut self.random);
            // Some clients go away before they have their answer.
            let patience = if self.random.chance(3) {
                Duration::from_micros(self.random.below(3_000) as u64)
            } else {
                Duration::from_secs(60)
            };
            let (api, session) = (Arc::clone(&self.api), Arc::clone(session));
            tasks.spawn(async move {
                let answer =
                    tokio::time::timeout(patience, api.execute(&session, View::DEFAULT, &request)).await;
                (request, patience, answer)
            });
        }
        while let Some(done) = tasks.join_next().await {
            let (request, patience, answer) = done.expect("a request panicked");
            self.asked += 1;
            match answer {
                Ok(response) => {
                    self.failed += usize::from(response.failed.is_some());
                    let answer = answer::check(&response).unwrap_or_else(|error| wrong(&request, &error));
                    self.generator.learn(&mut self.random, &answer);
                }
                Err(_) if patience < Duration::from_secs(1) => self.cancelled += 1,
                Err(_) => wrong(&request, "no answer within a minute"),
            }
        }
    }
}

fn wrong(request: &Request, what: &str) -> ! {
    panic!("{what}\nquery: {}\nvariables: {:?}", request.query, request.variables)
}

/// Waits until as few tasks live as before; the rest is told.
async fn tasks_left(before: usize) -> usize {
    let metrics = tokio::runtime::Handle::current().metrics();
    let end = Instant::now() + Duration::from_secs(10);
    while metrics.num_alive_tasks() > before && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    metrics.num_alive_tasks()
}

#[expect(clippy::print_stdout, reason = "a run that failed is repeated by its seed")]
#[test]
fn privileged_ten_thousand_random_queries() {
    let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().subsec_nanos();
    let seed = setting("KUKRI_RANDOM_SEED", nanos.into());
    let queries = usize::try_from(setting("KUKRI_RANDOM_QUERIES", 10_000)).unwrap();
    println!("KUKRI_RANDOM_SEED={seed}");
    let root = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let options =
            EngineOptions { network: NetworkMode::None, ..EngineOptions::new(root.path().to_owned()) };
        let engine = tokio::task::spawn_blocking(|| Engine::open(options)).await.unwrap().unwrap();
        let api = Arc::new(Api::new(engine, &ApiConfig::default()));
        let generator = Generator::new(api.schema(View::DEFAULT));
        let mut run =
            Run { api, random: Random::new(seed), generator, asked: 0, failed: 0, cancelled: 0 };
        let started = Instant::now();
        // Caches fill, threads start, files open: what is left of that is not a leak.
        run.ask(queries / 2).await;
        let tasks = tasks_left(0).await;
        let (files, bytes) = (open_files(), memory());
        run.ask(queries - queries / 2).await;
        let left = tasks_left(tasks).await;
        println!(
            "{} queries in {:?}: {} with errors, {} given up; {left} tasks ({tasks} before), {} files ({} before), \
             {} MB ({} MB before)",
            run.asked,
            started.elapsed(),
            run.failed,
            run.cancelled,
            open_files().len(),
            files.len(),
            memory() >> 20,
            bytes >> 20,
        );
        assert!(left <= tasks, "{left} tasks are left, {tasks} before");
        let now = open_files();
        assert!(now.len() <= files.len() + 2, "open now: {now:#?}\nbefore: {files:#?}");
        assert!(memory() <= bytes + MOST_GROWTH, "{} bytes after {bytes}", memory());
        // Neither all nonsense nor all harmless.
        assert!(run.failed > queries / 20 && run.failed < queries * 19 / 20, "{} errors", run.failed);
    });
}
