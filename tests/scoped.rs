//! `ScopedCoroutine`: closures that borrow, and every way out of a scope.

mod support;

use std::os::unix::process::ExitStatusExt as _;

use mixio::stack::DefaultStack;
use mixio::{CoroutineResult, ScopedCoroutine, Yielder};
use support::{Drops, Log, in_child, message_of, on_drop, panic_of, stderr};

const SIGABRT: i32 = 6;
const ABORTS: &str =
    "mixio: a scoped coroutine, which borrows, could not be unwound at the end of its scope; aborting\n";

#[test]
fn borrows_for_reading_and_for_writing() {
    let words = [String::from("one"), String::from("two")];
    let mut lengths = Vec::new();
    let joined = ScopedCoroutine::new(|yielder: &Yielder<(), &str>, ()| {
        for word in &words {
            lengths.push(word.len());
            yielder.suspend(word);
        }
    })
    .scope(|mut coroutine| {
        let mut joined = String::new();
        while let CoroutineResult::Yield(word) = coroutine.resume(()) {
            joined += word;
        }
        joined
    });
    assert_eq!(joined, "onetwo");
    assert_eq!(lengths, [3, 3]);
}

#[test]
fn its_own_stack_can_be_borrowed() {
    let mut stack = DefaultStack::new(64 << 10).unwrap();
    for n in 0..3 {
        ScopedCoroutine::with_stack(&mut stack, |yielder: &Yielder<u32, u32>, first| yielder.suspend(first + n)).scope(
            |mut coroutine| {
                assert_eq!(coroutine.resume(1), CoroutineResult::Yield(1 + n));
                assert_eq!(coroutine.resume(2), CoroutineResult::Return(2));
            },
        );
    }
}

#[test]
fn never_resumed() {
    let drops = Drops::new();
    let counted = drops.counted();
    let coroutine = ScopedCoroutine::with_stack(drops.stack(), move |_: &Yielder<(), ()>, ()| drop(counted));
    assert_eq!(coroutine.scope(|coroutine| (coroutine.started(), coroutine.done())), (false, false));
    assert_eq!(drops.count(), 2);
}

#[test]
fn without_a_scope() {
    let drops = Drops::new();
    let counted = drops.counted();
    drop(ScopedCoroutine::with_stack(drops.stack(), move |_: &Yielder<(), ()>, ()| drop(counted)));
    assert_eq!(drops.count(), 2);
}

#[test]
fn suspended_at_the_end_of_the_scope() {
    let drops = Drops::new();
    let mut borrowed = 1;
    let stack = drops.stack();
    ScopedCoroutine::with_stack(stack, |yielder: &Yielder<(), ()>, ()| {
        let _counted = drops.counted();
        let _on_drop = on_drop(|| borrowed += 1);
        yielder.suspend(());
    })
    .scope(|mut coroutine| {
        coroutine.resume(());
        assert_eq!((coroutine.started(), coroutine.done()), (true, false));
        assert_eq!(drops.count(), 0);
    });
    assert_eq!(drops.count(), 2, "the destructors have run, and the stack is given back");
    assert_eq!(borrowed, 2);
}

#[test]
fn left_early() {
    fn find(text: &str, wanted: char, drops: &Drops) -> Option<usize> {
        ScopedCoroutine::new(|yielder: &Yielder<(), (usize, char)>, ()| {
            let _counted = drops.counted();
            for pair in text.char_indices() {
                yielder.suspend(pair);
            }
        })
        .scope(|mut coroutine| {
            loop {
                let (at, char) = coroutine.resume(()).as_yield()?;
                if char == wanted {
                    return Some(at);
                }
            }
        })
    }
    let drops = Drops::new();
    assert_eq!(find("needle", 'd', &drops), Some(3));
    assert_eq!(drops.count(), 1);
    assert_eq!(find("needle", 'x', &drops), None);
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_panic_in_the_scope() {
    let log = Log::new();
    let message = message_of(|| {
        ScopedCoroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _inside = log.on_drop("coroutine");
            yielder.suspend(());
        })
        .scope(|mut coroutine| {
            let _scope = log.on_drop("scope");
            coroutine.resume(());
            panic!("in the scope");
        })
    });
    assert_eq!(message, "in the scope");
    assert_eq!(log.entries(), ["scope", "coroutine"]);
    assert!(!std::thread::panicking());
}

#[test]
fn a_panic_in_the_coroutine() {
    let drops = Drops::new();
    let mut borrowed = 0;
    let message = message_of(|| {
        ScopedCoroutine::with_stack(drops.stack(), |yielder: &Yielder<(), ()>, ()| -> () {
            let _counted = drops.counted();
            borrowed = 1;
            yielder.suspend(());
            panic!("in the coroutine");
        })
        .scope(|mut coroutine| {
            coroutine.resume(());
            coroutine.resume(());
        })
    });
    assert_eq!(message, "in the coroutine");
    assert_eq!((borrowed, drops.count()), (1, 2));
}

#[test]
fn a_panic_in_the_coroutine_that_the_scope_catches() {
    let text = String::from("borrowed");
    let message = ScopedCoroutine::new(|_: &Yielder<(), ()>, ()| -> () { panic!("{text}") }).scope(|mut coroutine| {
        let message = message_of(|| coroutine.resume(()));
        assert!(coroutine.done());
        message
    });
    assert_eq!(message, "borrowed");
}

#[test]
fn a_panic_of_a_destructor_at_the_end_of_the_scope() {
    let drops = Drops::new();
    let message = message_of(|| {
        ScopedCoroutine::with_stack(drops.stack(), |yielder: &Yielder<(), ()>, ()| {
            drop(panic_of(|| yielder.suspend(())));
            panic!("instead of the unwind");
        })
        .scope(|mut coroutine| assert!(coroutine.resume(()).as_yield().is_some()));
    });
    assert_eq!(message, "instead of the unwind");
    assert_eq!(drops.count(), 1, "the stack is given back all the same");
}

#[test]
fn nested_scopes() {
    let mut log = Vec::new();
    let name = String::from("name");
    ScopedCoroutine::new(|outer: &Yielder<u32, u32>, first: u32| {
        let borrowed = [first, 2];
        ScopedCoroutine::new(|inner: &Yielder<u32, u32>, n: u32| {
            log.push(format!("{name} {n} {borrowed:?}"));
            let n = inner.suspend(n + 1);
            log.push(format!("{name} {n}"));
        })
        .scope(|mut coroutine| {
            let yielded = coroutine.resume(10).as_yield().unwrap();
            let input = outer.suspend(yielded);
            coroutine.resume(input);
        });
    })
    .scope(|mut coroutine| {
        assert_eq!(coroutine.resume(1), CoroutineResult::Yield(11));
        assert_eq!(coroutine.resume(20), CoroutineResult::Return(()));
    });
    assert_eq!(log, ["name 10 [1, 2]", "name 20"]);
}

#[test]
fn two_scopes_that_take_turns() {
    let text = String::from("text");
    let make = |skip: usize| {
        let text = &text;
        ScopedCoroutine::new(move |yielder: &Yielder<(), char>, ()| {
            for char in text.chars().skip(skip) {
                yielder.suspend(char);
            }
        })
    };
    let woven = make(0).scope(|mut first| {
        make(2).scope(|mut second| {
            let mut woven = String::new();
            while let (Some(a), b) = (first.resume(()).as_yield(), &mut second) {
                woven.push(a);
                if !b.done() {
                    woven.extend(b.resume(()).as_yield());
                }
            }
            woven
        })
    });
    assert_eq!(woven, "txetxt");
}

#[test]
fn lent_on() {
    fn resume_twice<S: mixio::stack::Stack>(
        mut coroutine: mixio::ScopedCoroutineRef<'_, u32, u32, (), S>,
    ) -> [Option<u32>; 2] {
        [coroutine.resume(1).as_yield(), coroutine.resume(2).as_yield()]
    }
    let offset = 10;
    ScopedCoroutine::new(|yielder: &Yielder<u32, u32>, mut n: u32| {
        while n != 0 {
            n = yielder.suspend(n + offset);
        }
    })
    .scope(|mut coroutine| {
        assert_eq!(resume_twice(coroutine.as_mut()), [Some(11), Some(12)]);
        assert_eq!(resume_twice(coroutine.as_mut()), [Some(11), Some(12)]);
        assert_eq!(coroutine.resume(0), CoroutineResult::Return(()));
    });
}

#[test]
fn throw_and_force_unwind() {
    let drops = Drops::new();
    ScopedCoroutine::new(|yielder: &Yielder<(), String>, ()| {
        let _counted = drops.counted();
        let message = message_of(|| yielder.suspend(String::new()));
        yielder.suspend(message);
    })
    .scope(|mut coroutine| {
        coroutine.resume(());
        assert_eq!(coroutine.throw(Box::new("thrown")), CoroutineResult::Yield("thrown".to_owned()));
        assert_eq!(drops.count(), 0);
        coroutine.force_unwind();
        assert_eq!(drops.count(), 1);
        assert!(coroutine.done());
        assert_eq!(message_of(|| coroutine.resume(())), "cannot resume a coroutine that is finished");
    });
}

#[test]
fn force_reset() {
    let drops = Drops::new();
    drops.keep();
    ScopedCoroutine::with_stack(drops.stack(), |yielder: &Yielder<(), ()>, ()| {
        let _counted = drops.counted();
        yielder.suspend(());
    })
    .scope(|mut coroutine| {
        coroutine.resume(());
        // SAFETY: what is on its stack may be forgotten: it only counts.
        unsafe { coroutine.force_reset() };
        assert!(coroutine.done());
    });
    assert_eq!(drops.count(), 1, "only the stack");
}

#[test]
fn an_unwind_swallowed_once() {
    let mut attempts = 0;
    ScopedCoroutine::new(|yielder: &Yielder<(), ()>, ()| {
        drop(panic_of(|| yielder.suspend(())));
        attempts += 1;
        yielder.suspend(());
        attempts += 100;
    })
    .scope(|mut coroutine| assert!(coroutine.resume(()).as_yield().is_some()));
    assert_eq!(attempts, 1);
}

#[test]
fn an_unwind_always_swallowed_aborts() {
    let output = in_child("an_unwind_always_swallowed_aborts", || {
        let mut attempts = 0;
        ScopedCoroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _not_dropped = on_drop(|| eprintln!("dropped"));
            loop {
                drop(panic_of(|| yielder.suspend(())));
                attempts += 1;
                if attempts % 500 == 0 {
                    eprintln!("attempt {attempts}");
                }
            }
        })
        .scope(|mut coroutine| assert!(coroutine.resume(()).as_yield().is_some()));
        eprintln!("not reached");
    });
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
    // Under an emulator, that has its own line about the signal.
    assert!(stderr(&output).starts_with(&format!("attempt 500\nattempt 1000\n{ABORTS}")), "{}", stderr(&output));
    assert!(!stderr(&output).contains("not reached") && !stderr(&output).contains("dropped\n"));
}

/// The borrow would end if the line about it could raise a panic.
#[test]
fn it_aborts_even_if_it_cannot_say_why() {
    let output = in_child("it_aborts_even_if_it_cannot_say_why", || {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        // SAFETY: both are open.
        unsafe { libc::dup2(std::os::fd::AsRawFd::as_raw_fd(&full), libc::STDERR_FILENO) };
        std::panic::set_hook(Box::new(|_| ()));
        drop(panic_of(|| {
            ScopedCoroutine::new(|yielder: &Yielder<(), ()>, ()| {
                loop {
                    drop(panic_of(|| yielder.suspend(())));
                }
            })
            .scope(|mut coroutine| _ = coroutine.resume(()));
        }));
        println!("not reached");
    });
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("not reached"));
}

#[test]
fn an_unwind_always_swallowed_by_one_that_force_unwind_gave_up_aborts_too() {
    let output = in_child("an_unwind_always_swallowed_by_one_that_force_unwind_gave_up_aborts_too", || {
        ScopedCoroutine::new(|yielder: &Yielder<(), ()>, ()| {
            loop {
                drop(panic_of(|| yielder.suspend(())));
            }
        })
        .scope(|mut coroutine| {
            coroutine.resume(());
            eprintln!("{}", message_of(|| coroutine.force_unwind()));
        });
    });
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
    let panic = "cannot unwind a coroutine that keeps catching the panic and suspending itself; its stack is leaked\n";
    assert!(stderr(&output).contains(&format!("{panic}{ABORTS}")), "{}", stderr(&output));
}

#[test]
fn a_destructor_that_suspends_at_the_end_of_the_scope_aborts() {
    let output = in_child("a_destructor_that_suspends_at_the_end_of_the_scope_aborts", || {
        ScopedCoroutine::new(|yielder: &Yielder<(), ()>, ()| {
            let _suspends = on_drop(|| yielder.suspend(()));
            yielder.suspend(());
        })
        .scope(|mut coroutine| assert!(coroutine.resume(()).as_yield().is_some()));
    });
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
    assert!(stderr(&output).contains(ABORTS), "{}", stderr(&output));
}

/// The panic of a value that it suspends itself with must not make the scope forget that the coroutine is still there.
#[test]
fn a_value_whose_drop_panics_does_not_let_it_escape() {
    struct PanicsOnce(bool);
    impl Drop for PanicsOnce {
        fn drop(&mut self) {
            if std::mem::take(&mut self.0) {
                std::panic::resume_unwind(Box::new("of the value"));
            }
        }
    }
    let output = in_child("a_value_whose_drop_panics_does_not_let_it_escape", || {
        drop(panic_of(|| {
            ScopedCoroutine::new(|yielder: &Yielder<(), PanicsOnce>, ()| {
                let mut attempts = 0;
                loop {
                    attempts += 1;
                    drop(panic_of(|| yielder.suspend(PanicsOnce(attempts == 2))));
                }
            })
            .scope(|mut coroutine| _ = coroutine.resume(()));
        }));
        eprintln!("not reached");
    });
    assert_eq!(output.status.signal(), Some(SIGABRT), "{}", stderr(&output));
    assert!(stderr(&output).contains(ABORTS) && !stderr(&output).contains("not reached"), "{}", stderr(&output));
}
