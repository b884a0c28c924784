//! What is logged, in which spans; and what the layers are told of spans.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id};
use tracing::{Event, Span, Subscriber};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;

/// A subscriber that keeps a log.
pub(crate) fn subscriber() -> (impl Subscriber + Send + Sync + for<'a> LookupSpan<'a>, Log) {
    let log = Log::default();
    (Registry::default().with(log.clone()), log)
}

/// Calls `test` where such a subscriber is the default. Then all spans must be left, and closed.
pub(crate) fn captured(test: impl FnOnce(&Log)) {
    let (subscriber, log) = subscriber();
    tracing::subscriber::with_default(subscriber, || {
        test(&log);
        assert!(Span::current().is_none(), "{:?} is still entered", Span::current());
    });
    log.assert_balanced();
}

#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Records>>);

#[derive(Default)]
struct Records {
    events: Vec<String>,
    switches: Vec<String>,
    /// How often each is entered.
    open: HashMap<Id, isize>,
}

impl Log {
    /// The events since the last call, each after the spans that it is in: `outer:inner: event`.
    pub(crate) fn events(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap().events)
    }

    /// What was entered (`+name`), left (`-name`) and closed (`!name`) since the last call.
    pub(crate) fn switches(&self) -> String {
        std::mem::take(&mut self.0.lock().unwrap().switches).join(" ")
    }

    pub(crate) fn assert_balanced(&self) {
        let records = self.0.lock().unwrap();
        assert!(records.open.is_empty(), "not closed: {:?}, after {:?}", records.open, records.switches);
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Log {
    fn on_new_span(&self, _: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        assert_eq!(self.0.lock().unwrap().open.insert(id.clone(), 0), None);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = String::new();
        for span in context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().iter().rev() {
            line.push_str(span.name());
            line.push(':');
        }
        event.record(&mut Message(&mut line));
        self.0.lock().unwrap().events.push(line);
    }

    fn on_enter(&self, id: &Id, context: Context<'_, S>) {
        let mut records = self.0.lock().unwrap();
        records.switches.push(format!("+{}", context.span(id).unwrap().name()));
        *records.open.get_mut(id).expect("it is open") += 1;
    }

    fn on_exit(&self, id: &Id, context: Context<'_, S>) {
        let mut records = self.0.lock().unwrap();
        records.switches.push(format!("-{}", context.span(id).unwrap().name()));
        *records.open.get_mut(id).expect("it is open") -= 1;
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let mut records = self.0.lock().unwrap();
        records.switches.push(format!("!{}", context.span(&id).unwrap().name()));
        assert_eq!(records.open.remove(&id), Some(0), "it is closed once, and then it is not entered");
    }
}

struct Message<'a>(&'a mut String);

impl Visit for Message<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            if !self.0.is_empty() {
                self.0.push(' ');
            }
            *self.0 += &format!("{value:?}");
        }
    }
}
