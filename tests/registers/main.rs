//! Every callee-saved register keeps its value over a switch, on both sides, and so does all that the compiler keeps in
//! the other registers.

#[cfg_attr(target_arch = "x86_64", path = "x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "aarch64.rs")]
mod target;

use std::ffi::c_void;
use std::hint::black_box;
use std::ptr;

use mixio::{Coroutine, CoroutineResult, Yielder, on_stack};
use target::{Vector, changed_registers};

const SWITCHES: u64 = 1_000_000;

/// Calls `call(argument)`, `rounds` times, with a pattern made of `seed` in every callee-saved register: the number of
/// registers that had another value after it, over all rounds.
fn check_around(call: unsafe extern "C" fn(*mut c_void), argument: *mut c_void, rounds: u64, seed: u64) -> u64 {
    // SAFETY: what the tests below call expects their argument, and doesn't unwind.
    unsafe { changed_registers(call, argument, rounds, seed) }
}

type Simple = Coroutine<u64, u64, u64>;

/// Resumes a coroutine that counts along.
struct Resume<'a> {
    coroutine: &'a mut Simple,
    count: u64,
}

unsafe extern "C" fn resume(argument: *mut c_void) {
    // SAFETY: that is what it is called with.
    let resume = unsafe { &mut *argument.cast::<Resume<'_>>() };
    assert_eq!(resume.coroutine.resume(resume.count), CoroutineResult::Yield(resume.count + 1));
    resume.count += 1;
}

/// Suspends a coroutine.
struct Suspend<'a> {
    yielder: &'a Yielder<u64, u64>,
    count: u64,
}

unsafe extern "C" fn suspend(argument: *mut c_void) {
    // SAFETY: that is what it is called with.
    let suspend = unsafe { &mut *argument.cast::<Suspend<'_>>() };
    assert_eq!(suspend.yielder.suspend(suspend.count + 1), suspend.count + 1);
    suspend.count += 1;
}

#[test]
fn the_check_itself_notices_each_register() {
    // Without this a check that never fails would go unnoticed.
    let mut noticed = 0;
    for register in 0..target::REGISTERS {
        let mut register = register;
        noticed += check_around(target::spoil, ptr::from_mut(&mut register).cast(), 1, 0x5eed);
    }
    assert_eq!(noticed, target::REGISTERS);
    unsafe extern "C" fn nothing(_: *mut c_void) {}
    assert_eq!(check_around(nothing, ptr::null_mut(), 1000, 0x5eed), 0);
}

#[test]
fn callee_saved_registers_of_the_resumer() {
    let mut coroutine: Simple = Coroutine::new(|yielder, mut n| {
        loop {
            n = yielder.suspend(n + 1);
        }
    });
    let mut argument = Resume { coroutine: &mut coroutine, count: 0 };
    let changed = check_around(resume, ptr::from_mut(&mut argument).cast(), SWITCHES, 0x0123_4567_89ab_cdef);
    assert_eq!((changed, argument.count), (0, SWITCHES));
}

#[test]
fn callee_saved_registers_of_the_coroutine() {
    let mut coroutine: Simple = Coroutine::new(|yielder, count| {
        let mut argument = Suspend { yielder, count };
        check_around(suspend, ptr::from_mut(&mut argument).cast(), SWITCHES, 0xfedc_ba98_7654_3210)
    });
    let mut count = 0;
    while let CoroutineResult::Yield(next) = coroutine.resume(count) {
        count += 1;
        assert_eq!(next, count);
    }
    assert_eq!(count, SWITCHES);
    assert!(coroutine.done());
}

#[test]
fn callee_saved_registers_of_both() {
    // Different patterns on the two sides: what one side leaves in a register must not reach the other.
    let mut changed_inside = u64::MAX;
    let result = ptr::from_mut(&mut changed_inside).expose_provenance();
    let mut coroutine: Simple = Coroutine::new(move |yielder, count| {
        let mut argument = Suspend { yielder, count };
        let changed = check_around(suspend, ptr::from_mut(&mut argument).cast(), SWITCHES, 0xfedc_ba98_7654_3210);
        let result = ptr::with_exposed_provenance_mut::<u64>(result);
        // SAFETY: the test waits.
        unsafe { result.write(changed) };
        changed
    });
    let mut argument = Resume { coroutine: &mut coroutine, count: 0 };
    let changed = check_around(resume, ptr::from_mut(&mut argument).cast(), SWITCHES, 0x0123_4567_89ab_cdef);
    assert_eq!((changed, argument.count), (0, SWITCHES));
    assert_eq!(coroutine.resume(SWITCHES), CoroutineResult::Return(0));
    assert_eq!(black_box(changed_inside), 0);
}

#[test]
fn callee_saved_registers_around_the_whole_life_of_a_coroutine() {
    // Fresh, finished, panicked, dropped while suspended: other code paths of the switch.
    unsafe extern "C" fn live(argument: *mut c_void) {
        // SAFETY: that is what it is called with.
        let count = unsafe { &mut *argument.cast::<u64>() };
        let mut returns = Coroutine::<u64, (), u64>::new(|_, n| n);
        assert_eq!(returns.resume(*count), CoroutineResult::Return(*count));
        let mut suspended = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        suspended.resume(());
        drop(suspended);
        let mut thrown = Coroutine::new(|yielder: &Yielder<(), ()>, ()| yielder.suspend(()));
        thrown.resume(());
        let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| thrown.throw(Box::new(7u64))));
        assert_eq!(*payload.unwrap_err().downcast::<u64>().unwrap(), 7);
        *count += 1;
    }
    let mut count = 0u64;
    assert_eq!(check_around(live, ptr::from_mut(&mut count).cast(), 200, 0x5555_aaaa_3333_cccc), 0);
    assert_eq!(count, 200);
}

#[test]
fn callee_saved_registers_around_calls_on_other_stacks() {
    unsafe extern "C" fn call(argument: *mut c_void) {
        // SAFETY: that is what it is called with.
        let count = unsafe { &mut *argument.cast::<u64>() };
        let stack = mixio::stack::DefaultStack::new(64 << 10).unwrap();
        let mut coroutine = Coroutine::new(|yielder: &Yielder<(), u64>, ()| yielder.on_parent_stack(|| black_box(1)));
        *count += on_stack(stack, move || coroutine.resume(()).as_return().unwrap());
    }
    let mut count = 0u64;
    assert_eq!(check_around(call, ptr::from_mut(&mut count).cast(), 200, 0x0f0f_f0f0_1234_8765), 0);
    assert_eq!(count, 200);
}

#[test]
fn callee_saved_registers_inside_calls_on_other_stacks() {
    let mut coroutine: Simple = Coroutine::new(|yielder, count| {
        let mut argument = Suspend { yielder, count };
        let argument = ptr::from_mut(&mut argument).cast();
        let stack = mixio::stack::DefaultStack::new(64 << 10).unwrap();
        on_stack(stack, || check_around(suspend, argument, 1000, 0xfedc_ba98_7654_3210))
    });
    let mut argument = Resume { coroutine: &mut coroutine, count: 0 };
    let changed = check_around(resume, ptr::from_mut(&mut argument).cast(), 1000, 0x0123_4567_89ab_cdef);
    assert_eq!(changed, 0);
    assert_eq!(coroutine.resume(1000), CoroutineResult::Return(0));
}

#[test]
fn vectors_live_over_switches() {
    // As many as there are registers, on both sides; each lane has its own sum.
    const VECTORS: usize = 16;
    fn add(sums: &mut [Vector; VECTORS], n: f64) {
        for (vector, sum) in sums.iter_mut().enumerate() {
            *sum = target::add(*sum, target::vector(n + vector as f64, n - vector as f64));
        }
    }
    fn totals(sums: &[Vector; VECTORS]) -> Vec<[f64; 2]> {
        sums.iter().map(|sum| target::lanes(*sum)).collect()
    }

    let mut coroutine = Coroutine::new(|yielder: &Yielder<f64, f64>, mut n: f64| {
        let mut sums = [target::vector(0.0, 0.0); VECTORS];
        while n.is_finite() {
            add(&mut sums, 2.0 * n);
            n = yielder.suspend(-n);
        }
        totals(&sums)
    });
    let mut sums = [target::vector(0.0, 0.0); VECTORS];
    for n in 0..SWITCHES {
        add(&mut sums, n as f64);
        assert_eq!(coroutine.resume(n as f64), CoroutineResult::Yield(-(n as f64)));
    }
    // All of them are whole numbers below 2^53, so they are exact.
    let expected = |factor: f64| -> Vec<[f64; 2]> {
        let count = SWITCHES as f64;
        let sum = factor * (count - 1.0) * count / 2.0;
        (0..VECTORS).map(|vector| [sum + vector as f64 * count, sum - vector as f64 * count]).collect()
    };
    assert_eq!(totals(&sums), expected(1.0));
    assert_eq!(coroutine.resume(f64::INFINITY), CoroutineResult::Return(expected(2.0)));
}

#[test]
fn the_widest_vectors_live_over_switches() {
    let mut coroutine = Coroutine::new(|yielder: &Yielder<(), ()>, ()| target::keep_widest(3, || yielder.suspend(())));
    let kept = target::keep_widest(5, || {
        coroutine.resume(());
    });
    assert!(kept);
    while !coroutine.done() {
        if let CoroutineResult::Return(kept) = coroutine.resume(()) {
            assert!(kept);
        }
    }
}

#[test]
fn many_values_live_over_switches() {
    // More than there are registers: integers and floats, all of them needed after each switch.
    macro_rules! live {
        ($switch:expr; $rounds:expr; $($int:ident $float:ident),*) => {{
            let mut next = 0u64;
            $( next += 1; let (mut $int, mut $float) = (black_box(next), black_box(next as f64)); )*
            for round in 0..$rounds {
                $switch(round);
                $( $int = $int.wrapping_mul(3).wrapping_add(round); $float += $int as u32 as f64; )*
            }
            [$( ($int, $float) ),*]
        }};
    }
    macro_rules! twenty {
        ($switch:expr; $rounds:expr) => {
            live!($switch; $rounds; a0 b0, a1 b1, a2 b2, a3 b3, a4 b4, a5 b5, a6 b6, a7 b7, a8 b8, a9 b9, a10 b10,
                a11 b11, a12 b12, a13 b13, a14 b14, a15 b15, a16 b16, a17 b17, a18 b18, a19 b19)
        };
    }
    let mut coroutine = Coroutine::new(
        |yielder: &Yielder<u64, u64>, _| twenty!(|round: u64| assert_eq!(yielder.suspend(2 * round), round + 1); SWITCHES),
    );
    assert_eq!(coroutine.resume(0), CoroutineResult::Yield(0));
    let outside = twenty!(|round: u64| {
        if round + 1 < SWITCHES {
            assert_eq!(coroutine.resume(round + 1), CoroutineResult::Yield(2 * (round + 1)));
        }
    }; SWITCHES);
    let inside = coroutine.resume(SWITCHES).as_return().unwrap();
    let expected = twenty!(|round: u64| assert!(black_box(round) < SWITCHES); SWITCHES);
    assert_eq!(outside, expected);
    assert_eq!(inside, expected);
}
