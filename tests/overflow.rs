//! Running off the end of a stack: the report, the end of the process, and handlers of other people's.

mod support;

use std::ffi::{CStr, c_int, c_void};
use std::hint::black_box;
use std::mem;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Output;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use mixio::stack::{DEFAULT_STACK_SIZE, DefaultStack, Guards, MIN_STACK_SIZE, Stack, StackPool};
use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder, as_async, on_stack, wait};
use support::{assert_success, in_child, in_faulting_child, page_size, poll, stderr};

/// Recurses until there is no stack left, in small steps.
#[inline(never)]
fn recurse(depth: u64) -> u64 {
    let room = black_box([depth; 16]);
    if depth == u64::MAX {
        return 0;
    }
    // What comes back is needed, and so is what was there before: it is no tail call.
    let below = recurse(black_box(depth + 1));
    below.wrapping_add(black_box(room)[below as usize % 16])
}

fn overflow() {
    black_box(recurse(black_box(0)));
    eprintln!("not reached");
}

/// A coroutine that overflows when it is resumed.
fn overflowing() -> Coroutine<(), (), ()> {
    Coroutine::new(|_, ()| overflow())
}

/// One frame of a mebibyte.
#[inline(never)]
fn huge_frame(value: u8) -> u8 {
    let mut room = [value; 1 << 20];
    black_box(&mut room)[usize::from(value)]
}

/// Tells the parent which line is to be in the report.
fn expect_line(line: u32) {
    eprintln!("in line {line}.");
}

/// Fails unless the process was ended by one report, of a stack of about such a size, that names the line which the child
/// has told.
fn assert_reported(output: &Output, size: usize) {
    let stderr = stderr(output);
    let line = stderr.split("in line ").nth(1).and_then(|rest| rest.split('.').next());
    let line = line.unwrap_or_else(|| panic!("no line in: {stderr}"));
    let created = format!("\nmixio: the coroutine created at tests/overflow.rs:{line}:");
    assert!(stderr.contains(&created), "{created} is not in: {stderr}");
    assert_ended_by_report(output, size);
}

/// Fails unless the process was ended by one report, of a stack of about such a size.
fn assert_ended_by_report(output: &Output, size: usize) {
    let stderr = stderr(output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{:?}: {stderr}", output.status);
    assert_eq!(stderr.matches("mixio: ").count(), 1, "{stderr}");
    let (_, rest) = stderr.split_once(" has overflowed its stack of ").unwrap_or_else(|| panic!("{stderr}"));
    let (told, rest) = rest.split_once(' ').unwrap();
    let told: usize = told.parse().unwrap();
    assert!(told >= size && told < size.next_power_of_two() + 4 * page_size(), "{told} for {size}: {stderr}");
    for part in ["stack_size(bytes)", "DefaultStack::new(bytes)", "StackPool::builder()"] {
        assert!(rest.contains(part), "{part} is not in: {stderr}");
    }
    assert!(rest.contains("\nfatal: stack overflow in a coroutine, aborting\n"), "{stderr}");
    assert!(!stderr.contains("not reached"), "{stderr}");
}

/// Fails unless it was this signal that ended the process, with no report of ours.
fn assert_not_ours(output: &Output, signal: c_int) {
    let stderr = stderr(output);
    assert_eq!(output.status.signal(), Some(signal), "{:?}: {stderr}", output.status);
    assert!(stderr.contains("about to") && !stderr.contains("not reached"), "{stderr}");
    assert!(!stderr.contains("mixio"), "{stderr}");
}

#[test]
fn of_a_coroutine() {
    let output = in_child("of_a_coroutine", || {
        expect_line(line!() + 1);
        let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| overflow());
        coroutine.resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_a_coroutine_that_was_suspended_and_moved() {
    let output = in_child("of_a_coroutine_that_was_suspended_and_moved", || {
        expect_line(line!() + 1);
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            yielder.suspend(());
            overflow();
        });
        coroutine.resume(());
        // Others come and go meanwhile, on other stacks.
        for _ in 0..100 {
            Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        }
        let mut coroutine = Box::new(coroutine);
        coroutine.resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_one_made_by_try_new() {
    let output = in_child("of_one_made_by_try_new", || {
        expect_line(line!() + 1);
        let mut coroutine = Coroutine::<(), (), ()>::try_new(|_, ()| overflow()).unwrap();
        coroutine.resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_one_on_a_stack_of_its_own() {
    let output = in_child("of_one_on_a_stack_of_its_own", || {
        let stack = DefaultStack::new(100_000).unwrap();
        expect_line(line!() + 1);
        let mut coroutine = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow());
        coroutine.resume(());
    });
    assert_reported(&output, 100_000);
}

#[test]
fn of_a_scoped_coroutine() {
    let output = in_child("of_a_scoped_coroutine", || {
        let text = String::from("borrowed");
        expect_line(line!() + 1);
        let scoped = ScopedCoroutine::<(), (), _>::new(|_, ()| {
            overflow();
            text.len()
        });
        scoped.scope(|mut coroutine| coroutine.resume(()));
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_a_scoped_coroutine_on_a_borrowed_stack() {
    let output = in_child("of_a_scoped_coroutine_on_a_borrowed_stack", || {
        let mut stack = DefaultStack::new(MIN_STACK_SIZE).unwrap();
        // Somebody else's before.
        ScopedCoroutine::<(), (), _, _>::with_stack(&mut stack, |_, ()| ()).scope(|mut coroutine| coroutine.resume(()));
        expect_line(line!() + 1);
        let scoped = ScopedCoroutine::<(), (), _, _>::with_stack(&mut stack, |_, ()| overflow());
        scoped.scope(|mut coroutine| coroutine.resume(()));
    });
    assert_reported(&output, MIN_STACK_SIZE);
}

#[test]
fn of_an_as_async() {
    let output = in_child("of_an_as_async", || {
        expect_line(line!() + 1);
        let mut future = as_async(overflow);
        assert_eq!(poll(&mut future), Poll::Pending);
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_an_as_async_with_a_size() {
    let output = in_child("of_an_as_async_with_a_size", || {
        expect_line(line!() + 1);
        let mut future = as_async(|| {
            wait(smol::future::yield_now());
            overflow();
        })
        .stack_size(300_000);
        assert_eq!(poll(&mut future), Poll::Pending);
        assert_eq!(poll(&mut future), Poll::Pending);
    });
    assert_reported(&output, 300_000);
}

#[test]
fn of_an_as_async_with_a_pool() {
    let output = in_child("of_an_as_async_with_a_pool", || {
        let pool = StackPool::builder().stack_size(40_000).guard_size(100_000).build().unwrap();
        expect_line(line!() + 1);
        let mut future = as_async(overflow).stack_pool(&pool);
        assert_eq!(poll(&mut future), Poll::Pending);
    });
    assert_reported(&output, 40_000);
}

#[test]
fn of_on_stack() {
    let output = in_child("of_on_stack", || {
        let stack = DefaultStack::new(64 << 10).unwrap();
        expect_line(line!() + 1);
        on_stack(stack, overflow);
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_the_inner_one() {
    let output = in_child("of_the_inner_one", || {
        let mut outer = Coroutine::<(), (), ()>::new(|_, ()| {
            let stack = DefaultStack::new(64 << 10).unwrap();
            expect_line(line!() + 1);
            let mut inner = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow());
            inner.resume(());
        });
        outer.resume(());
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_the_outer_one_with_an_inner_one_suspended() {
    let output = in_child("of_the_outer_one_with_an_inner_one_suspended", || {
        let stack = DefaultStack::new(64 << 10).unwrap();
        expect_line(line!() + 1);
        let mut outer = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| {
            let mut inner = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
            assert_eq!(inner.resume(()), CoroutineResult::Yield(()));
            overflow();
        });
        outer.resume(());
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_the_outer_one_by_way_of_its_own_stack() {
    // The inner one lends itself the stack that it was resumed from, and that is the one which overflows.
    let output = in_child("of_the_outer_one_by_way_of_its_own_stack", || {
        let stack = DefaultStack::new(64 << 10).unwrap();
        expect_line(line!() + 1);
        let mut outer = Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| {
            Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.on_parent_stack(overflow)).resume(());
        });
        outer.resume(());
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_a_wait_deep_in_another() {
    // An `as_async` that is polled by the `wait` of another one.
    let output = in_child("of_a_wait_deep_in_another", || {
        let mut outer = as_async(|| {
            expect_line(line!() + 1);
            wait(as_async(overflow).stack_size(64 << 10));
        });
        assert_eq!(poll(&mut outer), Poll::Pending);
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn in_a_thread_of_std() {
    let output = in_child("in_a_thread_of_std", || {
        thread::spawn(|| {
            expect_line(line!() + 1);
            Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
        })
        .join()
        .unwrap();
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

/// Runs a function in a thread that `std` knows nothing of.
fn in_foreign_thread(function: fn()) {
    extern "C" fn start(function: *mut c_void) -> *mut c_void {
        // SAFETY: it is the function that was given below.
        let function: fn() = unsafe { mem::transmute(function) };
        function();
        ptr::null_mut()
    }

    let mut thread = mem::MaybeUninit::uninit();
    // SAFETY: there is room for the answer; the function is what it is to be.
    let answer = unsafe { libc::pthread_create(thread.as_mut_ptr(), ptr::null(), start, function as *mut c_void) };
    assert_eq!(answer, 0);
    // SAFETY: it was written.
    let thread = unsafe { thread.assume_init() };
    // SAFETY: it is a thread that nobody else waits for.
    assert_eq!(unsafe { libc::pthread_join(thread, ptr::null_mut()) }, 0);
}

#[test]
fn in_a_foreign_thread() {
    let output = in_child("in_a_foreign_thread", || {
        in_foreign_thread(|| {
            expect_line(line!() + 1);
            Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
        });
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn in_a_foreign_thread_on_a_large_stack() {
    let output = in_child("in_a_foreign_thread_on_a_large_stack", || {
        in_foreign_thread(|| {
            expect_line(line!() + 1);
            let mut future = as_async(overflow).stack_size(65 << 20);
            assert_eq!(poll(&mut future), Poll::Pending);
        });
    });
    assert_reported(&output, 65 << 20);
}

#[test]
fn in_a_foreign_thread_on_a_stack_that_it_was_given() {
    // It never takes one from a pool.
    let output = in_child("in_a_foreign_thread_on_a_stack_that_it_was_given", || {
        static GIVEN: std::sync::Mutex<Option<DefaultStack>> = std::sync::Mutex::new(None);
        *GIVEN.lock().unwrap() = Some(DefaultStack::new(64 << 10).unwrap());
        in_foreign_thread(|| {
            let stack = GIVEN.lock().unwrap().take().unwrap();
            expect_line(line!() + 1);
            Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow()).resume(());
        });
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn in_a_foreign_thread_on_a_stack_that_it_has_dropped_before() {
    // What it takes was in its cache before it ever asked for one.
    let output = in_child("in_a_foreign_thread_on_a_stack_that_it_has_dropped_before", || {
        static GIVEN: std::sync::Mutex<Option<DefaultStack>> = std::sync::Mutex::new(None);
        *GIVEN.lock().unwrap() = Some(DefaultStack::default());
        in_foreign_thread(|| {
            drop(GIVEN.lock().unwrap().take());
            expect_line(line!() + 1);
            Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
        });
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn foreign_threads_that_end_leave_no_signal_stacks() {
    let output = in_child("foreign_threads_that_end_leave_no_signal_stacks", || {
        let mappings = || std::fs::read_to_string("/proc/self/maps").unwrap().lines().count();
        let one = || {
            in_foreign_thread(|| {
                Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
            });
        };
        one();
        let before = mappings();
        (0..100).for_each(|_| one());
        assert!(mappings() < before + 20);
    });
    assert_success(&output);
}

/// Overflows a coroutine on a stack with such guards.
fn overflow_with(guards: Guards) {
    if !guards.available() {
        // Nothing to see: as if.
        expect_line(line!() + 1);
        Coroutine::<(), (), (), _>::with_stack(DefaultStack::new(64 << 10).unwrap(), |_, ()| overflow()).resume(());
    }
    let pool = StackPool::builder().stack_size(64 << 10).guards(guards).build().unwrap();
    // In the midst of others.
    let _below: Vec<_> = (0..10).map(|_| pool.get().unwrap()).collect();
    let stack = pool.get().unwrap();
    let _above: Vec<_> = (0..10).map(|_| pool.get().unwrap()).collect();
    expect_line(line!() + 1);
    Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow()).resume(());
}

#[test]
fn with_installed_guards() {
    let output = in_child("with_installed_guards", || overflow_with(Guards::Installed));
    assert_reported(&output, 64 << 10);
}

#[test]
fn with_unmapped_guards() {
    let output = in_child("with_unmapped_guards", || overflow_with(Guards::Unmapped));
    assert_reported(&output, 64 << 10);
}

#[test]
fn with_protected_guards() {
    let output = in_child("with_protected_guards", || overflow_with(Guards::Protected));
    assert_reported(&output, 64 << 10);
}

#[test]
fn of_a_stack_whose_memory_was_given_back() {
    let output = in_child("of_a_stack_whose_memory_was_given_back", || {
        let pool = StackPool::builder().stack_size(64 << 10).keep_resident(0).build().unwrap();
        drop((0..200).map(|_| pool.get().unwrap()).collect::<Vec<_>>());
        let mut stacks: Vec<_> = (0..200).map(|_| pool.get().unwrap()).collect();
        expect_line(line!() + 1);
        Coroutine::<(), (), (), _>::with_stack(stacks.pop().unwrap(), |_, ()| overflow()).resume(());
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn after_other_pools_have_come_and_gone() {
    let output = in_child("after_other_pools_have_come_and_gone", || {
        for size in [4096, 1 << 20, 100_000] {
            let pool = StackPool::builder().stack_size(size).guard_size(size).build().unwrap();
            drop((0..100).map(|_| pool.get().unwrap()).collect::<Vec<_>>());
        }
        let pool = StackPool::builder().stack_size(50_000).build().unwrap();
        expect_line(line!() + 1);
        Coroutine::<(), (), (), _>::with_stack(pool.get().unwrap(), |_, ()| overflow()).resume(());
    });
    assert_reported(&output, 50_000);
}

#[test]
fn of_more_than_64_mebibytes() {
    let output = in_child("of_more_than_64_mebibytes", || {
        let stack = DefaultStack::new((64 << 20) + 1).unwrap();
        expect_line(line!() + 1);
        Coroutine::<(), (), (), _>::with_stack(stack, |_, ()| overflow()).resume(());
    });
    assert_reported(&output, (64 << 20) + 1);
}

#[test]
#[cfg_attr(
    mixio_sanitizer = "address",
    ignore = "the sanitizer makes room for large arrays without touching each page"
)]
fn by_one_huge_frame() {
    // Larger than the stack, and than all guards and stacks below it that there may be: it is touched page by page.
    let output = in_child("by_one_huge_frame", || {
        let below: Vec<_> = (0..10).map(|_| DefaultStack::new(64 << 10).unwrap()).collect();
        let stack = DefaultStack::new(64 << 10).unwrap();
        expect_line(line!() + 1);
        let mut coroutine = Coroutine::<u8, (), u8, _>::with_stack(stack, |_, n| huge_frame(n));
        coroutine.resume(1);
        eprintln!("not reached");
        drop(below);
    });
    assert_reported(&output, 64 << 10);
}

#[test]
fn while_it_unwinds() {
    let output = in_child("while_it_unwinds", || {
        expect_line(line!() + 1);
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _overflows = support::on_drop(overflow);
            yielder.suspend(());
        });
        coroutine.resume(());
        drop(coroutine);
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_an_ordinary_thread_is_reported_by_std() {
    let output = in_child("of_an_ordinary_thread_is_reported_by_std", || {
        // Our handler is there.
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        eprintln!("about to");
        drop(thread::Builder::new().name("an ordinary thread".into()).spawn(overflow).unwrap().join());
    });
    assert_not_ours(&output, libc::SIGABRT);
    let stderr = stderr(&output);
    assert!(stderr.contains("thread 'an ordinary thread'") && stderr.contains("has overflowed its stack"), "{stderr}");
}

#[test]
fn of_the_main_thread_is_reported_by_std() {
    let output = in_child("of_the_main_thread_is_reported_by_std", || {
        // It lies below the coroutine that lends it.
        eprintln!("about to");
        Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.on_parent_stack(overflow)).resume(());
    });
    assert_not_ours(&output, libc::SIGABRT);
    let stderr = stderr(&output);
    assert!(stderr.contains("has overflowed its stack\nfatal runtime error: stack overflow"), "{stderr}");
}

/// Where nothing is ever mapped.
fn nowhere() -> *mut u8 {
    ptr::without_provenance_mut(black_box(16))
}

fn write_to(address: *mut u8) {
    eprintln!("about to");
    // SAFETY: none: it must fault, or whoever handles that sees to it that it can be written.
    unsafe { address.write_volatile(1) };
}

/// A page that can't be written.
fn read_only_page() -> *mut u8 {
    let (length, flags) = (page_size(), libc::MAP_PRIVATE | libc::MAP_ANON);
    // SAFETY: it takes addresses that nothing is mapped at.
    let page = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, flags, -1, 0) };
    assert_ne!(page, libc::MAP_FAILED);
    page.cast()
}

#[test]
fn a_write_to_nowhere_is_no_overflow() {
    let output = in_child("a_write_to_nowhere_is_no_overflow", || {
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        write_to(nowhere());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_write_to_nowhere_in_a_coroutine_is_no_overflow() {
    let output = in_faulting_child("a_write_to_nowhere_in_a_coroutine_is_no_overflow", || {
        let mut coroutine = Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere()));
        coroutine.resume(());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_write_to_nowhere_in_a_foreign_thread_is_no_overflow() {
    let output = in_faulting_child("a_write_to_nowhere_in_a_foreign_thread_is_no_overflow", || {
        in_foreign_thread(|| {
            Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere())).resume(());
            eprintln!("not reached");
        });
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_write_to_read_only_memory_is_no_overflow() {
    let output = in_faulting_child("a_write_to_read_only_memory_is_no_overflow", || {
        let page = read_only_page();
        let mut coroutine = Coroutine::<(), (), ()>::new(move |_, ()| write_to(page));
        coroutine.resume(());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_write_to_where_a_pool_was_is_no_overflow() {
    let output = in_child("a_write_to_where_a_pool_was_is_no_overflow", || {
        let pool = StackPool::builder().stack_size(64 << 10).guards(Guards::Protected).build().unwrap();
        let stack = pool.get().unwrap();
        let (limit, base) = (stack.limit().get(), stack.base().get());
        drop(stack);
        drop(pool);
        // It is somebody else's now, who has no room to write there.
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED_NOREPLACE;
        let (address, length) = (ptr::without_provenance_mut(limit), base + page_size() - limit);
        // SAFETY: it takes addresses that nothing is mapped at, or none.
        let memory = unsafe { libc::mmap(address, length, libc::PROT_READ, flags, -1, 0) };
        assert_eq!(memory, address);
        write_to(memory.cast());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

#[test]
fn a_signal_that_was_sent_is_no_overflow() {
    // `std` takes the first one for a fault that will come again, and leaves the next one to the system.
    let output = in_child("a_signal_that_was_sent_is_no_overflow", || {
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        eprintln!("about to");
        raise(libc::SIGSEGV);
        raise(libc::SIGSEGV);
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
}

/// Sends this thread a signal, which it has handled when this returns.
fn raise(signal: c_int) {
    // SAFETY: what happens then is what the test is about.
    assert_eq!(unsafe { libc::raise(signal) }, 0);
}

/// Sends this process a signal that is to end it, as others may. Whichever thread handles it, at whatever time.
fn kill(signal: c_int) {
    // SAFETY: it only asks.
    let process = unsafe { libc::getpid() };
    // SAFETY: what happens then is what the test is about.
    assert_eq!(unsafe { libc::kill(process, signal) }, 0);
    thread::sleep(Duration::from_secs(30));
}

type Handler = extern "C" fn(c_int, *mut libc::siginfo_t, *mut c_void);

/// Installs an action for SIGSEGV, and gives the one before.
fn install(handler: usize, flags: c_int) -> libc::sigaction {
    // SAFETY: all zeros are a valid action.
    let mut action: libc::sigaction = unsafe { mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: as above.
    let mut previous: libc::sigaction = unsafe { mem::zeroed() };
    // SAFETY: the handlers in this file do what one may do.
    assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, &action, &mut previous) }, 0);
    previous
}

fn say(text: &CStr) {
    // SAFETY: it is a text, and its length.
    unsafe { libc::write(libc::STDERR_FILENO, text.as_ptr().cast(), text.count_bytes()) };
}

/// Ends the process as no signal does.
fn exit() -> ! {
    // SAFETY: it may be called anywhere.
    unsafe { libc::_exit(42) }
}

extern "C" fn foreign_handler(_: c_int, information: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives it, or whoever passes the signal on.
    let information = unsafe { &*information };
    // SAFETY: of a fault there is an address.
    let address = unsafe { information.si_addr() };
    assert_eq!(address.addr(), nowhere().addr());
    assert!(!context.is_null());
    say(c"the foreign handler\n");
    exit();
}

extern "C" fn foreign_handler_without_information(signal: c_int) {
    assert_eq!(signal, libc::SIGSEGV);
    say(c"the foreign handler\n");
    exit();
}

/// Fails unless the foreign handler has ended the process, and we had nothing to say.
fn assert_handled(output: &Output) {
    let stderr = stderr(output);
    assert_eq!(output.status.code(), Some(42), "{:?}: {stderr}", output.status);
    assert!(stderr.contains("the foreign handler") && !stderr.contains("mixio"), "{stderr}");
}

#[test]
fn a_handler_installed_before_gets_foreign_faults() {
    let output = in_faulting_child("a_handler_installed_before_gets_foreign_faults", || {
        install(foreign_handler as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere())).resume(());
    });
    assert_handled(&output);
}

#[test]
fn a_handler_without_information_installed_before_gets_foreign_faults() {
    let output = in_faulting_child("a_handler_without_information_installed_before_gets_foreign_faults", || {
        install(foreign_handler_without_information as *const () as usize, 0);
        Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere())).resume(());
    });
    assert_handled(&output);
}

#[test]
fn a_handler_installed_before_gets_signals_that_were_sent() {
    let output = in_child("a_handler_installed_before_gets_signals_that_were_sent", || {
        install(foreign_handler_without_information as *const () as usize, 0);
        Coroutine::<(), (), ()>::new(|_, ()| kill(libc::SIGSEGV)).resume(());
    });
    assert_handled(&output);
}

#[test]
fn a_handler_installed_before_does_not_get_overflows() {
    let output = in_child("a_handler_installed_before_does_not_get_overflows", || {
        install(foreign_handler as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        expect_line(line!() + 1);
        Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
    assert!(!stderr(&output).contains("foreign"));
}

#[test]
fn a_handler_installed_before_has_its_mask_and_flags() {
    static BLOCKED: AtomicUsize = AtomicUsize::new(0);

    /// Notes which of the two signals are blocked meanwhile.
    extern "C" fn handler(_: c_int) {
        // SAFETY: all zeros are a valid set.
        let mut set: libc::sigset_t = unsafe { mem::zeroed() };
        // SAFETY: it only asks, and there is room for the answer.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), &mut set) };
        for (bit, signal) in [libc::SIGSEGV, libc::SIGUSR1].into_iter().enumerate() {
            // SAFETY: the set was written.
            let is_blocked = unsafe { libc::sigismember(&set, signal) } == 1;
            BLOCKED.fetch_or(usize::from(is_blocked) << bit, Ordering::Relaxed);
        }
        BLOCKED.fetch_or(4, Ordering::Relaxed);
    }

    let output = in_faulting_child("a_handler_installed_before_has_its_mask_and_flags", || {
        // SAFETY: all zeros are a valid action.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = handler as *const () as usize;
        action.sa_flags = libc::SA_NODEFER;
        // SAFETY: it is a set.
        unsafe { libc::sigaddset(&mut action.sa_mask, libc::SIGUSR1) };
        // SAFETY: the handler does what one may do.
        assert_eq!(unsafe { libc::sigaction(libc::SIGSEGV, &action, ptr::null_mut()) }, 0);
        Coroutine::<(), (), ()>::new(|_, ()| raise(libc::SIGSEGV)).resume(());
        assert_eq!(BLOCKED.load(Ordering::Relaxed), 4 | 2, "as it has asked for");
    });
    assert_success(&output);
}

#[test]
fn a_handler_installed_before_for_one_time_is_called_once() {
    static CALLS: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn handler(_: c_int) {
        CALLS.fetch_add(1, Ordering::Relaxed);
        say(c"the foreign handler\n");
    }

    let output = in_child("a_handler_installed_before_for_one_time_is_called_once", || {
        install(handler as *const () as usize, libc::SA_RESETHAND);
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        eprintln!("about to");
        raise(libc::SIGSEGV);
        assert_eq!(CALLS.load(Ordering::Relaxed), 1);
        raise(libc::SIGSEGV);
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
    assert_eq!(stderr(&output).matches("the foreign handler").count(), 1);
}

#[test]
fn a_signal_that_was_ignored_before() {
    let output = in_child("a_signal_that_was_ignored_before", || {
        install(libc::SIG_IGN, 0);
        Coroutine::<(), (), ()>::new(|_, ()| raise(libc::SIGSEGV)).resume(());
        raise(libc::SIGSEGV);
        eprintln!("still there");
        // A fault can't be ignored.
        write_to(nowhere());
        eprintln!("not reached");
    });
    assert_not_ours(&output, libc::SIGSEGV);
    assert!(stderr(&output).contains("still there"));
}

#[test]
fn a_signal_that_had_no_handler_before() {
    for sent in [false, true] {
        let name = "a_signal_that_had_no_handler_before";
        // The child gets no further than its first body: it is told by its environment which one that is.
        let body = || {
            install(libc::SIG_DFL, 0);
            Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
            if std::env::var("MIXIO_TEST_SENT").is_ok() {
                eprintln!("about to");
                kill(libc::SIGSEGV);
            } else {
                write_to(nowhere());
            }
            eprintln!("not reached");
        };
        let limits = if sent { "ulimit -c 0; export MIXIO_TEST_SENT=1" } else { "ulimit -c 0" };
        assert_not_ours(&support::in_limited_child(name, limits, body), libc::SIGSEGV);
    }
}

/// The page that `mending` makes writable.
static PAGE: AtomicUsize = AtomicUsize::new(0);

/// Who handled the signal before `mending`.
static BEFORE: AtomicUsize = AtomicUsize::new(0);

/// Makes its page writable, so that the program goes on; passes on what isn't its own.
extern "C" fn mending(signal: c_int, pointer: *mut libc::siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gives it, or whoever passes the signal on.
    let information = unsafe { &*pointer };
    // SAFETY: of a fault there is an address.
    let address = unsafe { information.si_addr() };
    if address.addr() == PAGE.load(Ordering::Relaxed) {
        // SAFETY: it is one page, and ours.
        let answer = unsafe { libc::mprotect(address, 1, libc::PROT_READ | libc::PROT_WRITE) };
        assert_eq!(answer, 0);
        return;
    }
    say(c"the foreign handler passes it on\n");
    let before = BEFORE.load(Ordering::Relaxed);
    if before == libc::SIG_DFL {
        exit();
    }
    // SAFETY: it was installed with SA_SIGINFO.
    let before: Handler = unsafe { mem::transmute(before) };
    before(signal, pointer, context);
}

/// Runs on a page that can't be written to, twice: the handler mends that.
fn assert_mended() {
    for _ in 0..2 {
        let page = read_only_page();
        PAGE.store(page.addr(), Ordering::Relaxed);
        let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
            write_to(page);
            yielder.suspend(());
            // SAFETY: it can be read.
            unsafe { page.read_volatile() }
        });
        assert_eq!(coroutine.resume(()), CoroutineResult::Yield(()));
        assert_eq!(coroutine.resume(()), CoroutineResult::Return(1));
        // Also outside of a coroutine.
        let page = read_only_page();
        PAGE.store(page.addr(), Ordering::Relaxed);
        write_to(page);
    }
}

#[test]
fn a_handler_installed_before_mends_faults_and_the_program_goes_on() {
    let output = in_child("a_handler_installed_before_mends_faults_and_the_program_goes_on", || {
        install(mending as *const () as usize, libc::SA_SIGINFO);
        assert_mended();
        expect_line(line!() + 1);
        Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn a_handler_installed_after_mends_faults_and_passes_overflows_on() {
    let output = in_child("a_handler_installed_after_mends_faults_and_passes_overflows_on", || {
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        let before = install(mending as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        BEFORE.store(before.sa_sigaction, Ordering::Relaxed);
        assert!(before.sa_flags & libc::SA_SIGINFO != 0);
        assert_mended();
        // The handler is looked up no more: a later pool doesn't put ours on top of it again.
        let pool = StackPool::builder().stack_size(64 << 10).build().unwrap();
        expect_line(line!() + 1);
        Coroutine::<(), (), (), _>::with_stack(pool.get().unwrap(), |_, ()| overflow()).resume(());
    });
    assert_reported(&output, 64 << 10);
    assert_eq!(stderr(&output).matches("the foreign handler passes it on").count(), 1);
}

#[test]
fn a_handler_installed_after_passes_faults_on_to_one_installed_before() {
    let output = in_faulting_child("a_handler_installed_after_passes_faults_on_to_one_installed_before", || {
        install(foreign_handler as *const () as usize, libc::SA_SIGINFO);
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        let before = install(mending as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        BEFORE.store(before.sa_sigaction, Ordering::Relaxed);
        assert_mended();
        Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere())).resume(());
    });
    assert_handled(&output);
}

#[test]
fn a_handler_installed_after_that_passes_nothing_on_gets_overflows() {
    let output = in_child("a_handler_installed_after_that_passes_nothing_on_gets_overflows", || {
        let mut coroutine = overflowing();
        install(foreign_handler_without_information as *const () as usize, libc::SA_ONSTACK);
        coroutine.resume(());
    });
    assert_handled(&output);
}

#[test]
fn of_one_of_two_copies_of_the_crate() {
    // Each has a handler: that of the second lies over the first's, and passes on what isn't its own.
    let output = in_child("of_one_of_two_copies_of_the_crate", || {
        let mut first = Coroutine::<(), (), ()>::new(|_, ()| ());
        let mut second = mixio_second_copy::Coroutine::<(), (), ()>::new(|_, ()| ());
        first.resume(());
        second.resume(());
        expect_line(line!() + 1);
        Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_the_other_of_two_copies_of_the_crate() {
    let output = in_child("of_the_other_of_two_copies_of_the_crate", || {
        let mut outer = Coroutine::<(), (), ()>::new(|_, ()| {
            expect_line(line!() + 1);
            mixio_second_copy::Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
        });
        outer.resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn two_threads_overflow_at_once() {
    let output = in_child("two_threads_overflow_at_once", || {
        let threads = [0, 1].map(|_| {
            thread::spawn(|| {
                overflowing().resume(());
            })
        });
        threads.into_iter().for_each(|thread| drop(thread.join()));
    });
    let stderr = stderr(&output);
    assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{stderr}");
    assert!(stderr.contains("fatal: stack overflow in a coroutine, aborting"), "{stderr}");
}
