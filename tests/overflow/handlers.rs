//! Handlers of other people's, installed before ours and after.

use std::ffi::{CStr, c_int, c_void};
use std::process::Output;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use std::{mem, ptr, thread};

use mixio::stack::{DEFAULT_STACK_SIZE, StackPool};
use mixio::{Coroutine, CoroutineResult, Yielder};

use super::faults::{nowhere, raise, read_only_page, write_to};
use super::support::{assert_success, in_child, in_faulting_child, in_limited_child, stderr};
use super::{assert_not_ours, assert_reported, expect_next_line, overflow, overflowing};

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
    let output = in_faulting_child("handlers::a_handler_installed_before_gets_foreign_faults", || {
        install(foreign_handler as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere())).resume(());
    });
    assert_handled(&output);
}

#[test]
fn a_handler_without_information_installed_before_gets_foreign_faults() {
    let output =
        in_faulting_child("handlers::a_handler_without_information_installed_before_gets_foreign_faults", || {
            install(foreign_handler_without_information as *const () as usize, 0);
            Coroutine::<(), (), ()>::new(|_, ()| write_to(nowhere())).resume(());
        });
    assert_handled(&output);
}

#[test]
fn a_handler_installed_before_gets_signals_that_were_sent() {
    let output = in_child("handlers::a_handler_installed_before_gets_signals_that_were_sent", || {
        install(foreign_handler_without_information as *const () as usize, 0);
        Coroutine::<(), (), ()>::new(|_, ()| kill(libc::SIGSEGV)).resume(());
    });
    assert_handled(&output);
}

#[test]
fn a_handler_installed_before_does_not_get_overflows() {
    let output = in_child("handlers::a_handler_installed_before_does_not_get_overflows", || {
        install(foreign_handler as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        expect_next_line();
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

    let output = in_faulting_child("handlers::a_handler_installed_before_has_its_mask_and_flags", || {
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

    let output = in_child("handlers::a_handler_installed_before_for_one_time_is_called_once", || {
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
    let output = in_child("handlers::a_signal_that_was_ignored_before", || {
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
        let name = "handlers::a_signal_that_had_no_handler_before";
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
        assert_not_ours(&in_limited_child(name, limits, body), libc::SIGSEGV);
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
    let output = in_child("handlers::a_handler_installed_before_mends_faults_and_the_program_goes_on", || {
        install(mending as *const () as usize, libc::SA_SIGINFO);
        assert_mended();
        expect_next_line();
        Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn a_handler_installed_after_mends_faults_and_passes_overflows_on() {
    let output = in_child("handlers::a_handler_installed_after_mends_faults_and_passes_overflows_on", || {
        Coroutine::<(), (), ()>::new(|_, ()| ()).resume(());
        let before = install(mending as *const () as usize, libc::SA_SIGINFO | libc::SA_ONSTACK);
        BEFORE.store(before.sa_sigaction, Ordering::Relaxed);
        assert!(before.sa_flags & libc::SA_SIGINFO != 0);
        assert_mended();
        // The handler is looked up no more: a later pool doesn't put ours on top of it again.
        let pool = StackPool::builder().stack_size(64 << 10).build().unwrap();
        expect_next_line();
        Coroutine::<(), (), (), _>::with_stack(pool.get().unwrap(), |_, ()| overflow()).resume(());
    });
    assert_reported(&output, 64 << 10);
    assert_eq!(stderr(&output).matches("the foreign handler passes it on").count(), 1);
}

#[test]
fn a_handler_installed_after_passes_faults_on_to_one_installed_before() {
    let output =
        in_faulting_child("handlers::a_handler_installed_after_passes_faults_on_to_one_installed_before", || {
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
    let output = in_child("handlers::a_handler_installed_after_that_passes_nothing_on_gets_overflows", || {
        let mut coroutine = overflowing();
        install(foreign_handler_without_information as *const () as usize, libc::SA_ONSTACK);
        coroutine.resume(());
    });
    assert_handled(&output);
}

#[test]
fn of_one_of_two_copies_of_the_crate() {
    // Each has a handler: that of the second lies over the first's, and passes on what isn't its own.
    let output = in_child("handlers::of_one_of_two_copies_of_the_crate", || {
        let mut first = Coroutine::<(), (), ()>::new(|_, ()| ());
        let mut second = mixio_second_copy::Coroutine::<(), (), ()>::new(|_, ()| ());
        first.resume(());
        second.resume(());
        expect_next_line();
        Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}

#[test]
fn of_the_other_of_two_copies_of_the_crate() {
    let output = in_child("handlers::of_the_other_of_two_copies_of_the_crate", || {
        let mut outer = Coroutine::<(), (), ()>::new(|_, ()| {
            expect_next_line();
            mixio_second_copy::Coroutine::<(), (), ()>::new(|_, ()| overflow()).resume(());
        });
        outer.resume(());
    });
    assert_reported(&output, DEFAULT_STACK_SIZE);
}
