//! Several subscribers, and what layers see.

use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};
use std::{io, mem};

use mixio::as_async;
use mixio_tracing::{carry_spans, in_span, with_subscriber};
use smol::future::{block_on, poll_once, zip};
use tracing::span::Id;
use tracing::subscriber::with_default;
use tracing::{Span, Subscriber, debug, info, info_span, instrument::WithSubscriber as _};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

use crate::capture::{self, captured};
use crate::pause;

fn order() {
    let _order = info_span!("order").entered();
    info!("cooks");
    pause();
    info!("served");
}

#[test]
fn a_default_that_is_held_over_a_wait_leaks() {
    captured(|log| {
        let (other, of_other) = capture::subscriber();
        block_on(zip(as_async(|| with_default(other, pause)), async { info!("neighbour") }));
        assert_eq!(of_other.events(), ["neighbour"]);
        assert!(log.events().is_empty());
    });
}

#[test]
fn a_default_that_is_carried() {
    captured(|log| {
        let (other, of_other) = capture::subscriber();
        let audited = as_async(|| in_span(info_span!("outer"), || with_subscriber(other, order)));
        block_on(zip(audited, async { info!("neighbour") }));
        assert_eq!(log.events(), ["neighbour"]);
        assert_eq!(log.switches(), "+outer -outer +outer -outer !outer");
        assert_eq!(of_other.events(), ["order: cooks", "order: served"]);
        assert_eq!(of_other.switches(), "+order -order +order -order !order");
        of_other.assert_balanced();
    });
}

#[test]
fn spans_of_the_default_where_it_is_polled_while_another_is_set() {
    captured(|log| {
        let (other, of_other) = capture::subscriber();
        let function = || {
            in_span(info_span!("carried"), || {
                let unrelated = info_span!("unrelated");
                with_default(other, || {
                    // These two have the same ids as those.
                    let (_first, _second) = (info_span!("first").entered(), info_span!("second").entered());
                    pause();
                    info!("inside");
                });
                drop(unrelated);
                info!("after");
            });
        };
        block_on(as_async(function));
        assert_eq!(log.events(), ["carried: after"]);
        assert_eq!(log.switches(), "+carried -carried +carried !unrelated -carried !carried");
        assert_eq!(of_other.events(), ["first:second: inside"]);
        of_other.assert_balanced();
    });
}

#[test]
fn a_default_that_is_another_at_each_poll() {
    captured(|log| {
        let (other, of_other) = capture::subscriber();
        let mut function = as_async(|| {
            carry_spans(|| {
                let span = info_span!("span").entered();
                pause();
                pause();
                drop(span);
                pause();
                let _other = info_span!("other").entered();
                pause();
                info!("goes on");
            })
        });
        assert!(block_on(poll_once(&mut function)).is_none());
        with_default(other, || {
            for _ in 0..3 {
                assert!(block_on(poll_once(&mut function)).is_none());
                assert!(Span::current().is_none());
            }
            block_on(function);
        });
        assert_eq!(log.switches(), "+span -span +span -span +span -span !span");
        assert_eq!(of_other.events(), ["other: goes on"]);
        assert_eq!(of_other.switches(), "+other -other +other -other !other");
        of_other.assert_balanced();
    });
}

#[test]
fn a_subscriber_around_the_future() {
    let (subscriber, log) = capture::subscriber();
    let function = as_async(|| carry_spans(order)).with_subscriber(subscriber);
    block_on(zip(function, async { assert!(Span::current().is_none()) }));
    assert_eq!(log.events(), ["order: cooks", "order: served"]);
    log.assert_balanced();
}

#[test]
fn a_subscriber_that_is_set_later() {
    let mut function = as_async(|| {
        carry_spans(|| {
            pause();
            order();
        })
    });
    assert!(block_on(poll_once(&mut function)).is_none());
    captured(|log| {
        block_on(zip(function, async { info!("neighbour") }));
        assert_eq!(log.events(), ["order: cooks", "neighbour", "order: served"]);
    });
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn fmt_with_filters() {
    let text = Text::default();
    let writer = text.clone();
    let fmt = tracing_subscriber::fmt::layer().without_time().with_target(false).with_ansi(false).with_level(false);
    // The first has a stack of spans of its own; in the second one layer doesn't see the spans that another sees.
    let (capture, log) = capture::subscriber();
    let subscriber = capture
        .with(fmt.with_writer(move || writer.clone()).with_filter(EnvFilter::new("info,[verbose]=debug")))
        .with(tracing_subscriber::fmt::layer().with_writer(io::sink).with_filter(LevelFilter::WARN));
    with_default(subscriber, || {
        let verbose = as_async(|| {
            in_span(info_span!("verbose"), || {
                debug!("starts");
                pause();
                debug!("ends");
            })
        });
        let quiet = as_async(|| {
            in_span(info_span!("quiet"), || {
                debug!("not shown");
                pause();
                debug!("not shown");
                info!("shown");
            })
        });
        block_on(zip(verbose, quiet));
    });
    let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
    assert_eq!(text, "verbose: starts\nverbose: ends\nquiet: shown\n");
    log.assert_balanced();
}

#[test]
fn a_span_whose_last_handle_is_dropped_while_it_is_carried() {
    let text = Text::default();
    let writer = text.clone();
    let log = tracing_subscriber::fmt().with_target(false).with_ansi(false).with_level(false);
    let log = log.with_writer(move || writer.clone()).with_span_events(FmtSpan::FULL).without_time();
    with_default(log.finish(), || {
        let span = info_span!("span");
        let entered = span.clone();
        let forgetful = as_async(move || {
            carry_spans(|| {
                mem::forget(entered.enter());
                drop(entered);
                pause();
                info!("goes on");
            })
        });
        block_on(zip(forgetful, async {
            drop(span);
            info!("dropped");
        }));
    });
    let text = String::from_utf8(text.0.lock().unwrap().clone()).unwrap();
    let lines = ["span: new", "span: enter", "span: exit", "dropped", "span: close", "goes on"];
    assert_eq!(text.lines().collect::<Vec<_>>(), lines);
}

/// A layer that panics when it is told that a span of this name is left.
struct PanicsAt(&'static str);

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for PanicsAt {
    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        assert_ne!(context.span(id).unwrap().name(), self.0);
    }
}

#[test]
fn one_that_panics() {
    let (capture, log) = capture::subscriber();
    with_default(capture.with(PanicsAt("bad")), || {
        let function = || {
            let bad = info_span!("bad");
            let _entered = mem::ManuallyDrop::new(bad.enter());
            catch_unwind(pause).expect_err("the subscriber has panicked");
            let _good = info_span!(parent: None, "good").entered();
            pause();
            info!("goes on");
        };
        block_on(zip(as_async(move || carry_spans(function)), async { info!("neighbour") }));
    });
    assert_eq!(log.events(), ["neighbour", "good: goes on"]);
}
