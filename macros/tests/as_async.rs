//! What becomes of functions with `#[as_async]`.

mod support;

use std::cell::RefCell;
use std::fmt::Display;
use std::hint::black_box;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Waker};

use mixio::stack::{DEFAULT_STACK_SIZE, StackPool};
use mixio::{AsAsync, as_async, in_coroutine, wait};
use smol::future::yield_now;
use support::{Log, Noisy};

#[as_async]
fn double(n: u64) -> u64 {
    wait(yield_now());
    assert!(in_coroutine());
    2 * n
}

#[test]
fn is_a_future() {
    assert_eq!(smol::block_on(double(21)), 42);
    // And the function of that name is still the function.
    assert_eq!(smol::block_on(as_async(|| wait(double(1)))), 2);
}

#[test]
fn is_the_bridges_own_future() {
    fn returned<T, F>(future: AsAsync<T, F>) -> AsAsync<T, F> {
        future
    }
    let pool = StackPool::builder().stack_size(DEFAULT_STACK_SIZE).build().unwrap();
    assert_eq!(smol::block_on(returned(double(2)).stack_pool(&pool)), 4);
    assert_eq!(pool.statistics().cached, 1);
    assert_eq!(smol::block_on(double(3).stack_size(1 << 20)), 6);
}

#[test]
fn runs_when_polled() {
    #[as_async]
    fn count(counter: Rc<RefCell<u32>>) {
        *counter.borrow_mut() += 1;
    }
    let counter = Rc::new(RefCell::new(0));
    let future = count(counter.clone());
    assert_eq!(*counter.borrow(), 0);
    assert_eq!(Rc::strong_count(&counter), 2);
    smol::block_on(future);
    assert_eq!(*counter.borrow(), 1);
    assert_eq!(Rc::strong_count(&counter), 1);
    drop(count(counter.clone()));
    assert_eq!((*counter.borrow(), Rc::strong_count(&counter)), (1, 1));
}

#[test]
fn recursive() {
    #[as_async]
    fn factorial(n: u64) -> u64 {
        wait(yield_now());
        if n == 0 { 1 } else { n * wait(factorial(n - 1)) }
    }
    assert_eq!(smol::block_on(factorial(10)), 3_628_800);
}

#[test]
fn return_and_question_mark() {
    #[as_async]
    fn parse(text: &'static str) -> Result<i64, Box<dyn std::error::Error>> {
        if text.is_empty() {
            return Err("nothing there".into());
        }
        wait(yield_now());
        Ok(text.parse::<i64>()?)
    }
    assert_eq!(smol::block_on(parse("-7")).unwrap(), -7);
    assert_eq!(smol::block_on(parse("")).unwrap_err().to_string(), "nothing there");
    assert!(smol::block_on(parse("x")).unwrap_err().is::<std::num::ParseIntError>());
}

struct Pair {
    left: u32,
    right: u32,
}

#[test]
fn all_kinds_of_arguments() {
    #[as_async]
    #[expect(clippy::too_many_arguments)]
    fn sum<T, const N: usize>(
        (a, mut b): (u32, u32),
        Pair { left, .. }: Pair,
        [first, .., last]: [T; 3],
        mut c: [u32; N],
        _: String,
        whole @ (d, _): (u32, u32),
        ref e: u32,
        ref mut counted: u32,
        (ref mut text, _): (String, u32),
        iterator: impl Iterator<Item = u32> + 'static,
        callback: impl Fn(&str) -> &str + 'static,
        hook: fn(&mut u64) -> &mut u64,
        boxed: Box<dyn for<'a> Fn(&'a u64) -> &'a u64>,
        #[cfg(windows)] missing: Missing,
        #[cfg(not(windows))] f: u32,
        #[expect(unused_variables)] unused: u32,
    ) -> u64
    where
        T: Into<u64> + Copy + 'static,
    {
        b += 1;
        c[0] += 1;
        *counted += 1;
        text.push('!');
        wait(yield_now());
        assert_eq!((*counted, text.as_str()), (17, "text!"));
        assert_eq!(callback("word"), "wo");
        let mut total = u64::from(a + b + left + c.iter().sum::<u32>() + whole.1 + d + *e + f);
        total += first.into() + last.into() + iterator.map(u64::from).sum::<u64>();
        *boxed(hook(&mut total))
    }
    let pair = Pair { left: 5, right: 6 };
    assert_eq!(pair.right, 6);
    let future = sum::<u8, 2>(
        (1, 2),
        pair,
        [1, 10, 100],
        [7, 8],
        String::new(),
        (9, 10),
        11,
        16,
        ("text".into(), 0),
        [12, 13].into_iter(),
        |text| &text[..2],
        |total| {
            *total += 1000;
            total
        },
        Box::new(|total| total),
        14,
        15,
    );
    assert_eq!(smol::block_on(future), 1 + 3 + 5 + 16 + 10 + 9 + 11 + 14 + 101 + 25 + 1000);
}

/// Whatever its type ends in.
#[test]
fn what_it_returns() {
    #[as_async]
    fn borrowed() -> &'static dyn Display {
        &"text"
    }
    #[as_async]
    fn address() -> *const dyn Display {
        &"text" as &dyn Display
    }
    #[as_async]
    fn boxed() -> Box<dyn Fn(u32) -> &'static dyn Display> {
        Box::new(|_| &"text")
    }
    assert_eq!(smol::block_on(borrowed()).to_string(), "text");
    assert!(!smol::block_on(address()).is_null());
    assert_eq!(smol::block_on(boxed())(1).to_string(), "text");
}

#[test]
fn methods() {
    struct Shop {
        name: String,
        sold: RefCell<u32>,
    }

    impl Shop {
        #[as_async]
        fn close(mut self, suffix: &'static str) -> String {
            self.name += suffix;
            wait(yield_now());
            self.name
        }

        #[as_async]
        fn sell(self: Rc<Self>, count: u32) -> u32 {
            wait(yield_now());
            *self.sold.borrow_mut() += count;
            *self.sold.borrow()
        }

        #[as_async]
        fn boxed(self: Box<Self>) -> Self {
            wait(yield_now());
            *self
        }

        #[as_async]
        fn pinned(self: Pin<Box<Self>>) -> String {
            self.name.clone()
        }

        #[as_async]
        fn counted(self: Arc<Self>) -> usize
        where
            Self: Sized,
        {
            Arc::strong_count(&self)
        }

        #[as_async]
        fn forever(&'static self) -> &'static str {
            wait(yield_now());
            &self.name
        }

        #[as_async]
        fn open(name: impl Into<String> + 'static) -> Self {
            wait(yield_now());
            Shop { name: name.into(), sold: RefCell::new(0) }
        }
    }

    let shop = |name: &str| Shop { name: name.to_owned(), sold: RefCell::new(0) };
    smol::block_on(async {
        assert_eq!(shop("shop").close("!").await, "shop!");
        let shared = Rc::new(shop("shared"));
        assert_eq!(smol::future::zip(shared.clone().sell(1), shared.clone().sell(2)).await, (1, 3));
        assert_eq!(Box::new(shop("boxed")).boxed().await.name, "boxed");
        assert_eq!(Box::pin(shop("pinned")).pinned().await, "pinned");
        #[expect(clippy::arc_with_non_send_sync)]
        let arc = Arc::new(shop("arc"));
        assert_eq!(arc.counted().await, 1);
        assert_eq!(Shop::open("new").await.name, "new");
        assert_eq!(Box::leak(Box::new(shop("leaked"))).forever().await, "leaked");
    });
}

/// Not even for the lifetime of the `impl`, which the macro doesn't see.
#[test]
fn borrows_nothing() {
    struct Menu<'a>(&'a str);

    impl<'a> Menu<'a> {
        #[as_async]
        fn price(cents: u32) -> u32 {
            wait(yield_now());
            cents * 2
        }

        fn order(&self) -> Box<dyn Future<Output = u32> + Unpin> {
            Box::new(Menu::<'a>::price(u32::try_from(self.0.len()).unwrap()))
        }
    }

    let text = String::from("soup");
    let future = Menu(&text).order();
    drop(text);
    assert_eq!(smol::block_on(future), 8);
}

#[test]
fn in_traits() {
    trait Cook: Sized + 'static {
        fn dish(&self) -> String;

        fn declared(self, count: usize) -> AsAsync<usize, impl FnOnce() -> usize + 'static>;

        #[as_async]
        fn cook(self) -> String {
            wait(yield_now());
            self.dish()
        }
    }

    struct Cold;

    impl Cook for Cold {
        fn dish(&self) -> String {
            "salad".to_owned()
        }

        #[as_async]
        fn declared(self, count: usize) -> usize {
            wait(yield_now());
            count * self.dish().len()
        }
    }

    struct Hot;

    impl Cook for Hot {
        fn dish(&self) -> String {
            "soup".to_owned()
        }

        #[as_async]
        fn declared(self, count: usize) -> usize {
            wait(yield_now());
            count * self.dish().len()
        }

        #[as_async]
        fn cook(self) -> String {
            wait(yield_now());
            format!("hot {}", self.dish())
        }
    }

    assert_eq!(smol::block_on(smol::future::zip(Cold.cook(), Hot.cook())), ("salad".to_owned(), "hot soup".to_owned()));
    assert_eq!(smol::block_on(smol::future::zip(Cold.declared(1), Hot.declared(2))), (5, 8));
}

#[test]
fn unsafe_functions_stay_unsafe() {
    /// # Safety
    ///
    /// The pointer is valid for reads until the future has finished or is dropped.
    #[as_async]
    unsafe fn read(pointer: *const u32) -> u32 {
        wait(yield_now());
        // SAFETY: by the contract.
        unsafe { *pointer }
    }
    let value = Box::new(7);
    // SAFETY: it outlives the future.
    let future = unsafe { read(&*value) };
    assert_eq!(smol::block_on(future), 7);
}

#[test]
fn stack_size() {
    const MIB: usize = 1 << 20;

    /// More than a stack has by default.
    #[inline(never)]
    fn huge_frame(value: u8) -> u8 {
        let mut room = [value; 2 * DEFAULT_STACK_SIZE];
        black_box(&mut room)[usize::from(value)]
    }
    #[as_async(stack_size = 3 * MIB)]
    fn fixed(value: u8) -> u8 {
        huge_frame(value)
    }
    #[as_async(stack_size = BYTES)]
    fn generic<const BYTES: usize>(value: u8) -> u8 {
        huge_frame(value)
    }
    assert_eq!(smol::block_on(fixed(7)), 7);
    assert_eq!(smol::block_on(generic::<{ 3 * MIB }>(8)), 8);
}

#[test]
fn renamed_crate() {
    mod inner {
        pub(crate) mod renamed {
            pub(crate) use mixio::*;
        }
    }
    mod mixio {}
    use inner::renamed;

    #[::mixio::as_async(crate = inner::renamed, stack_size = 1 << 20)]
    fn one() -> u32 {
        renamed::wait(yield_now());
        1
    }
    assert_eq!(smol::block_on(one()), 1);
}

/// As those of a function that is called: after its variables, the last first. Not when the future is made.
#[test]
fn arguments_are_dropped_last() {
    #[as_async]
    fn serve(first: Noisy, _: Noisy, (second, _): (Noisy, Noisy), _unused: Noisy) {
        let _variable = first.log().noisy("variable");
        wait(yield_now());
        second.log().note("body");
    }
    let log = Log::default();
    let made = || {
        let pair = (log.noisy("second"), log.noisy("rest"));
        serve(log.noisy("first"), log.noisy("wild"), pair, log.noisy("unused"))
    };
    let mut future = made();
    assert!(log.take().is_empty());
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    assert!(log.take().is_empty());
    smol::block_on(future);
    assert_eq!(log.take(), ["body", "variable", "unused", "second", "rest", "wild", "first"]);

    // Unwound while it waits.
    let mut future = made();
    assert!(Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())).is_pending());
    drop(future);
    assert_eq!(log.take(), ["variable", "unused", "second", "rest", "wild", "first"]);
}

/// Also the fields that the body doesn't use.
#[test]
fn self_is_moved_as_a_whole() {
    struct Both {
        used: Noisy,
        _unused: Noisy,
    }

    impl Both {
        #[as_async]
        fn serve(self, argument: Noisy) {
            let _variable = self.used.log().noisy("variable");
            wait(yield_now());
            argument.log().note("body");
        }
    }

    let log = Log::default();
    let future = Both { used: log.noisy("used"), _unused: log.noisy("unused") }.serve(log.noisy("argument"));
    assert!(log.take().is_empty());
    smol::block_on(future);
    assert_eq!(log.take(), ["body", "variable", "argument", "used", "unused"]);
}

#[test]
fn panics_reach_who_awaits() {
    #[as_async]
    fn fail(n: u32) -> u32 {
        wait(yield_now());
        panic!("number {n}")
    }
    let payload = std::panic::catch_unwind(|| smol::block_on(fail(3))).unwrap_err();
    assert_eq!(*payload.downcast::<String>().unwrap(), "number 3");
}

#[test]
fn from_a_macro() {
    macro_rules! make {
        ($self:ident, $sum:expr) => {
            #[as_async]
            fn sum($self) -> u32 {
                $sum
            }
        };
        ($name:ident, $argument:ident: $type:ty, $body:block) => {
            #[as_async]
            fn $name($argument: $type, other: $type) -> $type {
                let value = $body;
                value + other
            }
        };
    }
    make!(increment, other: u32, {
        wait(yield_now());
        other + 1
    });
    assert_eq!(smol::block_on(increment(1, 10)), 12);

    struct Two(u32, u32);
    impl Two {
        make!(self, self.0 + self.1);
    }
    assert_eq!(smol::block_on(Two(1, 2).sum()), 3);
}
