//! Functions that are not left by returning.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};

use mixio::{as_async, wait};
use mixio_tracing::{carry_spans, in_span};
use smol::future::{block_on, poll_once, yield_now};
use tracing::{Instrument as _, info, info_span};

use crate::capture::captured;
use crate::pause;

/// Logs when it is dropped.
struct Logs;

impl Drop for Logs {
    fn drop(&mut self) {
        info!("dropped");
    }
}

/// Waits when it is dropped.
struct Waits;

impl Drop for Waits {
    fn drop(&mut self) {
        wait(yield_now());
        info!("said goodbye");
    }
}

fn never_ends() {
    let _outer = info_span!("outer").entered();
    let _logs = Logs;
    let _inner = info_span!("inner").entered();
    wait(pending::<()>());
}

#[test]
fn a_panic() {
    captured(|log| {
        let panics = as_async(|| {
            carry_spans(|| {
                let _outer = info_span!("outer").entered();
                let _logs = Logs;
                let _inner = info_span!("inner").entered();
                pause();
                panic!("on purpose");
            })
        });
        assert!(catch_unwind(AssertUnwindSafe(|| block_on(panics))).is_err());
        assert_eq!(log.events(), ["outer: dropped"]);
        assert_eq!(log.switches(), "+outer +inner -inner -outer +outer +inner -inner !inner -outer !outer");
    });
}

#[test]
fn dropped() {
    captured(|log| {
        let mut future = as_async(|| carry_spans(never_ends));
        assert!(block_on(poll_once(&mut future)).is_none());
        assert_eq!(log.switches(), "+outer +inner -inner -outer");
        drop(future);
        assert_eq!(log.events(), ["outer: dropped"]);
        assert_eq!(log.switches(), "+outer +inner -inner !inner -outer !outer");
    });
}

#[test]
fn dropped_in_a_span_of_somebody_else() {
    captured(|log| {
        let mut future = as_async(|| carry_spans(never_ends));
        assert!(block_on(poll_once(&mut future)).is_none());
        info_span!("elsewhere").in_scope(|| {
            drop(future);
            info!("after");
        });
        assert_eq!(log.events(), ["outer: dropped", "elsewhere: after"]);
    });
}

#[test]
fn dropped_in_another_function() {
    captured(|log| {
        let mut future = as_async(|| {
            carry_spans(|| {
                let _own = info_span!("own").entered();
                let _waits = Waits;
                wait(pending::<()>());
            })
        });
        assert!(block_on(poll_once(&mut future)).is_none());
        let other = as_async(|| {
            in_span(info_span!("other"), || {
                drop(future);
                info!("after");
            })
        });
        block_on(smol::future::zip(other, async { info!("neighbour") }));
        assert_eq!(log.events(), ["neighbour", "own: said goodbye", "other: after"]);
    });
}

#[test]
fn cancelled_while_destructors_wait() {
    captured(|log| {
        let mut future = as_async(|| {
            carry_spans(|| {
                let _outer = info_span!("outer").entered();
                let _waits = Waits;
                never_ends();
            })
        });
        block_on(async {
            assert!(poll_once(&mut future).await.is_none());
            let cancelled = future.cancel().instrument(info_span!("canceller"));
            smol::future::zip(cancelled, async { info!("neighbour") }).await;
        });
        assert_eq!(log.events(), ["outer:outer: dropped", "neighbour", "outer: said goodbye"]);
    });
}
