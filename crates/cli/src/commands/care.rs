//! How an engine looks after its store while it runs: it keeps it within the limits, and drops what is damaged.

use std::sync::Arc;
use std::time::{Duration, Instant};

use kukri_engine::Engine;

/// From the start to the first collection: engines of short life look after the store as well.
const FIRST: Duration = Duration::from_secs(20);
/// Between two collections, whether one is due or not: what was not used for long may have to go.
const INTERVAL: Duration = Duration::from_secs(300);
/// Between two looks at how much is free on the disk, which costs nothing.
const LOOK: Duration = Duration::from_secs(2);
/// So much of the disk has to go, one part in that many, before it is looked how much the store holds, which reads its
/// index.
const NOTABLE: u64 = 200;
/// Longest time between looks at how much the store holds while the disk fills in smaller steps, or nobody is connected.
const SLOW: Duration = Duration::from_secs(30);

/// So many times as long as looking and collecting took, neither is done again.
const PAUSES: u32 = 5;

/// Looks after the store; never ends.
pub async fn look_after_store(engine: Arc<Engine>) {
    let (mut next, mut rest, mut seen) = (Instant::now() + FIRST, Instant::now(), Seen::default());
    loop {
        tokio::time::sleep(LOOK).await;
        let now = Instant::now();
        if now < rest {
            continue;
        }
        match engine.mend().await {
            Ok(0) => {}
            Ok(dropped) => tracing::warn!(dropped, "what was damaged is made again when it is needed"),
            Err(error) => tracing::warn!(%error, "what is damaged stays"),
        }
        if !(seen.is_news(&engine) || now >= next) {
            rest = Instant::now() + now.elapsed() * PAUSES;
            continue;
        }
        if now >= next || engine.store_space().await.is_ok_and(|space| space.is_over()) {
            collect(&engine).await;
            next = Instant::now() + INTERVAL;
        }
        rest = Instant::now() + now.elapsed() * PAUSES;
        seen.looked(&engine);
    }
}

async fn collect(engine: &Arc<Engine>) {
    match engine.collect().await {
        Ok(report) => {
            let dropped = report["dropped"].as_array().map_or(0, Vec::len);
            if dropped > 0 {
                tracing::info!(dropped, freed_bytes = %report["freedBytes"], "the cache was kept within its limits");
            }
        }
        Err(error) => tracing::warn!(%error, "the cache cannot be kept within its limits"),
    }
}

/// What things were like when the store was looked at last. Where it cannot be kept within its limits, because those who
/// are connected may need what is there, it is not tried again before something is different. What the last of them has
/// left may be written down, and no longer be in use, only after that look.
#[derive(Default)]
struct Seen {
    /// Most bytes that were free since then: what was dropped is deleted later.
    free: u64,
    clients: Vec<String>,
    at: Option<Instant>,
    news: bool,
}

impl Seen {
    fn looked(&mut self, engine: &Engine) {
        self.free = engine.store().disk().map_or(0, |(_, free)| free);
        (self.at, self.news) = (Some(Instant::now()), false);
    }

    /// Whether it may be worth a look: less is free than at some time since the last, or clients have come or gone.
    fn is_news(&mut self, engine: &Engine) -> bool {
        let Ok((total, free)) = engine.store().disk() else { return false };
        self.free = self.free.max(free);
        let clients = engine.client_ids();
        self.news |= self.clients != clients || self.free - free > total / NOTABLE;
        self.clients = clients;
        let long_ago = self.at.is_none_or(|at| at.elapsed() > SLOW);
        self.news || (long_ago && (self.free > free || self.clients.is_empty()))
    }
}
