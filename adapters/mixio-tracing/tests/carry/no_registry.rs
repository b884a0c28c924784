//! Subscribers that are not built on a registry.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mixio::as_async;
use mixio_tracing::in_span;
use smol::future::{block_on, zip};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::{NoSubscriber, with_default};
use tracing::{Event, Level, Metadata, Subscriber, info_span};
use tracing_core::span::Current;

use crate::pause;

/// A subscriber that is no registry. It keeps a stack of its own, which it may tell.
#[derive(Clone, Default)]
struct Plain {
    tells: bool,
    ids: Arc<AtomicU64>,
    entered: Arc<Mutex<Vec<(Id, &'static Metadata<'static>)>>>,
    made: Arc<Mutex<Vec<(Id, &'static Metadata<'static>)>>>,
}

impl Plain {
    fn names(&self) -> Vec<&'static str> {
        self.entered.lock().unwrap().iter().map(|(_, metadata)| metadata.name()).collect()
    }
}

impl Subscriber for Plain {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = Id::from_u64(1 + self.ids.fetch_add(1, Ordering::Relaxed));
        self.made.lock().unwrap().push((id.clone(), attributes.metadata()));
        id
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {}

    fn enter(&self, id: &Id) {
        let made = self.made.lock().unwrap();
        let span = made.iter().find(|(made, _)| made == id).unwrap();
        self.entered.lock().unwrap().push(span.clone());
    }

    fn exit(&self, id: &Id) {
        let mut entered = self.entered.lock().unwrap();
        let place = entered.iter().rposition(|(entered, _)| entered == id).unwrap();
        entered.remove(place);
    }

    fn current_span(&self) -> Current {
        if !self.tells {
            return NoSubscriber::default().current_span();
        }
        let entered = self.entered.lock().unwrap();
        entered.last().map_or(Current::none(), |(id, metadata)| Current::new(id.clone(), metadata))
    }
}

/// What is entered while a function is suspended in two spans, around which there is a third, and when it goes on.
fn seen(plain: &Plain) -> [Vec<&'static str>; 2] {
    let (while_suspended, inside) = (plain.clone(), plain.clone());
    with_default(plain.clone(), || {
        info_span!("main").in_scope(|| {
            let function = as_async(move || {
                in_span(info_span!("outer"), || {
                    let _inner = info_span!("inner").entered();
                    pause();
                    inside.names()
                })
            });
            let (inside, suspended) = block_on(zip(function, async { while_suspended.names() }));
            [suspended, inside]
        })
    })
}

#[test]
fn one_that_tells_its_current_span() {
    let plain = Plain { tells: true, ..Plain::default() };
    assert_eq!(seen(&plain), [vec!["main"], vec!["main", "outer", "inner"]]);
    assert!(plain.names().is_empty());
}

#[test]
fn one_that_does_not_is_left_alone() {
    let plain = Plain::default();
    assert_eq!(seen(&plain), [["main", "outer", "inner"]; 2].map(Vec::from));
    assert!(plain.names().is_empty());
}
