//! Traps that others fell into, tried from safe code: what `docs/soundness.md` says of each. (Those that other tests cover
//! are named there.)

mod support;

use std::cell::{Cell, RefCell};
use std::ffi::{c_int, c_void};
use std::fs;
use std::future::pending;
use std::mem;
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, TryLockError, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use mixio::hooks::{self, carry};
use mixio::local::{Attached, Context};
use mixio::runtime::Reaped;
use mixio::{AsAsync, Cancel, Coroutine, ScopedCoroutine, ScopedCoroutineRef, Yielder, as_async, wait};
use smol::future::{block_on, yield_now, zip};
use support::{in_child, message_of, poll, stderr};

/// Two implementations for what is `Send`, so that `NotSend::<_>` is ambiguous there, and doesn't compile.
trait NotSend<Which> {
    const CHECKED: () = ();
}

impl<T: ?Sized> NotSend<()> for T {}
impl<T: ?Sized + Send> NotSend<u8> for T {}

/// As [`NotSend`].
trait NotSync<Which> {
    const CHECKED: () = ();
}

impl<T: ?Sized> NotSync<()> for T {}
impl<T: ?Sized + Sync> NotSync<u8> for T {}

/// Whatever leads to a stack stays on its thread: this compiles.
macro_rules! stays_on_its_thread {
    ($($type:ty),* $(,)?) => {$(
        const _: () = <$type as NotSend<_>>::CHECKED;
        const _: () = <$type as NotSync<_>>::CHECKED;
    )*};
}

stays_on_its_thread! {
    Coroutine<(), (), ()>,
    ScopedCoroutine<'static, (), (), ()>,
    ScopedCoroutineRef<'static, (), (), (), mixio::stack::DefaultStack>,
    &Yielder<(), ()>,
    AsAsync<()>,
    Cancel<()>,
    Reaped,
    hooks::Inside,
    Context,
    Attached<std::future::Ready<()>>,
}

#[test]
fn a_leaked_stack_stays_under_a_scoped_thread_that_borrows_it() {
    let (leaked, was_leaked) = mpsc::channel();
    let (found, was_found) = mpsc::channel();
    let was_leaked = Mutex::new(was_leaked);
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let local = AtomicU32::new(7);
        thread::scope(|scope| {
            scope.spawn(|| {
                was_leaked.lock().unwrap().recv().unwrap();
                found.send(local.load(Ordering::Relaxed)).unwrap();
            });
            // The scope would wait for the thread when it is left: it never is.
            yielder.suspend(());
        });
    });
    coroutine.resume(());
    mem::forget(coroutine);
    // Had its stack gone back to the pool, these would be on it.
    for _ in 0..10 {
        let mut other = Coroutine::<(), (), _>::new(|_, ()| support::deep(16));
        assert!(other.resume(()).as_return().is_some());
    }
    leaked.send(()).unwrap();
    assert_eq!(was_found.recv_timeout(Duration::from_secs(60)), Ok(7));
}

#[test]
fn a_ref_cell_borrowed_over_a_wait_is_found_borrowed() {
    thread_local!(static LIST: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) });
    let mut borrower = as_async(|| LIST.with_borrow_mut(|_| wait(pending::<()>())));
    let mut neighbour = as_async(|| LIST.with_borrow_mut(|list| list.push(1)));
    assert!(poll(&mut borrower).is_pending());
    let message = message_of(|| poll(&mut neighbour));
    assert!(message.contains("already borrowed") || message.contains("BorrowMutError"), "{message}");
    drop(borrower);
    LIST.with_borrow_mut(|list| assert!(list.is_empty()));
}

/// To the neighbour, the value that is set for the length of a call is its own. Around the future, or carried, it isn't.
#[test]
fn a_task_local_set_for_a_call_leaks_to_the_neighbour() {
    tokio::task_local!(static USER: &'static str);

    fn seen_by_a_neighbour<F: Future>(ann: F) -> Option<&'static str> {
        let neighbour = as_async(|| USER.try_get().ok());
        block_on(zip(ann, neighbour)).1
    }

    fn greet() {
        wait(yield_now());
        assert_eq!(USER.get(), "ann");
    }

    assert_eq!(seen_by_a_neighbour(as_async(|| USER.sync_scope("ann", greet))), Some("ann"));
    assert_eq!(seen_by_a_neighbour(USER.scope("ann", as_async(greet))), None);
    assert_eq!(seen_by_a_neighbour(as_async(|| carry(|inside| USER.scope("ann", inside), greet))), None);
}

#[test]
fn a_mutex_held_over_a_wait_is_locked_for_the_neighbour_and_poisoned_by_the_unwind() {
    let mutex = Arc::new(Mutex::new(1));
    let mut holder = as_async({
        let mutex = mutex.clone();
        move || {
            let guard = mutex.lock().unwrap();
            wait(pending::<()>());
            drop(guard);
        }
    });
    assert!(poll(&mut holder).is_pending());
    // `lock` would block this thread, and with it the one who is to unlock.
    assert!(matches!(mutex.try_lock(), Err(TryLockError::WouldBlock)));
    drop(holder);
    assert!(matches!(mutex.try_lock(), Err(TryLockError::Poisoned(_))));
}

thread_local! {
    /// Whether comparisons wait for what never comes.
    static FOR_EVER: Cell<bool> = const { Cell::new(false) };
}

/// For `qsort`: waits, in the midst of a C function.
extern "C" fn compare(first: *const c_void, second: *const c_void) -> c_int {
    // SAFETY: `qsort` gives the addresses of two elements.
    let first = unsafe { *first.cast::<u32>() };
    // SAFETY: as above.
    let second = unsafe { *second.cast::<u32>() };
    if FOR_EVER.get() {
        wait(pending::<()>());
    }
    wait(yield_now());
    first.cmp(&second) as c_int
}

fn sorted(mut numbers: [u32; 5]) -> [u32; 5] {
    // SAFETY: it is an array of five such elements, and `compare` compares two.
    unsafe { libc::qsort(numbers.as_mut_ptr().cast(), numbers.len(), size_of::<u32>(), Some(compare)) };
    numbers
}

#[test]
fn in_a_callback_from_c() {
    let both = zip(as_async(|| sorted([3, 1, 2, 5, 4])), as_async(|| sorted([9, 8, 7, 6, 5])));
    assert_eq!(block_on(both), ([1, 2, 3, 4, 5], [5, 6, 7, 8, 9]));
}

/// The unwind may not leave an `extern "C"` function.
#[test]
fn dropped_in_a_callback_from_c_it_aborts() {
    let output = in_child("dropped_in_a_callback_from_c_it_aborts", || {
        FOR_EVER.set(true);
        let mut sorting = as_async(|| sorted([3, 1, 2, 5, 4]));
        assert!(poll(&mut sorting).is_pending());
        eprintln!("suspended");
        drop(sorting);
    });
    let stderr = stderr(&output);
    assert!(!output.status.success() && stderr.contains("suspended"), "{stderr}");
    // The latter is the unwinder's word, where the function is inlined into one that can't unwind either.
    let said = ["panic in a function that cannot unwind", "failed to initiate panic"];
    assert!(said.iter().any(|said| stderr.contains(said)), "{stderr}");
}

/// A recursive lock belongs to its thread, not to a stack: so it keeps no neighbour out. What std has behind such a lock is in
/// a `RefCell`, and borrowed for no longer than one write.
#[test]
fn the_lock_of_stdout_is_the_threads() {
    let mut holder = as_async(|| {
        let _lock = std::io::stdout().lock();
        wait(yield_now());
    });
    assert!(poll(&mut holder).is_pending());
    let mut neighbour = as_async(|| drop(std::io::stdout().lock()));
    assert_eq!(poll(&mut neighbour), Poll::Ready(()));
    assert_eq!(poll(&mut holder), Poll::Ready(()));
}

/// Whoever initialises it waits, the neighbour initialises it meanwhile; std's own cells notice.
#[test]
fn a_once_cell_whose_value_waits_is_initialised_by_the_neighbour() {
    let cell = Rc::new(std::cell::OnceCell::new());
    let mut slow = as_async({
        let cell = cell.clone();
        move || {
            *cell.get_or_init(|| {
                wait(yield_now());
                1
            })
        }
    });
    assert!(poll(&mut slow).is_pending());
    assert_eq!(*cell.get_or_init(|| 2), 2);
    let message = message_of(|| poll(&mut slow));
    assert!(message.contains("reentrant init"), "{message}");
    assert_eq!(cell.get(), Some(&2));
}

/// The page names tests as `tests::file::function`: each is there.
#[test]
fn the_page_names_tests_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for folder in ["tests", "src/coroutine/set_aside/tests", "kitchen/tests", "adapters/mixio-diesel/tests"] {
        read_sources(&root.join(folder), &mut sources);
    }
    let page = fs::read_to_string(root.join("docs/soundness.md")).unwrap();
    let named: Vec<_> = page.split('`').filter_map(|code| code.strip_prefix("tests::")?.split_once("::")).collect();
    assert!(named.len() > 20, "{named:?}");
    for (file, function) in named {
        let declaration = format!("fn {function}(");
        let (stem, folder) = (format!("/{file}.rs"), format!("/{file}/"));
        let is_there = sources.iter().any(|(path, source)| {
            (path.ends_with(&stem) || path.contains(&folder))
                && (source.contains(&declaration) || source.contains(&format!("fn {function}<")))
        });
        assert!(is_there, "there is no tests::{file}::{function}");
    }
}

/// All sources in a folder and those below it, by path.
fn read_sources(folder: &Path, sources: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push((path.to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
}
