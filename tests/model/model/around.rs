//! What belongs to a task: context variables and hooks.

use super::{Co, Frame, Model};
use crate::plan::{Event, Id, Surroundings, Values};
use crate::program::{Kind, Within};

/// What a function is called within, and how it is left.
pub(super) enum Left {
    /// The variable gets its value back.
    Scope { variable: usize, before: Id },
    /// All variables do.
    Context(Values),
    /// The task has a hook less.
    Hook { hook: Id, task: Option<Co> },
}

impl Model<'_> {
    /// The innermost future that runs, be it that nobody can wait with it.
    fn task(&self) -> Option<Co> {
        self.poll().map(|poll| match self.chain[poll] {
            Frame::Operation { co, .. } => co,
            _ => unreachable!("a poll is an operation"),
        })
    }

    /// The context variables here.
    pub(super) fn variables(&mut self) -> &mut Values {
        match self.task() {
            Some(co) => &mut self.coroutines[co].variables,
            None => &mut self.variables,
        }
    }

    pub(super) fn surroundings(&mut self) -> Surroundings {
        Surroundings {
            in_coroutine: self.task().is_some(),
            panicking: self.panics.are_any(),
            variables: *self.variables(),
        }
    }

    pub(super) fn enter_within(&mut self, kind: Within, id: Id) -> Left {
        match kind {
            Within::Scope(variable) => {
                let before = std::mem::replace(&mut self.variables()[variable], id);
                Left::Scope { variable, before }
            }
            Within::Context => Left::Context(*self.variables()),
            Within::Hook => {
                let task = self.task();
                if let Some(co) = task {
                    self.coroutines[co].hooks.push(id);
                }
                Left::Hook { hook: id, task }
            }
        }
    }

    pub(super) fn leave_within(&mut self, left: Left) {
        match left {
            Left::Scope { variable, before } => self.variables()[variable] = before,
            Left::Context(values) => *self.variables() = values,
            Left::Hook { hook, task } => {
                if let Some(co) = task {
                    self.coroutines[co].hooks.retain(|other| *other != hook);
                }
            }
        }
    }

    /// Tells the hooks of a future that it is suspended, the innermost first. Gives those that were told.
    pub(super) fn tell_of_suspension(&mut self, co: Co) -> Vec<Id> {
        if self.coroutines[co].kind != Kind::Future {
            return Vec::new();
        }
        let hooks = self.coroutines[co].hooks.clone();
        for hook in hooks.iter().rev() {
            self.tell(*hook, false);
        }
        hooks
    }

    /// Tells those that it goes on, the outermost first.
    pub(super) fn tell_of_resumption(&mut self, hooks: &[Id]) {
        for hook in hooks {
            self.tell(*hook, true);
        }
    }

    fn tell(&mut self, hook: Id, resumes: bool) {
        // Nobody can wait in a hook.
        let sees = Surroundings { in_coroutine: false, ..self.surroundings() };
        self.plan.events.push(Event::Told { hook, resumes, sees });
    }
}
