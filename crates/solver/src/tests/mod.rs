//! The solver on integers.

mod caching;
mod cancelling;
mod failing;
mod graphs;
mod reminding;
mod sharing;

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use kukri_model::{Digest, Encoder};
use tokio::sync::Semaphore;

use crate::{
    BoxFuture, CacheKey, ContentKey, Decision, HitBy, MemoryCache, MissReason, Observer, Op, Outcome,
    RunContext, SolveError, Solver, SolverConfig, Vertex,
};

type Request = &'static str;
type Error = Arc<str>;

/// What an integer operation does.
#[derive(Clone)]
enum Do {
    /// Gives a number.
    Const(i64),
    /// Adds its inputs and a number.
    Add(i64),
    /// The first input without its lowest bit.
    Halve,
    /// Waits for a permit, then adds.
    Wait(Arc<Semaphore>),
    /// Sleeps, then adds.
    Sleep(Duration),
    /// Fails while the number is not 0, and counts it down.
    Fail(Arc<AtomicUsize>),
    /// The same after a permit.
    FailAfter(Arc<Semaphore>, Arc<AtomicUsize>),
    /// Panics at these moments.
    PanicInRun,
    PanicInPoll,
    PanicInKey,
    PanicInInputs,
    /// Counts up; is never cached.
    Tick(Arc<AtomicUsize>),
    /// Solves another vertex, after giving its slots back.
    Nested(Solver<Int>, Arc<Int>),
    /// Waits for a permit without its slots, then sleeps with them.
    Outside(Arc<Semaphore>, Duration),
}

/// A vertex over integers.
struct Int {
    name: String,
    salt: u64,
    what: Do,
    weight: u32,
    definition: Digest,
    inputs: Vec<Arc<Int>>,
    log: Arc<Log>,
}

/// What has happened to the operations of one test.
#[derive(Default)]
struct Log {
    runs: Mutex<HashMap<String, usize>>,
    dropped: AtomicUsize,
    slots: AtomicUsize,
    most_slots: AtomicUsize,
}

impl Log {
    fn runs(&self, name: &str) -> usize {
        self.runs.lock().unwrap().get(name).copied().unwrap_or(0)
    }
}

/// Counts the slots in use, and the futures dropped before their end.
struct Running {
    log: Arc<Log>,
    weight: usize,
    ended: bool,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.log.slots.fetch_sub(self.weight, Ordering::SeqCst);
        if !self.ended {
            self.log.dropped.fetch_add(1, Ordering::SeqCst);
        }
    }
}

impl Int {
    fn new(log: &Arc<Log>, name: &str, what: Do, inputs: &[&Arc<Self>]) -> Arc<Self> {
        Self::weighing(log, name, what, 1, inputs)
    }

    fn weighing(log: &Arc<Log>, name: &str, what: Do, weight: u32, inputs: &[&Arc<Self>]) -> Arc<Self> {
        let mut definition = Encoder::new("int");
        let salt = match &what {
            Do::Const(n) | Do::Add(n) => n.cast_unsigned(),
            _ => 0,
        };
        definition.str(name).u64(salt).list(inputs.len());
        for input in inputs {
            definition.digest(&input.definition);
        }
        Arc::new(Self {
            name: name.to_owned(),
            salt,
            what,
            weight,
            definition: definition.finish(),
            inputs: inputs.iter().map(|input| Arc::clone(input)).collect(),
            log: log.clone(),
        })
    }
}

/// Without recursion: some tests build chains of tens of thousands.
impl Drop for Int {
    fn drop(&mut self) {
        let mut todo = std::mem::take(&mut self.inputs);
        while let Some(input) = todo.pop() {
            if let Some(mut input) = Arc::into_inner(input) {
                todo.append(&mut input.inputs);
            }
        }
    }
}

impl Op for Int {
    type Value = i64;
    type Error = Error;
    type Context = Request;

    fn definition(&self) -> Digest {
        self.definition
    }

    fn label(&self) -> String {
        self.name.clone()
    }

    fn inputs(&self) -> Vec<Arc<Self>> {
        assert!(!matches!(self.what, Do::PanicInInputs), "no inputs");
        self.inputs.clone()
    }

    fn key(&self, inputs: &[i64]) -> CacheKey {
        assert!(!matches!(self.what, Do::PanicInKey), "no key");
        if matches!(self.what, Do::Tick(_)) {
            return CacheKey::Uncacheable;
        }
        // An instance of the same step has the same name up to the dot.
        let step = self.name.split('.').next().unwrap_or_default();
        let mut key = Encoder::new("key");
        key.str(step).u64(self.salt).list(inputs.len());
        let mut parts = vec![("number".to_owned(), Digest::of(&self.salt.to_le_bytes()))];
        for (index, input) in inputs.iter().enumerate() {
            key.i64(*input);
            parts.push((format!("input {index}"), Digest::of(&input.to_le_bytes())));
        }
        CacheKey::Content(ContentKey { digest: key.finish(), slot: Digest::of(step.as_bytes()), parts })
    }

    fn same_listener(one: &Request, other: &Request) -> bool {
        one == other
    }

    fn weight(&self) -> u32 {
        self.weight
    }

    fn run(
        self: Arc<Self>,
        inputs: Vec<i64>,
        run: RunContext<Self>,
    ) -> BoxFuture<'static, Result<i64, Error>> {
        *self.log.runs.lock().unwrap().entry(self.name.clone()).or_default() += 1;
        let weight = self.weight as usize;
        let now = self.log.slots.fetch_add(weight, Ordering::SeqCst) + weight;
        self.log.most_slots.fetch_max(now, Ordering::SeqCst);
        let running = Running { log: self.log.clone(), weight, ended: false };
        assert!(!matches!(self.what, Do::PanicInRun), "no run");
        async move {
            // As a whole: a future takes only the fields it names.
            let mut running = running;
            let sum: i64 = inputs.iter().sum();
            if let Do::FailAfter(gate, _) = &self.what {
                gate.acquire().await.unwrap().forget();
            }
            let result = match &self.what {
                Do::Const(n) => Ok(*n),
                Do::Add(n) => Ok(sum + n),
                Do::Halve => Ok(inputs[0] >> 1),
                Do::Wait(gate) => {
                    gate.acquire().await.unwrap().forget();
                    Ok(sum)
                }
                Do::Sleep(time) => {
                    tokio::time::sleep(*time).await;
                    Ok(sum)
                }
                Do::Fail(times) | Do::FailAfter(_, times) => {
                    match times.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)) {
                        Ok(_) => Err(Error::from("as told")),
                        Err(_) => Ok(sum),
                    }
                }
                Do::PanicInPoll => {
                    tokio::task::yield_now().await;
                    panic!("no poll of {}", self.name)
                }
                Do::Tick(count) => Ok(count.fetch_add(1, Ordering::SeqCst) as i64),
                Do::Nested(solver, op) => {
                    // Before: another run may have them at once.
                    self.log.slots.fetch_sub(std::mem::take(&mut running.weight), Ordering::SeqCst);
                    run.release_slots();
                    solver
                        .solve(op.clone(), run.context)
                        .await
                        .map_err(|error| Error::from(error.to_string()))
                }
                Do::Outside(gate, time) => {
                    let weight = std::mem::take(&mut running.weight);
                    self.log.slots.fetch_sub(weight, Ordering::SeqCst);
                    run.release_slots();
                    gate.acquire().await.unwrap().forget();
                    run.take_slots().await;
                    running.weight = weight;
                    let now = self.log.slots.fetch_add(weight, Ordering::SeqCst) + weight;
                    self.log.most_slots.fetch_max(now, Ordering::SeqCst);
                    tokio::time::sleep(*time).await;
                    Ok(sum)
                }
                Do::PanicInRun | Do::PanicInKey | Do::PanicInInputs => unreachable!("has panicked"),
            };
            running.ended = true;
            result
        }
        .boxed()
    }
}

/// Notes what the solver tells, as `request event label`.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Notes {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn add(&self, vertex: &Vertex<'_, Int>, what: &str) {
        self.0.lock().unwrap().push(format!("{} {what} {}", vertex.context, vertex.op.name));
    }
}

impl Observer<Int> for Notes {
    fn on_decision(&self, vertex: &Vertex<'_, Int>, decision: &Decision) {
        assert_eq!((&decision.label, decision.definition), (&vertex.op.name, vertex.op.definition));
        let what = match &decision.outcome {
            Outcome::Hit { by: HitBy::Definition, .. } => "known".to_owned(),
            Outcome::Hit { by: HitBy::Content, .. } => "equal".to_owned(),
            Outcome::Miss { reason: MissReason::FirstRun } => "first".to_owned(),
            Outcome::Miss { reason: MissReason::Changed(names) } => format!("changed({})", names.join(", ")),
            Outcome::Miss { reason: MissReason::Replaces { other, parts } } => {
                format!("replaces({other}: {})", parts.join(", "))
            }
            Outcome::Miss { reason: MissReason::NotCacheable } => "never".to_owned(),
            Outcome::Miss { reason: MissReason::Evicted } => "evicted".to_owned(),
            Outcome::Miss { reason: MissReason::Failed } => "failed-before".to_owned(),
            Outcome::Joined => "joined".to_owned(),
        };
        self.add(vertex, &what);
    }

    fn on_start(&self, vertex: &Vertex<'_, Int>) {
        self.add(vertex, "start");
    }

    fn on_finish(&self, vertex: &Vertex<'_, Int>, result: Result<&i64, &SolveError<Error>>, _: Duration) {
        let what = match result {
            Ok(n) => format!("={n}"),
            Err(SolveError::Failed { .. }) => "failed".to_owned(),
            Err(SolveError::Panicked { .. }) => "panicked".to_owned(),
            Err(SolveError::Cancelled { .. }) => "cancelled".to_owned(),
            Err(SolveError::ShutDown { .. }) => "shutdown".to_owned(),
        };
        self.add(vertex, &what);
    }
}

/// A solver with all that a test looks at.
struct Bench {
    log: Arc<Log>,
    notes: Arc<Notes>,
    cache: Arc<MemoryCache<i64>>,
    solver: Solver<Int>,
}

impl Bench {
    fn new(slots: u32) -> Self {
        Self::on(slots, false)
    }

    /// `disk`: with a cache that says that it may block.
    fn on(slots: u32, disk: bool) -> Self {
        Self::with(slots, disk.then_some(Duration::ZERO))
    }

    /// With a cache whose methods take their time.
    fn slow(slots: u32, takes: Duration) -> Self {
        Self::with(slots, Some(takes))
    }

    fn with(slots: u32, disk: Option<Duration>) -> Self {
        let (log, notes, cache) =
            (Arc::default(), Arc::<Notes>::default(), Arc::<MemoryCache<i64>>::default());
        let config = SolverConfig { slots, ..SolverConfig::default() };
        let solver = if let Some(takes) = disk {
            Solver::new(config, Arc::new(Disk(cache.clone(), takes)), notes.clone())
        } else {
            Solver::new(config, cache.clone(), notes.clone())
        };
        Self { log, notes, cache, solver }
    }

    fn op(&self, name: &str, what: Do, inputs: &[&Arc<Int>]) -> Arc<Int> {
        Int::new(&self.log, name, what, inputs)
    }

    async fn solve(&self, op: &Arc<Int>) -> Result<i64, SolveError<Error>> {
        self.solve_as("a", op).await
    }

    async fn solve_as(&self, request: Request, op: &Arc<Int>) -> Result<i64, SolveError<Error>> {
        let solved = self.solver.solve(op.clone(), request);
        tokio::time::timeout(Duration::from_secs(20), solved).await.expect("the solver hangs")
    }

    fn spawn(
        &self,
        request: Request,
        op: &Arc<Int>,
    ) -> tokio::task::JoinHandle<Result<i64, SolveError<Error>>> {
        let (solver, op) = (self.solver.clone(), op.clone());
        tokio::spawn(async move { solver.solve(op, request).await })
    }

    /// Nothing is in flight and all slots are free.
    async fn assert_idle(&self, slots: u32) {
        eventually(|| self.solver.census() == (0, 0, slots)).await;
    }
}

/// A cache that lies on a disk: look-ups block, and must not hold up the runtime's threads.
struct Disk(Arc<MemoryCache<i64>>, Duration);

impl crate::ResultCache<i64> for Disk {
    fn by_definition(&self, definition: &Digest) -> crate::Lookup<i64> {
        std::thread::sleep(self.1);
        self.0.by_definition(definition)
    }
    fn by_key(&self, key: &Digest) -> crate::Lookup<i64> {
        std::thread::sleep(self.1);
        self.0.by_key(key)
    }
    fn nearest(&self, key: &ContentKey, label: &str) -> Vec<crate::Earlier> {
        self.0.nearest(key, label)
    }
    fn store(&self, record: crate::Record<'_, i64>) {
        self.0.store(record);
    }
    fn fail(&self, failure: crate::Failure<'_>) {
        std::thread::sleep(self.1);
        self.0.fail(failure);
    }
    fn link(&self, definition: &Digest, key: &Digest, run: crate::EarlierRun) {
        self.0.link(definition, key, run);
    }
}

/// Waits until something is so.
async fn eventually(condition: impl Fn() -> bool) {
    for _ in 0..2_000 {
        if condition() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never came true");
}

fn gate() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(0))
}
