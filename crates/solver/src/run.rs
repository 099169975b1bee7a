//! One run: the task around an operation's future.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use futures_util::future::BoxFuture;
use futures_util::task::AtomicWaker;
use tokio_util::sync::CancellationToken;

use crate::cache::EarlierRun;
use crate::error::SolveError;
use crate::job::{JobId, Solved, Start, Work};
use crate::op::{Op, RunContext, RunSlots};
use crate::shared::Shared;

/// Ends a run from outside.
#[derive(Default)]
pub(crate) struct Cancel {
    token: CancellationToken,
    waker: AtomicWaker,
}

impl Cancel {
    /// Fires the token, and has the run's future dropped.
    pub(crate) fn cancel(&self) {
        self.token.cancel();
        self.waker.wake();
    }
}

/// Whether a run holds its slots. Changed under the lock of the table only.
pub(crate) struct Grant {
    held: AtomicBool,
    waker: AtomicWaker,
}

impl Grant {
    /// The run has its slots again; to be [told](Self::tell) when the lock is free.
    pub(crate) fn give(&self) {
        self.held.store(true, Ordering::Release);
    }

    pub(crate) fn tell(&self) {
        self.waker.wake();
    }
}

/// A run's slots. Given back when asked to, and at the end.
struct Permit<O: Op> {
    shared: Arc<Shared<O>>,
    job: JobId,
    slots: u32,
    grant: Arc<Grant>,
}

impl<O: Op> RunSlots for Permit<O> {
    fn release(&self) {
        if self.slots == 0 {
            return;
        }
        self.shared.update(|state, fx| {
            state.take_back(self.job);
            if self.grant.held.swap(false, Ordering::AcqRel) {
                state.release(fx, self.slots);
            }
        });
    }

    fn ask(&self) {
        self.shared.update(|state, fx| {
            if self.slots > 0 && !self.grant.held.load(Ordering::Acquire) {
                state.ask_again(fx, self.job, self.slots, &self.grant);
            }
        });
    }

    fn poll_held(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.grant.waker.register(cx.waker());
        let held = self.slots == 0 || self.grant.held.load(Ordering::Acquire);
        if held { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// The task of a run. However it ends (well, by failure, panic, cancellation, shutdown), its future is dropped first,
/// then its slots are given back, then the observer is told, and then those who wait.
pub(crate) struct RunTask<O: Op> {
    shared: Arc<Shared<O>>,
    start: Start<O>,
    stage: Stage<O>,
    permit: Arc<Permit<O>>,
    since: Instant,
    /// It is polled by a driver, which goes on with what comes of it.
    driven: bool,
}

enum Stage<O: Op> {
    Begin,
    Polling(BoxFuture<'static, Result<O::Value, O::Error>>),
    Over,
}

// Nothing in it is pinned in place: the future has its own box.
impl<O: Op> Unpin for RunTask<O> {}

impl<O: Op> RunTask<O> {
    pub(crate) fn new(shared: Arc<Shared<O>>, start: Start<O>) -> Self {
        let grant = Arc::new(Grant { held: AtomicBool::new(true), waker: AtomicWaker::new() });
        let permit = Arc::new(Permit { shared: shared.clone(), job: start.job, slots: start.slots, grant });
        Self { shared, start, stage: Stage::Begin, permit, since: Instant::now(), driven: false }
    }

    /// Polls it once on a driver's thread: what is over at once needs no task, and no change of threads.
    pub(crate) fn drive(mut self) {
        self.driven = true;
        let poll = Pin::new(&mut self).poll(&mut Context::from_waker(Waker::noop()));
        if poll.is_pending() {
            self.driven = false;
            let runtime = self.start.scope.runtime.clone();
            runtime.spawn(self);
        }
    }

    fn step(&mut self, cx: &mut Context<'_>) -> Poll<Result<O::Value, O::Error>> {
        if let Stage::Begin = self.stage {
            self.since = Instant::now();
            self.shared.tell_start(&self.start);
            let run = RunContext {
                context: self.start.scope.context.clone(),
                cancel: self.start.cancel.token.clone(),
                vertex: self.start.job,
                reason: self.start.reason.clone(),
                slots: self.permit.clone(),
            };
            // Kept, for the case that it must run again for an heir.
            let inputs = self.start.inputs.clone();
            self.stage = Stage::Polling(self.start.op.clone().run(inputs, run));
        }
        match &mut self.stage {
            Stage::Polling(future) => future.as_mut().poll(cx),
            Stage::Begin | Stage::Over => Poll::Pending,
        }
    }

    fn end(&mut self, solved: Solved<O>) {
        let stage = std::mem::replace(&mut self.stage, Stage::Over);
        let _ = catch_unwind(AssertUnwindSafe(|| drop(stage)));
        self.permit.release();
        let duration = self.since.elapsed();
        self.shared.tell_finish(self.start.job, &self.start.op, &self.start.scope, solved.as_ref(), duration);
        let job = self.start.job;
        match solved {
            Ok(value) => self.shared.update(|state, _| {
                if state.job(job).is_some() {
                    state.work.push_back(Work::Ran { job, value, duration });
                }
            }),
            Err(error) => self.shared.update(|state, fx| {
                // The reason may be that the request in whose name it ran has left.
                let again = !matches!(error, SolveError::Panicked { .. })
                    && state.again(job, self.start.scope.id, &self.start.inputs);
                if again {
                    return;
                }
                if matches!(error, SolveError::Failed { .. }) && state.job(job).is_some() {
                    let (scope, inputs) = (self.start.scope.id, std::mem::take(&mut self.start.inputs));
                    state.work.push_back(Work::Failed { job, error, duration, scope, inputs });
                } else {
                    state.complete(fx, job, Err(error), EarlierRun::default());
                }
            }),
        }
        if !self.driven {
            self.shared.kick();
        }
    }

    /// The future is not polled any more.
    fn abandon(&mut self) {
        let (label, definition) = (self.shared.label(&self.start.op), self.start.definition);
        self.end(Err(if self.start.cancel.token.is_cancelled() {
            SolveError::Cancelled { label, definition }
        } else {
            SolveError::ShutDown { label, definition }
        }));
    }
}

impl<O: Op> Future for RunTask<O> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if matches!(this.stage, Stage::Over) {
            return Poll::Ready(());
        }
        this.start.cancel.waker.register(cx.waker());
        if this.start.cancel.token.is_cancelled() {
            this.abandon();
            return Poll::Ready(());
        }
        let definition = this.start.definition;
        let solved = match catch_unwind(AssertUnwindSafe(|| this.step(cx))) {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(Ok(value))) => Ok(value),
            Ok(Poll::Ready(Err(error))) => {
                Err(SolveError::Failed { label: this.shared.label(&this.start.op), definition, error })
            }
            Err(panic) => Err(SolveError::Panicked {
                label: this.shared.label(&this.start.op),
                definition,
                message: panic_message(&*panic),
            }),
        };
        this.end(solved);
        Poll::Ready(())
    }
}

impl<O: Op> Drop for RunTask<O> {
    fn drop(&mut self) {
        if !matches!(self.stage, Stage::Over) {
            self.abandon();
        }
    }
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "panic without a message".to_owned())
}
