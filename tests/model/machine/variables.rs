//! The context variables.

use std::rc::Rc;

use mixio::local::ContextVar;

use super::world;
use crate::plan::{Id, Values};
use crate::program::VARIABLES;

/// A value of one.
#[derive(Clone)]
struct Value {
    id: Id,
    /// It counts.
    _counted: Rc<()>,
}

impl Value {
    fn new(id: Id) -> Self {
        Value { id, _counted: world().settings.clone() }
    }
}

static ALL: [ContextVar<Value>; VARIABLES] = [const { ContextVar::new() }; VARIABLES];

/// Those that are seen here.
pub(super) fn get() -> Values {
    ALL.each_ref().map(|variable| variable.get().map_or(0, |value| value.id))
}

pub(super) fn set(variable: usize, value: Id) {
    ALL[variable].set(Value::new(value));
}

pub(super) fn unset(variable: usize) {
    ALL[variable].unset();
}

pub(super) fn unset_all() {
    for variable in &ALL {
        variable.unset();
    }
}

pub(super) fn scope<R>(variable: usize, value: Id, function: impl FnOnce() -> R) -> R {
    ALL[variable].scope(Value::new(value), function)
}
