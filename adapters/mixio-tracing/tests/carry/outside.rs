//! Spans that are entered outside, around the poll.

use mixio::{as_async, wait};
use mixio_tracing::{carry_spans, in_span};
use smol::future::{block_on, poll_once, zip};
use tracing::{Instrument as _, Span, info, info_span};

use crate::capture::captured;
use crate::pause;

#[test]
fn they_are_left_to_whoever_has_entered_them() {
    captured(|log| {
        let inside = || {
            info!("before");
            let _inner = info_span!("inner").entered();
            pause();
            info!("after");
        };
        let future = as_async(move || carry_spans(inside)).instrument(info_span!("outer"));
        block_on(zip(future, async { info!("neighbour") }));
        assert_eq!(log.events(), ["outer: before", "neighbour", "outer:inner: after"]);
        // `Instrumented` enters it to drop the future, too.
        let switches = "+outer +inner -inner -outer +outer +inner -inner !inner -outer +outer -outer !outer";
        assert_eq!(log.switches(), switches);
    });
}

#[test]
fn they_may_be_entered_inside_again() {
    captured(|log| {
        let (connection, request) = (info_span!("connection"), info_span!("request"));
        let again = [Span::clone(&connection), Span::clone(&request)];
        let inside = move || {
            let [connection, request] = again;
            let _request = request.enter();
            pause();
            let _connection = connection.enter();
            let _inner = info_span!("inner").entered();
            let _inmost_request = request.enter();
            pause();
            info!("inside");
        };
        let future = as_async(move || carry_spans(inside)).instrument(request).instrument(connection);
        block_on(zip(future, async {
            for _ in 0..3 {
                assert!(Span::current().is_none());
                smol::future::yield_now().await;
            }
        }));
        // `request` is no child of `connection`: it was made outside of it.
        assert_eq!(log.events(), ["request:inner: inside"]);
    });
}

#[test]
fn they_may_be_others_at_the_next_poll() {
    captured(|log| {
        let mut future = as_async(|| {
            carry_spans(|| {
                let inner = info_span!(parent: None, "inner").entered();
                pause();
                info!("inside");
                drop(inner);
                info!("outside");
            })
        });
        block_on(async {
            let (first, second) = (info_span!("first"), info_span!("second"));
            assert!(poll_once(&mut future).instrument(first).await.is_none());
            future.instrument(second).await;
        });
        assert_eq!(log.events(), ["inner: inside", "second: outside"]);
    });
}

#[test]
fn those_around_the_executor() {
    captured(|log| {
        info_span!("main").in_scope(|| {
            let ann = as_async(|| in_span(info_span!("ann"), pause));
            block_on(zip(ann, async { info!("neighbour") }));
            info!("afterwards");
        });
        assert_eq!(log.events(), ["main: neighbour", "main: afterwards"]);
        assert_eq!(log.switches(), "+main +ann -ann +ann -ann !ann -main !main");
    });
}

#[test]
fn those_of_a_future_that_is_waited_for() {
    captured(|log| {
        let inside = || {
            let _outer = info_span!("outer").entered();
            // Its poll is interrupted by a `wait` within it.
            wait(async { pause() }.instrument(info_span!("inner")));
            info!("after");
        };
        block_on(zip(as_async(move || carry_spans(inside)), async { info!("neighbour") }));
        assert_eq!(log.events(), ["neighbour", "outer: after"]);
    });
}

#[test]
fn functions_in_functions() {
    captured(|log| {
        let inner = || {
            let _inner = info_span!("inner").entered();
            info!("starts");
            pause();
            info!("ends");
        };
        let outer = move || {
            let _outer = info_span!("outer").entered();
            // One with the hook of its own, and one with that of the function around it.
            wait(zip(as_async(move || carry_spans(inner)), as_async(|| carry_spans(pause))));
            info!("between");
            wait(as_async(move || carry_spans(inner)));
            info!("after");
        };
        block_on(zip(as_async(move || carry_spans(outer)), async { info!("neighbour") }));
        let events = [
            "outer:inner: starts",
            "neighbour",
            "outer:inner: ends",
            "outer: between",
            "outer:inner: starts",
            "outer:inner: ends",
            "outer: after",
        ];
        assert_eq!(log.events(), events);
    });
}

#[test]
fn a_future_that_moves_from_one_function_to_another() {
    captured(|log| {
        let mut moved = as_async(|| {
            in_span(info_span!("moved"), || {
                pause();
                info!("goes on")
            })
        });
        let (giver, taker) = (
            move || {
                in_span(info_span!("giver"), || {
                    assert!(wait(poll_once(&mut moved)).is_none());
                    info!("gives");
                    moved
                })
            },
            |moved| {
                in_span(info_span!("taker"), || {
                    wait(moved);
                    info!("took");
                })
            },
        );
        block_on(async {
            let moved = as_async(giver).await;
            as_async(move || taker(moved)).await;
        });
        // A span's parent is where it was made.
        assert_eq!(log.events(), ["giver: gives", "giver:moved: goes on", "taker: took"]);
    });
}
