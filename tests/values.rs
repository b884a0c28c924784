//! Values of every shape: into a coroutine, out of it, and as what it returns.

mod support;

use std::fmt::Debug;
use std::hint::black_box;
use std::mem::{MaybeUninit, align_of, size_of};

use mixio::{Coroutine, CoroutineResult, ScopedCoroutine, Yielder};
use support::{Counted, Drops};

/// Sends a value in twice, and gets it back once by `suspend` and once by returning.
fn round_trip<T: PartialEq + Debug>(make: impl Fn() -> T) {
    ScopedCoroutine::new(|yielder: &Yielder<T, T>, first: T| {
        assert_eq!(first, make());
        let second = yielder.suspend(first);
        assert_eq!(second, make());
        second
    })
    .scope(|mut coroutine| {
        assert_eq!(coroutine.resume(make()), CoroutineResult::Yield(make()));
        assert_eq!(coroutine.resume(make()), CoroutineResult::Return(make()));
    });
}

/// Input, Yield and Return of different types.
fn mixed<I, Y, R>(input: I, yielded: Y, returned: R)
where
    I: Copy + PartialEq + Debug,
    Y: Copy + PartialEq + Debug,
    R: Copy + PartialEq + Debug,
{
    ScopedCoroutine::new(|yielder: &Yielder<I, Y>, first: I| {
        assert_eq!(first, input);
        for _ in 0..3 {
            assert_eq!(yielder.suspend(yielded), input);
        }
        returned
    })
    .scope(|mut coroutine| {
        for _ in 0..3 {
            assert_eq!(coroutine.resume(input), CoroutineResult::Yield(yielded));
        }
        assert_eq!(coroutine.resume(input), CoroutineResult::Return(returned));
    });
}

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
struct AlignedNothing;

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(64))]
struct Aligned([u8; 64]);

#[derive(Clone, Copy, Debug, PartialEq)]
#[repr(align(4096))]
struct PageAligned(u64);

/// Whether it is where its type demands: asked so that the compiler can't answer.
fn is_aligned<T>(value: &T) -> bool {
    black_box(std::ptr::from_ref(value).addr()).is_multiple_of(align_of::<T>())
}

#[test]
fn nothing_at_all() {
    round_trip(|| ());
    round_trip(|| [0u64; 0]);
}

#[test]
fn a_zero_sized_type_with_a_large_alignment() {
    assert_eq!((size_of::<AlignedNothing>(), align_of::<AlignedNothing>()), (0, 64));
    round_trip(|| AlignedNothing);
    let mut coroutine = Coroutine::new(|yielder, first: AlignedNothing| {
        assert!(is_aligned(&first));
        let second = yielder.suspend(first);
        assert!(is_aligned(&second));
        second
    });
    assert!(is_aligned(&coroutine.resume(AlignedNothing).as_yield().unwrap()));
    assert!(is_aligned(&coroutine.resume(AlignedNothing).as_return().unwrap()));
}

#[test]
fn small_ones() {
    round_trip(|| 0xa5u8);
    round_trip(|| true);
    round_trip(|| -2i16);
    round_trip(|| 'ß');
    round_trip(|| 1.5f32);
    round_trip(|| [1u8, 2, 3]);
    round_trip(|| [1u8, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn one_word() {
    round_trip(|| usize::MAX);
    round_trip(|| i64::MIN);
    round_trip(|| -0.1f64);
    round_trip(|| [1u32, u32::MAX]);
    // The bits of a NaN, not only that it is one.
    round_trip(|| f64::from_bits(0x7ff4_dead_beef_0001).to_bits());
    let mut coroutine = Coroutine::new(|_: &Yielder<f64, ()>, value: f64| value);
    let returned = coroutine.resume(f64::from_bits(0x7ff8_dead_beef_0001)).as_return().unwrap();
    assert_eq!(returned.to_bits(), 0x7ff8_dead_beef_0001);
}

#[test]
fn with_padding() {
    round_trip(|| (1u8, 2u16));
    round_trip(|| (1u8, 2u32));
    round_trip(|| (1u8, 2u64, 3u16));
    round_trip(|| Some(7u32));
    round_trip(|| None::<u32>);
}

#[test]
fn more_than_a_word() {
    round_trip(|| u128::MAX / 3);
    round_trip(|| [1usize, 2]);
    round_trip(|| "a string slice");
    // A debug build makes dozens of copies of it on the coroutine's stack.
    round_trip(|| std::array::from_fn::<u32, 2_000, _>(|n| n as u32));
}

#[test]
fn owners_of_memory() {
    round_trip(|| Some(Box::new(5)));
    round_trip(|| None::<Box<i32>>);
    round_trip(|| Box::new([9u8; 1000]));
    round_trip(|| String::from("text"));
    round_trip(|| vec![Some(String::from("a")), None]);
    round_trip(|| Err::<(), _>(String::from("error")));
}

#[test]
fn pointers_stay_usable() {
    fn double(n: u32) -> u32 {
        2 * n
    }
    let mut coroutine = Coroutine::new(|yielder, function: fn(u32) -> u32| {
        let function = yielder.suspend(function(1));
        function(2)
    });
    assert_eq!(coroutine.resume(double), CoroutineResult::Yield(2));
    assert_eq!(coroutine.resume(double), CoroutineResult::Return(4));

    let mut coroutine = Coroutine::new(|yielder: &Yielder<Box<dyn Fn() -> u32>, u32>, first: Box<dyn Fn() -> u32>| {
        let second = yielder.suspend(first());
        first() + second()
    });
    assert_eq!(coroutine.resume(Box::new(|| 3)), CoroutineResult::Yield(3));
    assert_eq!(coroutine.resume(Box::new(|| 4)), CoroutineResult::Return(7));
}

#[test]
fn references_in_a_scoped_coroutine() {
    let mut numbers = [1, 2, 3];
    let text = String::from("borrowed");
    ScopedCoroutine::new(|yielder: &Yielder<&mut i32, &str>, first: &mut i32| {
        *first += 10;
        let second = yielder.suspend(&text[..3]);
        *second += 20;
        &text[3..]
    })
    .scope(|mut coroutine| {
        let [first, second, _] = &mut numbers;
        assert_eq!(coroutine.resume(first), CoroutineResult::Yield("bor"));
        assert_eq!(coroutine.resume(second), CoroutineResult::Return("rowed"));
    });
    assert_eq!(numbers, [11, 22, 3]);
}

#[test]
fn over_aligned_ones_keep_their_alignment() {
    round_trip(|| Aligned([7; 64]));
    round_trip(|| PageAligned(8));

    fn check<T: Copy + PartialEq + Debug + 'static>(value: T) {
        let mut coroutine = Coroutine::new(move |yielder, first: T| {
            let local = black_box(value);
            assert!(is_aligned(&first) && is_aligned(&local) && is_aligned(&value));
            let second = yielder.suspend(local);
            // The frame is where it was.
            assert!(is_aligned(&first) && is_aligned(&local) && is_aligned(&second));
            assert_eq!((first, local), (second, value));
            second
        });
        let before = black_box(value);
        let yielded = coroutine.resume(value).as_yield().unwrap();
        let returned = coroutine.resume(value).as_return().unwrap();
        assert!(is_aligned(&before) && is_aligned(&yielded) && is_aligned(&returned));
        assert_eq!([before, yielded, returned], [value; 3]);
    }
    check(Aligned(std::array::from_fn(|n| n as u8)));
    check(PageAligned(0x0123_4567_89ab_cdef));
}

#[test]
fn the_stack_pointer_is_aligned_where_code_runs() {
    // Vector spills and C code count on 16 bytes; so do locals that ask for just that.
    #[repr(align(16))]
    struct Sixteen(#[expect(dead_code, reason = "only its address counts")] u8);

    fn check(depth: u32) -> bool {
        let local = Sixteen(depth as u8);
        is_aligned(black_box(&local)) && (depth == 0 || check(depth - 1))
    }
    let mut coroutine = Coroutine::new(|yielder, ()| {
        yielder.suspend(check(10));
        yielder.suspend(check(11));
        check(12)
    });
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield(true));
    assert_eq!(coroutine.resume(()), CoroutineResult::Yield(true));
    assert_eq!(coroutine.resume(()), CoroutineResult::Return(true));
}

#[test]
fn each_combination_of_sizes() {
    macro_rules! all {
        ($($input:expr),*; $rest:tt) => { $( all!(@ $input; $rest); )* };
        (@ $input:expr; [$($yielded:expr),*]) => { $(
            mixed($input, $yielded, ());
            mixed($input, $yielded, 1u8);
            mixed($input, $yielded, 2usize);
            mixed($input, $yielded, [3u64; 9]);
            mixed($input, $yielded, Aligned([4; 64]));
        )* };
    }
    all!((), 5u8, 6usize, [7u64; 9], Aligned([8; 64]); [(), 9u8, 10usize, [11u64; 9], Aligned([12; 64])]);
}

#[test]
fn uninitialised_bytes_may_cross() {
    #[derive(Clone, Copy)]
    struct Partly {
        first: u8,
        hole: MaybeUninit<u16>,
        last: u32,
    }
    fn check<T: Copy + 'static>(value: T, is_whole: fn(&T) -> bool) {
        let mut coroutine = Coroutine::new(move |yielder, first: T| {
            assert!(is_whole(&first));
            let second = yielder.suspend(first);
            assert!(is_whole(&second));
            second
        });
        assert!(is_whole(&coroutine.resume(value).as_yield().unwrap()));
        assert!(is_whole(&coroutine.resume(value).as_return().unwrap()));
    }
    check(Partly { first: 1, hole: MaybeUninit::uninit(), last: 2 }, |partly| {
        black_box(partly.hole);
        (partly.first, partly.last) == (1, 2)
    });
    check([Partly { first: 3, hole: MaybeUninit::uninit(), last: 4 }; 5], |partly| {
        partly.iter().all(|partly| (partly.first, partly.last) == (3, 4))
    });
    check(MaybeUninit::<usize>::uninit(), |_| true);
    check([MaybeUninit::<u8>::uninit(); 3], |_| true);
    check([MaybeUninit::<u8>::uninit(); 300], |_| true);
}

/// Passes values that hold `each` counted ones, and counts after every step.
fn count_crossings<T: 'static>(each: usize, make: fn(&Drops) -> T) {
    let drops = Drops::new();
    let inside = drops.clone();
    let mut coroutine = Coroutine::new(move |yielder: &Yielder<T, T>, first: T| {
        let second = yielder.suspend(first);
        let before = inside.count();
        drop(second);
        assert_eq!(inside.count(), before + each);
        let third = yielder.suspend(make(&inside));
        yielder.suspend(make(&inside));
        third
    });
    let yielded = coroutine.resume(make(&drops));
    assert_eq!(drops.count(), 0, "it has gone in and out");
    drop(yielded);
    assert_eq!(drops.count(), each);
    let yielded = coroutine.resume(make(&drops));
    assert_eq!(drops.count(), 2 * each, "it has gone in and was dropped there");
    drop(yielded);
    assert_eq!(drops.count(), 3 * each);
    let yielded = coroutine.resume(make(&drops));
    assert_eq!(drops.count(), 3 * each, "one is kept inside, one is out");
    drop(yielded);
    assert_eq!(drops.count(), 4 * each);
    let returned = coroutine.resume(make(&drops));
    assert_eq!(drops.count(), 5 * each, "the last input was ignored, the one kept was returned");
    drop(returned);
    assert_eq!(drops.count(), 6 * each);
    drop(coroutine);
    assert_eq!(drops.count(), 6 * each);
}

#[test]
fn each_value_that_crosses_is_dropped_once() {
    count_crossings(1, |drops| drops.counted());
    count_crossings(1, |drops| Box::new(drops.counted()));
    count_crossings(1, |drops| Some(drops.counted()));
    count_crossings(1, |drops| (drops.counted(), [0u64; 100]));
    count_crossings(5, |drops| [(); 5].map(|()| drops.counted()));
}

#[test]
fn zero_sized_values_are_dropped_once_too() {
    thread_local! {
        static DROPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }
    struct Nothing;
    impl Drop for Nothing {
        fn drop(&mut self) {
            DROPS.set(DROPS.get() + 1);
        }
    }
    let mut coroutine = Coroutine::new(|yielder, first: Nothing| yielder.suspend(first));
    let yielded = coroutine.resume(Nothing);
    assert_eq!(DROPS.get(), 0);
    drop(yielded);
    assert_eq!(DROPS.get(), 1);
    let returned = coroutine.resume(Nothing);
    drop(coroutine);
    assert_eq!(DROPS.get(), 1);
    drop(returned);
    assert_eq!(DROPS.get(), 2);
}

#[test]
fn an_input_that_meets_a_panic_is_dropped_once() {
    let drops = Drops::new();
    let mut coroutine = Coroutine::<[Counted; 2], (), ()>::new(|_, _input| panic!("with an input"));
    let input = [drops.counted(), drops.counted()];
    assert_eq!(support::message_of(|| coroutine.resume(input)), "with an input");
    assert_eq!(drops.count(), 2);
}

#[test]
fn an_input_for_a_finished_coroutine_is_dropped_once() {
    let drops = Drops::new();
    let mut coroutine = Coroutine::<Counted, (), ()>::new(|_, _input| ());
    coroutine.resume(drops.counted());
    assert_eq!(drops.count(), 1);
    let input = drops.counted();
    assert_eq!(support::message_of(|| coroutine.resume(input)), "cannot resume a coroutine that is finished");
    assert_eq!(drops.count(), 2);
}

#[test]
fn a_finished_one_in_an_option_is_still_there() {
    // Copying what is large leaves registers at zero, at the very end of a coroutine.
    let mut coroutine = Some(Coroutine::<(), (), [u8; 16 << 10]>::new(|_, ()| black_box([7; _])));
    assert_eq!(coroutine.as_mut().unwrap().resume(()), CoroutineResult::Return([7; _]));
    assert!(coroutine.as_ref().is_some_and(Coroutine::done));
    let mut many: Vec<_> =
        (0..10).map(|_| Some(Coroutine::<(), (), [u8; 9000]>::new(|_, ()| black_box([1; _])))).collect();
    for coroutine in &mut many {
        assert!(coroutine.as_mut().unwrap().resume(()).as_return().is_some());
    }
    assert!(many.iter().all(|coroutine| coroutine.as_ref().is_some_and(Coroutine::done)));
}
