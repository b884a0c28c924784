//! Calls on another stack: `on_stack`, and `Yielder::on_parent_stack`.

mod support;

use std::cell::RefCell;
use std::hint::black_box;

use mixio::stack::{DefaultStack, MIN_STACK_SIZE, Stack, UnguardedStack};
use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder, on_stack};
use support::{Drops, EXIT_RUNS_DESTRUCTORS, Log, assert_success, deep, in_child, message_of, on_drop, panic_of};

fn stack() -> DefaultStack {
    DefaultStack::new(256 << 10).unwrap()
}

/// About where the stack pointer is.
#[inline(never)]
fn here() -> usize {
    let local = 0u8;
    black_box(std::ptr::from_ref(&local)).addr()
}

#[test]
fn values_go_in_and_out() {
    let text = String::from("borrowed");
    assert_eq!(on_stack(stack(), || text.len()), 8);
    on_stack(stack(), || ());
    assert_eq!(on_stack(stack(), move || text + "!"), "borrowed!");
    let large = on_stack(stack(), || std::array::from_fn::<u64, 500, _>(|n| n as u64));
    assert_eq!(large[499], 499);
}

#[test]
fn aligned_values_go_in_and_out() {
    #[derive(Clone, Copy)]
    #[repr(align(64))]
    struct Aligned(u8);
    let value = Aligned(3);
    let result = on_stack(stack(), move || {
        assert!(black_box(std::ptr::from_ref(&value)).is_aligned());
        let local = black_box(Aligned(value.0 + 1));
        assert!(black_box(std::ptr::from_ref(&local)).is_aligned());
        local
    });
    assert!(black_box(std::ptr::from_ref(&result)).is_aligned());
    assert_eq!(result.0, 4);
}

#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "the sanitizer keeps locals elsewhere than on the stack")]
fn it_is_that_stack() {
    let mut stack = stack();
    let (limit, base) = (stack.limit().get(), stack.base().get());
    assert!(!(limit..base).contains(&here()));
    assert!((limit..base).contains(&on_stack(&mut stack, here)));
    assert!(!(limit..base).contains(&here()));
    assert!((limit..base).contains(&on_stack(&mut stack, here)), "it can be used again");
}

#[test]
fn the_function_and_the_stack_are_dropped_once() {
    let drops = Drops::new();
    let counted = drops.counted();
    let returned = on_stack(drops.stack(), move || counted);
    assert_eq!(drops.count(), 1, "the stack");
    drop(returned);
    assert_eq!(drops.count(), 2);
    let counted = drops.counted();
    let message = message_of(|| {
        on_stack(drops.stack(), move || {
            let _counted = counted;
            panic!("with a counted one");
        })
    });
    assert_eq!(message, "with a counted one");
    assert_eq!(drops.count(), 4);
}

#[test]
fn a_panic_comes_out() {
    let payload = panic_of(|| on_stack(stack(), || std::panic::panic_any(42u8)));
    assert_eq!(*payload.downcast::<u8>().unwrap(), 42);
    assert!(!std::thread::panicking());
}

#[test]
fn a_panic_comes_out_of_three_stacks() {
    let log = Log::new();
    let message = message_of(|| {
        on_stack(stack(), || {
            let _first = log.on_drop("first");
            on_stack(stack(), || {
                let _second = log.on_drop("second");
                on_stack(stack(), || {
                    let _third = log.on_drop("third");
                    panic!("from the third");
                })
            })
        })
    });
    assert_eq!(message, "from the third");
    assert_eq!(log.entries(), ["third", "second", "first"]);
}

#[test]
fn deep_recursion() {
    // More than the thread of a test has.
    assert_eq!(on_stack(DefaultStack::new(64 << 20).unwrap(), || deep(20_000)), 20_001);
}

#[test]
fn in_memory_of_the_user() {
    let mut memory = vec![std::mem::MaybeUninit::uninit(); 256 << 10];
    // SAFETY: it goes a hundred levels deep, of about 1 KiB.
    let stack = unsafe { UnguardedStack::borrowed(&mut memory) }.unwrap();
    assert_eq!(on_stack(stack, || deep(100)), 101);
}

#[test]
fn a_coroutine_suspended_on_one() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<u32, u32>, first| {
        let kept = [first; 16];
        let second = on_stack(stack(), || {
            let kept = black_box([first + 1; 16]);
            let second = yielder.suspend(here() as u32);
            assert_eq!(kept, [first + 1; 16]);
            second
        });
        assert_eq!(kept, [first; 16]);
        second + 1
    });
    coroutine.resume(1);
    assert_eq!(deep(100), 101);
    assert_eq!(coroutine.resume(5), CoroutineResult::Return(6));
}

#[test]
fn a_coroutine_dropped_while_suspended_on_one() {
    let drops = Drops::new();
    let inside = drops.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), ()>, ()| {
        let _outside = inside.counted();
        on_stack(inside.stack(), || {
            let _inside = inside.counted();
            yielder.suspend(());
        });
    });
    coroutine.resume(());
    assert_eq!(drops.count(), 0);
    drop(coroutine);
    assert_eq!(drops.count(), 3);
}

#[test]
fn on_parent_stack_gives_values() {
    let text = String::from("sent along");
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), usize>, ()| {
        let length = yielder.on_parent_stack(|| text.len());
        yielder.suspend(length);
        yielder.on_parent_stack(|| text.clone() + "!")
    });
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield(10));
    assert_eq!(coroutine.resume(()), CoroutineResult::Return("sent along!".to_owned()));
}

#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "the sanitizer keeps locals elsewhere than on the stack")]
fn on_parent_stack_is_below_the_resumer() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), (usize, usize)>, ()| {
        loop {
            yielder.suspend((here(), yielder.on_parent_stack(here)));
        }
    });
    let mut resume = || -> CoroutineResult<_, ()> { coroutine.resume(()) };
    let (own, parent) = resume().as_yield().unwrap();
    let mine = here();
    assert!(parent.abs_diff(mine) < 64 << 10, "{parent:#x} is far from {mine:#x}");
    assert!(own.abs_diff(mine) > 64 << 10, "{own:#x} is close to {mine:#x}");
    // From another depth it is another place.
    let (own_again, lower) = on_stack(stack(), &mut resume).as_yield().unwrap();
    assert!(lower.abs_diff(parent) > 64 << 10);
    assert_eq!(own_again, own);
}

#[test]
fn on_parent_stack_leaves_the_resumers_frames_alone() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        for _ in 0..10 {
            assert_eq!(yielder.on_parent_stack(|| deep(500)), 501);
            yielder.suspend(());
        }
    });
    let kept: [u64; 64] = black_box(std::array::from_fn(|n| n as u64));
    while coroutine.resume(()).as_yield().is_some() {
        assert_eq!(black_box(kept), std::array::from_fn(|n| n as u64));
    }
}

#[test]
fn deep_recursion_out_of_a_small_coroutine() {
    let small = DefaultStack::new(MIN_STACK_SIZE * 4).unwrap();
    let mut coroutine =
        Coroutine::with_stack(small, |yielder: &Yielder<(), u32>, ()| yielder.on_parent_stack(|| deep(10_000)));
    let result = on_stack(DefaultStack::new(32 << 20).unwrap(), move || coroutine.resume(()));
    assert_eq!(result, CoroutineResult::Return(10_001));
}

#[test]
fn a_panic_on_the_parent_stack() {
    let log = Log::new();
    let inside = log.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<(), String>, ()| {
        let _on_drop = inside.on_drop("coroutine");
        let caught = message_of(|| yielder.on_parent_stack(|| panic!("caught")));
        yielder.suspend(caught);
        yielder.on_parent_stack(|| {
            let _on_drop = on_drop(|| assert!(std::thread::panicking()));
            panic!("not caught");
        });
    });
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield("caught".to_owned()));
    assert_eq!(message_of(|| coroutine.resume(())), "not caught");
    assert_eq!(log.entries(), ["coroutine"]);
    assert!(!std::thread::panicking());
}

#[test]
fn coroutines_on_the_parent_stack() {
    // A new one, run there; and from it back to its own parent, which is where we began.
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| {
        yielder.on_parent_stack(|| {
            let mut inner = Coroutine::new(|yielder: &Yielder<u32, u32>, first: u32| {
                let second = yielder.suspend(yielder.on_parent_stack(|| deep(first)));
                yielder.on_parent_stack(|| deep(second))
            });
            (inner.resume(10), inner.resume(20))
        })
    });
    let inner = coroutine.resume(()).as_return().unwrap();
    assert_eq!(inner, (CoroutineResult::Yield(11), CoroutineResult::Return(21)));
}

#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "the sanitizer keeps locals elsewhere than on the stack")]
fn on_the_parent_stack_of_the_outer_one() {
    // By the outer one's yielder, from the inner one's stack: two levels up.
    let mut outer = Coroutine::new(|outer: &Yielder<(), ()>, ()| {
        ScopedCoroutine::new(|inner: &Yielder<(), ()>, ()| {
            (outer.on_parent_stack(here), inner.on_parent_stack(here), here())
        })
        .scope(|mut coroutine| coroutine.resume(()).as_return().unwrap())
    });
    let (top, middle, bottom) = outer.resume(()).as_return().unwrap();
    assert!(top.abs_diff(here()) < 64 << 10);
    assert!(middle.abs_diff(top) > 64 << 10 && middle.abs_diff(bottom) > 64 << 10 && top.abs_diff(bottom) > 64 << 10);
}

/// `exit` runs the destructors of thread-locals, on the very stack that one of them owns.
#[test]
#[cfg_attr(mixio_sanitizer = "address", ignore = "the sanitizer keeps locals elsewhere than on the stack")]
fn exit_on_a_stack_that_a_thread_local_owns() {
    /// Large enough not to be kept for others.
    struct Owner(DefaultStack);

    impl Drop for Owner {
        fn drop(&mut self) {
            let message = message_of(|| on_stack(&mut self.0, || deep(10)));
            assert!(message.contains("on which its caller runs"), "{message}");
            let message = message_of(|| ScopedCoroutine::<(), (), _, _>::with_stack(&mut self.0, |_, ()| ()));
            assert!(message.contains("on which it is created"), "{message}");
            println!("dropped");
        }
    }

    thread_local!(static KEPT: RefCell<Owner> = RefCell::new(Owner(DefaultStack::new(128 << 20).unwrap())));

    let output = in_child("exit_on_a_stack_that_a_thread_local_owns", || {
        KEPT.with_borrow_mut(|kept| on_stack(&mut kept.0, || std::process::exit(0)));
    });
    assert_success(&output);
    assert_eq!(String::from_utf8_lossy(&output.stdout).contains("dropped"), EXIT_RUNS_DESTRUCTORS);
}
