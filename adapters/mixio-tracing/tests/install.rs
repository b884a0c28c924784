//! `install`, in a process of its own: it can't be taken back.

#[path = "carry/capture.rs"]
mod capture;

use mixio::{as_async, wait};
use mixio_tracing::{carry_spans, in_span, install};
use smol::future::{block_on, poll_once, yield_now, zip};
use tracing::{Instrument as _, info, info_span, instrument};

use capture::captured;

#[instrument]
fn order() {
    info!("cooks");
    wait(yield_now());
    info!("served");
}

#[test]
fn every_function_that_starts_from_then_on() {
    captured(|log| {
        let mut before = as_async(order);
        assert!(block_on(poll_once(&mut before)).is_none());
        block_on(before);
        assert_eq!(log.switches(), "+order -order !order");
        log.events();

        install();
        install();
        block_on(zip(as_async(order), as_async(order)));
        assert_eq!(log.events(), ["order: cooks", "order: cooks", "order: served", "order: served"]);
        let once = "+order -order";
        assert_eq!(log.switches(), [once, once, once, "!order", once, "!order"].join(" "));

        // With a span outside, and the hook of a single function besides: in the order in which they are entered.
        let nested = as_async(|| {
            let _outer = info_span!("outer").entered();
            in_span(info_span!("inner"), || {
                let _inmost = info_span!("inmost").entered();
                wait(as_async(|| carry_spans(order)));
                info!("after");
            });
        });
        block_on(zip(nested.instrument(info_span!("around")), as_async(order)));
        let around = "around:outer:inner:inmost";
        let events = [
            format!("{around}:order: cooks"),
            "order: cooks".into(),
            format!("{around}:order: served"),
            format!("{around}: after"),
            "order: served".into(),
        ];
        assert_eq!(log.events(), events);
    });
}
