//! What several of the tests share.
#![allow(dead_code, reason = "each test file is a crate of its own, and uses some of this")]

pub(crate) mod gdb;

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::env;
use std::future::poll_fn;
use std::hint::black_box;
use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::pin::Pin;
use std::process::{Child, Command, Output, Stdio};
use std::ptr;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use mixio::stack::{DEFAULT_STACK_SIZE, DefaultStack, Stack, StackPointer, UnguardedStack};

/// Whether `exit` runs the destructors of the thread-locals of a thread that isn't the main one. glibc does, unless it is
/// linked statically.
pub(crate) const EXIT_RUNS_DESTRUCTORS: bool = !cfg!(target_feature = "crt-static");

/// Counts how many of the [`Counted`] that it made were dropped.
#[derive(Clone, Debug, Default)]
pub(crate) struct Drops(Rc<Cell<usize>>);

impl Drops {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.get()
    }

    /// Some of them will never be dropped, on purpose.
    pub(crate) fn keep(&self) {
        keep(&*self.0);
    }

    pub(crate) fn counted(&self) -> Counted {
        Counted(self.clone())
    }

    /// A stack that counts as one, too.
    pub(crate) fn stack(&self) -> CountedStack {
        self.stack_of(DEFAULT_STACK_SIZE)
    }

    pub(crate) fn stack_of(&self, size: usize) -> CountedStack {
        CountedStack { stack: DefaultStack::new(size).expect("a stack"), _counted: self.counted() }
    }
}

/// A value whose drop is counted.
#[derive(Debug)]
pub(crate) struct Counted(Drops);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.0.set(self.0.count() + 1);
    }
}

/// A stack whose drop is counted.
#[derive(Debug)]
pub(crate) struct CountedStack {
    stack: DefaultStack,
    _counted: Counted,
}

// SAFETY: it is the stack within.
unsafe impl Stack for CountedStack {
    fn base(&self) -> StackPointer {
        self.stack.base()
    }

    fn limit(&self) -> StackPointer {
        self.stack.limit()
    }
}

/// Writes down what happens, in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log(Rc<RefCell<Vec<String>>>);

impl Log {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn push(&self, entry: impl Into<String>) {
        self.0.borrow_mut().push(entry.into());
    }

    /// A literal takes no memory of its own: on a stack that is leaked on purpose, AddressSanitizer might not find it.
    pub(crate) fn on_drop<E: Into<String>>(&self, entry: E) -> OnDrop<impl FnOnce() + use<E>> {
        let log = self.clone();
        on_drop(move || log.push(entry))
    }

    pub(crate) fn entries(&self) -> Vec<String> {
        self.0.borrow().clone()
    }
}

/// Calls a function when it is dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

pub(crate) fn on_drop<F: FnOnce()>(function: F) -> OnDrop<F> {
    OnDrop(Some(function))
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(function) = self.0.take() {
            function();
        }
    }
}

/// Needs about `depth` times 1 KiB of stack, in any build.
#[inline(never)]
pub(crate) fn deep(depth: u32) -> u32 {
    let room = black_box([depth; 256]);
    let below = if depth == 0 { 0 } else { deep(depth - 1) };
    below + u32::from(room[depth as usize % 256] == depth)
}

/// Two stacks side by side in memory: the first lies above the second. The memory is never freed.
pub(crate) fn above_and_below(size: usize) -> (UnguardedStack<'static>, UnguardedStack<'static>) {
    let memory = Box::leak(Box::new_uninit_slice(2 * size));
    keep(memory);
    let (low, high) = memory.split_at_mut(size);
    // SAFETY: the tests that use them know what they call, and bring enough.
    let above = unsafe { UnguardedStack::borrowed(high) }.expect("enough memory");
    // SAFETY: as above.
    let below = unsafe { UnguardedStack::borrowed(low) }.expect("enough memory");
    assert!(below.base() <= above.limit());
    (above, below)
}

/// The size of a page.
pub(crate) fn page_size() -> usize {
    // SAFETY: it only asks.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    assert!(page.is_power_of_two() && page >= 4096);
    page
}

/// Polls once, by an executor that hears of no wake.
pub(crate) fn poll<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Pending once, and wakes at once.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// The payload of the panic that `function` ends in.
pub(crate) fn panic_of<T>(function: impl FnOnce() -> T) -> Box<dyn Any + Send> {
    match catch_unwind(AssertUnwindSafe(function)) {
        Ok(_) => panic!("it was to panic, and didn't"),
        Err(payload) => payload,
    }
}

/// The message of the panic that `function` ends in.
pub(crate) fn message_of<T>(function: impl FnOnce() -> T) -> String {
    message(panic_of(function))
}

/// The message that a panic's payload is.
pub(crate) fn message(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().expect("the payload is a message").to_string(),
    }
}

/// What Cargo runs a test with, and its arguments: on a machine of another architecture an emulator; or valgrind.
///
/// Under an emulator a program of our own can't be executed by its name, but any program of the host can.
pub(crate) fn runner() -> Vec<String> {
    let runner = if cfg!(target_arch = "aarch64") {
        "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER"
    } else {
        "CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER"
    };
    env::var(runner).unwrap_or_default().split_whitespace().map(str::to_owned).collect()
}

/// Whether valgrind runs this: a kernel does, but each instruction takes fifty times as long.
pub(crate) fn under_valgrind() -> bool {
    runner().first().is_some_and(|runner| runner.contains("valgrind"))
}

/// The runner, if it is an emulator.
pub(crate) fn emulator() -> Vec<String> {
    if under_valgrind() { Vec::new() } else { runner() }
}

/// Whether an emulator runs this, and not a kernel.
pub(crate) fn is_emulated() -> bool {
    !emulator().is_empty()
}

/// Keeps what a test leaks on purpose where a search for leaks finds it.
pub(crate) fn keep<T: ?Sized>(leaked: &T) {
    static KEPT: AtomicPtr<Kept> = AtomicPtr::new(ptr::null_mut());

    /// A list that only grows.
    struct Kept {
        _address: *const (),
        _next: *mut Kept,
    }

    let mut next = KEPT.load(Ordering::Relaxed);
    let kept = Box::into_raw(Box::new(Kept { _address: ptr::from_ref(leaked).cast(), _next: next }));
    while let Err(other) = KEPT.compare_exchange(next, kept, Ordering::AcqRel, Ordering::Relaxed) {
        next = other;
        // SAFETY: nobody else has it yet.
        unsafe { (*kept)._next = next };
    }
}

/// Runs a program that was compiled together with this test. It leaves no core dump.
pub(crate) fn command_for(program: &Path) -> Command {
    let mut command = limited("ulimit -c 0");
    command.args(runner()).arg(program);
    command
}

/// Runs its arguments under limits that a shell sets.
pub(crate) fn limited(limits: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", &format!("{limits}; exec \"$@\""), "sh"]);
    command
}

/// Says which test runs as a child process.
const CHILD: &str = "MIXIO_TEST_CHILD";

/// Whether this is the process that runs only this test, and its body.
pub(crate) fn is_child(test: &str) -> bool {
    env::var(CHILD).is_ok_and(|name| name == test)
}

/// What makes this program run only this test, in its main thread.
pub(crate) fn child_arguments(test: &str) -> [&str; 4] {
    [test, "--exact", "--nocapture", "--test-threads=1"]
}

/// What makes it run the body.
pub(crate) fn child_environment(test: &str) -> [(&str, &str); 1] {
    [(CHILD, test)]
}

/// Runs `body` in a process of its own, for what ends a process or changes it for good.
///
/// `test` is the name of the test that calls this, first and only once: the child runs that test again, and gets no
/// further than here.
pub(crate) fn in_child(test: &str, body: impl FnOnce()) -> Output {
    in_child_of(&runner(), test, "ulimit -c 0", body)
}

/// As [`in_child`], for what touches memory that it may not touch: never under valgrind, which would report that, rightly.
pub(crate) fn in_faulting_child(test: &str, body: impl FnOnce()) -> Output {
    in_child_of(&emulator(), test, "ulimit -c 0", body)
}

/// As [`in_child`], under limits that a shell sets, or where there are no more mappings: never under valgrind, which needs
/// much of all that for itself.
pub(crate) fn in_limited_child(test: &str, limits: &str, body: impl FnOnce()) -> Output {
    in_child_of(&emulator(), test, limits, body)
}

fn in_child_of(runner: &[String], test: &str, limits: &str, body: impl FnOnce()) -> Output {
    if is_child(test) {
        body();
        // Not by way of the test harness: it may not survive what has been done to the process.
        std::process::exit(0);
    }
    let mut command = limited(limits);
    command.args(runner).arg(env::current_exe().expect("a test knows where it is"));
    command.args(child_arguments(test)).envs(child_environment(test));
    output_within(command, Duration::from_secs(120))
}

/// The output of a process that must not take longer than that.
pub(crate) fn output_within(mut command: Command, limit: Duration) -> Output {
    let start = Instant::now();
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot run {command:?}: {error}"));
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let status = loop {
        match child.try_wait().expect("a child can be waited for") {
            Some(status) => break status,
            None if start.elapsed() > limit => {
                end(&mut child);
                let (stdout, stderr) = (stdout.join(), stderr.join());
                panic!("{command:?} took longer than {limit:?}; it had printed {stdout:?} and {stderr:?}");
            }
            None => thread::sleep(Duration::from_millis(5)),
        }
    };
    Output { status, stdout: stdout.join().expect("reading"), stderr: stderr.join().expect("reading") }
}

/// Ends a process that may have ended by itself.
pub(crate) fn end(child: &mut Child) {
    drop(child.kill());
    drop(child.wait());
}

/// Reads all of a pipe, so that it doesn't fill up.
fn drain(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<Vec<u8>> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.expect("a pipe").read_to_end(&mut bytes).expect("a pipe can be read");
        bytes
    })
}

/// Fails with all that the child has printed, unless it has ended well.
pub(crate) fn assert_success(output: &Output) {
    assert!(output.status.success(), "{}: {}", output.status, stderr(output));
}

/// What the child has printed to the standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Fails unless `text` has all of `names`, in this order.
pub(crate) fn assert_in_order(text: &str, names: &[&str]) {
    let mut rest = text;
    for name in names {
        let Some(at) = rest.find(name) else {
            panic!("{name} is missing, or not in the order of {names:?}, in:\n{text}");
        };
        rest = &rest[at + name.len()..];
    }
}
