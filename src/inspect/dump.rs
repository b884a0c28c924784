//! What a dump tells.

use std::backtrace::Backtrace;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::record::Record;

/// What there was to be told of all functions at one moment: see [`dump`](super::dump).
///
/// Its `Display` is a line for each, and the backtraces if it [has](Self::with_backtraces) them.
#[derive(Clone, Debug)]
pub struct Dump {
    functions: Vec<Function>,
}

impl Dump {
    pub(super) fn new(records: Vec<Arc<Record>>) -> Self {
        Dump { functions: records.into_iter().map(Function::new).collect() }
    }

    /// Adds the backtraces of the functions that are suspended on this thread: from the place where each waits on to where it
    /// was started, and then of whoever calls this. They take some milliseconds each, unlike the dump itself.
    ///
    /// Another thread's functions may go on at any time, so there are none of those. Nor are there of functions that have gone
    /// on since the dump.
    ///
    /// ```standalone_crate
    /// use mixio::{as_async, inspect, wait};
    ///
    /// #[inline(never)]
    /// fn the_oven() {
    ///     wait(std::future::pending::<()>());
    /// }
    ///
    /// inspect::enable();
    /// let mut baking = as_async(the_oven);
    /// smol::block_on(async { smol::future::poll_once(&mut baking).await });
    /// let dump = inspect::dump().with_backtraces();
    /// assert!(dump.functions()[0].backtrace().unwrap().to_string().contains("the_oven"));
    /// ```
    #[must_use = "they are added to what this gives"]
    pub fn with_backtraces(mut self) -> Self {
        for function in &mut self.functions {
            function.backtrace = function.suspension.and_then(|_| function.record.backtrace()).map(Arc::new);
        }
        self
    }

    /// The functions, in the order in which they have started.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.functions.len();
        write!(f, "{count} function{}", if count == 1 { "" } else { "s" })?;
        for function in &self.functions {
            write!(f, "\n  {function}")?;
        }
        Ok(())
    }
}

/// One function, at the moment of the [`Dump`].
#[derive(Clone, Debug)]
pub struct Function {
    record: Arc<Record>,
    suspension: Option<(&'static Location<'static>, Duration, Option<usize>)>,
    backtrace: Option<Arc<Backtrace>>,
}

impl Function {
    fn new(record: Arc<Record>) -> Self {
        let suspension = record.suspension();
        Function { record, suspension, backtrace: None }
    }

    /// Its number: functions are counted from one as they start.
    pub fn number(&self) -> u64 {
        self.record.number
    }

    /// The name that [`AsAsync::named`](crate::AsAsync::named) gave it.
    pub fn name(&self) -> Option<&str> {
        self.record.name.as_deref()
    }

    /// Where [`as_async`](fn@crate::as_async) was called.
    pub fn created_at(&self) -> &'static Location<'static> {
        self.record.created
    }

    /// Where it waits: the call of [`wait`](crate::wait). `None` if it runs.
    pub fn waits_at(&self) -> Option<&'static Location<'static>> {
        self.suspension.map(|(place, ..)| place)
    }

    /// For how long it has waited there since it last ran. `None` if it runs.
    pub fn waited(&self) -> Option<Duration> {
        self.suspension.map(|(_, waited, _)| waited)
    }

    /// How many bytes of its stack are in use. `None` if it runs, and if it waits on another: inside a
    /// [`Coroutine`](crate::Coroutine) of the user's, or [`on_stack`](crate::on_stack).
    pub fn stack_used(&self) -> Option<usize> {
        self.suspension.and_then(|(.., used)| used)
    }

    /// How many bytes its stack has.
    pub fn stack_size(&self) -> usize {
        self.record.stack_size
    }

    /// Its backtrace, if the dump is one [with backtraces](Dump::with_backtraces), and there is one of this function.
    pub fn backtrace(&self) -> Option<&Backtrace> {
        self.backtrace.as_deref()
    }

    /// The name of its thread, if that has one.
    pub fn thread(&self) -> Option<&str> {
        self.record.thread.name()
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.number())?;
        if let Some(name) = self.name() {
            write!(f, " {name:?}")?;
        }
        match self.suspension {
            Some((place, waited, _)) => write!(f, " waits {waited:.1?} at {place}")?,
            None => write!(f, " runs")?,
        }
        write!(f, ", created at {}", self.created_at())?;
        match self.thread() {
            Some(thread) => write!(f, ", on thread {thread}")?,
            None => write!(f, ", on thread {:?}", self.record.thread.id())?,
        }
        match self.stack_used() {
            Some(used) => write!(f, ", {used} of {} bytes of stack", self.stack_size())?,
            None => write!(f, ", a stack of {} bytes", self.stack_size())?,
        }
        match &self.backtrace {
            Some(backtrace) => write!(f, "\n{backtrace}"),
            None => Ok(()),
        }
    }
}
