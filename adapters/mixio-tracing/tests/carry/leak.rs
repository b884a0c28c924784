//! The leak, and that there is none.

use mixio::hooks::carry;
use mixio::{as_async, wait};
use mixio_tracing::{carry_spans, in_span};
use smol::future::{block_on, zip};
use tracing::{Instrument as _, info, info_span, instrument};

use crate::capture::captured;
use crate::pause;

#[instrument]
fn order() {
    info!("cooks");
    pause();
    info!("served");
}

async fn neighbour() {
    info!("neighbour");
}

#[test]
fn without_the_hook_neighbours_log_in_the_span() {
    captured(|log| {
        block_on(zip(as_async(order), neighbour()));
        assert_eq!(log.events(), ["order: cooks", "order: neighbour", "order: served"]);
    });
}

#[test]
fn without_the_hook_spans_are_nested_in_those_of_neighbours() {
    captured(|log| {
        block_on(zip(as_async(order), as_async(order)));
        assert_eq!(log.events(), ["order: cooks", "order:order: cooks", "order:order: served", "order:order: served"]);
    });
}

#[test]
fn with_it_neighbours_log_outside() {
    captured(|log| {
        block_on(zip(as_async(|| carry_spans(order)), neighbour()));
        assert_eq!(log.events(), ["order: cooks", "neighbour", "order: served"]);
        assert_eq!(log.switches(), "+order -order +order -order !order");
    });
}

#[test]
fn with_it_each_has_its_own() {
    captured(|log| {
        let order = || as_async(|| carry_spans(order));
        block_on(zip(order(), order()));
        assert_eq!(log.events(), ["order: cooks", "order: cooks", "order: served", "order: served"]);
    });
}

#[test]
fn a_function_in_a_span() {
    captured(|log| {
        let ann = as_async(|| in_span(info_span!("ann"), order));
        let bob = as_async(|| in_span(info_span!("bob"), order));
        block_on(zip(ann, bob));
        let events = ["ann:order: cooks", "bob:order: cooks", "ann:order: served", "bob:order: served"];
        assert_eq!(log.events(), events);
    });
}

#[test]
fn outside_of_as_async_it_just_calls() {
    captured(|log| {
        carry_spans(order);
        assert_eq!(log.events(), ["order: cooks", "order: served"]);
        assert_eq!(log.switches(), "+order -order !order");
    });
}

#[test]
fn what_is_ready_at_once_switches_no_span() {
    captured(|log| {
        let ready = || info_span!("ready").in_scope(|| wait(async { info!("polled") }));
        block_on(as_async(move || carry_spans(ready)));
        assert_eq!(log.events(), ["ready: polled"]);
        assert_eq!(log.switches(), "+ready -ready !ready");
    });
}

#[test]
fn spans_of_callers_and_callees() {
    captured(|log| {
        let table = || {
            let _table = info_span!("table").entered();
            pause();
            order();
            info!("pays");
            pause();
            info!("leaves");
        };
        block_on(zip(as_async(move || carry_spans(table)), as_async(|| carry_spans(order))));
        let mut events = log.events();
        let others = events.extract_if(.., |event| event.starts_with("order")).collect::<Vec<_>>();
        assert_eq!(events, ["table:order: cooks", "table:order: served", "table: pays", "table: leaves"]);
        assert_eq!(others, ["order: cooks", "order: served"]);
    });
}

#[test]
fn guards_that_are_dropped_in_another_order() {
    captured(|log| {
        let crossed = || {
            let first = info_span!("first").entered();
            pause();
            let second = info_span!("second").entered();
            pause();
            drop(first);
            info!("in the second");
            pause();
            info!("in the second, still");
            drop(second);
            pause();
            info!("in none");
        };
        block_on(zip(as_async(move || carry_spans(crossed)), as_async(|| carry_spans(order))));
        let mut events = log.events();
        events.retain(|event| !event.starts_with("order"));
        assert_eq!(events, ["first:second: in the second", "first:second: in the second, still", "in none"]);
    });
}

#[test]
fn a_span_that_is_entered_twice() {
    captured(|log| {
        let twice = || {
            let (outer, inner) = (info_span!("outer"), info_span!("inner"));
            let first = outer.enter();
            let between = inner.enter();
            let second = outer.enter();
            pause();
            drop(second);
            pause();
            drop(between);
            info!("in the outer");
            drop(first);
            pause();
            info!("in none");
        };
        block_on(zip(as_async(move || carry_spans(twice)), async {
            for _ in 0..4 {
                info!("neighbour");
                smol::future::yield_now().await;
            }
        }));
        let mut events = log.events();
        let neighbours = events.extract_if(.., |event| event.ends_with("neighbour")).collect::<Vec<_>>();
        assert_eq!(events, ["outer: in the outer", "in none"]);
        assert_eq!(neighbours, ["neighbour"; 4]);
    });
}

#[test]
fn many_functions_many_times() {
    const FUNCTIONS: usize = 20;
    const ROUNDS: usize = 50;
    captured(|log| {
        let executor = smol::LocalExecutor::new();
        let tasks = (0..FUNCTIONS).map(|number| {
            executor.spawn(as_async(move || {
                carry_spans(|| {
                    for round in 0..ROUNDS {
                        let _outer = info_span!("outer").entered();
                        (0..number % 3).for_each(|_| pause());
                        info!("outer {number}");
                        info_span!("inner").in_scope(|| {
                            (0..round % 4).for_each(|_| pause());
                            info!("inner {number}");
                        });
                        pause();
                        info!("outer {number}");
                    }
                })
            }))
        });
        let tasks = tasks.collect::<Vec<_>>();
        block_on(executor.run(async {
            for task in tasks {
                task.await;
            }
        }));
        let events = log.events();
        assert_eq!(events.len(), FUNCTIONS * ROUNDS * 3);
        for event in events {
            assert!(event.starts_with("outer: outer ") || event.starts_with("outer:inner: inner "), "{event}");
        }
    });
}

#[test]
fn an_instrumented_wrapper_is_entered_after_what_is_carried_around_it() {
    captured(|log| {
        let wrapped = |function: fn()| {
            let instrumented = move || carry(|inside| inside.instrument(info_span!("wrapper")), function);
            block_on(as_async(move || carry_spans(instrumented)));
            log.switches()
        };
        let switches = wrapped(|| info_span!("inner").in_scope(pause));
        assert!(switches.starts_with("+wrapper +inner -wrapper -inner +inner +wrapper"), "{switches}");
        let switches = wrapped(|| carry_spans(|| info_span!("inner").in_scope(pause)));
        assert!(switches.starts_with("+wrapper +inner -inner -wrapper +wrapper +inner"), "{switches}");
    });
}
