//! The panics that programs are to meet, and silence about them.

use std::any::Any;
use std::panic;

use super::values::Thrown;
use crate::plan::Payload;

/// What mixio says, from its documentation and its other tests.
const MESSAGES: [(&str, Payload); 10] = [
    ("cannot resume a coroutine that is finished", Payload::Finished),
    ("cannot resume a coroutine that is running, or could not be unwound", Payload::Leaked),
    ("cannot throw into a coroutine that is finished", Payload::Finished),
    ("cannot throw into a coroutine that is running, or could not be unwound", Payload::Leaked),
    ("an `AsAsync` was polled after it had finished", Payload::Finished),
    ("a `Cancel` was polled after it had finished", Payload::Finished),
    ("cannot throw into a coroutine that is suspended by a destructor while it unwinds", Payload::CannotThrow),
    (
        "cannot unwind a coroutine that is suspended by a destructor while it unwinds; its stack is leaked",
        Payload::CannotUnwind,
    ),
    ("cannot take the stack of a coroutine that has not finished", Payload::NotFinished),
    ("cannot take the stack of a coroutine that could not be unwound", Payload::Leaked),
];

/// What a panic says.
pub(super) fn kind(payload: &(dyn Any + Send)) -> Payload {
    if let Some(thrown) = payload.downcast_ref::<Thrown>() {
        return Payload::Thrown(thrown.id());
    }
    let Some(text) = message(payload) else {
        // What it is nobody but mixio can see.
        return Payload::Forced(0);
    };
    if text.starts_with("a destructor waits at tests/model/machine/body.rs:") {
        return Payload::Stranded;
    }
    MESSAGES.iter().find(|(message, _)| *message == text).map_or(Payload::Other, |(_, kind)| *kind)
}

/// The message that it is, if it is one.
pub(super) fn message(payload: &(dyn Any + Send)) -> Option<&str> {
    payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied())
}

/// Sets a panic hook that is silent about those that are expected.
pub(crate) fn silence() {
    let others = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if kind(info.payload()) == Payload::Other {
            others(info);
        }
    }));
}
