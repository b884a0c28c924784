//! What becomes of functions with `#[as_sync]`.

mod support;

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::rc::Rc;
use std::str::FromStr;

use mixio::{as_async, as_sync, in_coroutine};
use smol::future::yield_now;
use support::{Log, Noisy};

#[as_sync]
async fn double(n: &u64) -> u64 {
    yield_now().await;
    2 * n
}

#[test]
fn waits() {
    // On a thread of its own, and inside a coroutine.
    assert_eq!(double(&21), 42);
    assert_eq!(smol::block_on(as_async(|| double(&u64::from(in_coroutine())))), 2);
}

#[test]
fn return_and_question_mark() {
    #[as_sync]
    async fn parse(text: &str) -> Result<i64, Box<dyn Error>> {
        if text.is_empty() {
            return Err("nothing there".into());
        }
        yield_now().await;
        Ok(text.parse::<i64>()?)
    }
    assert_eq!(parse("-7").unwrap(), -7);
    assert_eq!(parse("").unwrap_err().to_string(), "nothing there");
    assert!(parse("x").unwrap_err().is::<std::num::ParseIntError>());
}

/// Without the function's type the compiler couldn't know these.
#[test]
fn types_are_inferred_as_in_an_async_fn() {
    #[as_sync]
    async fn only_a_question_mark(text: &str) -> Result<u8, Box<dyn Error>> {
        let number = text.parse::<u8>()?;
        yield_now().await;
        Ok(number)
    }
    #[as_sync]
    async fn boxed(number: Option<u32>) -> Box<dyn Display> {
        yield_now().await;
        if let Some(number) = number {
            return Box::new(number);
        }
        Box::new("none")
    }
    #[as_sync]
    async fn collected() -> Vec<u32> {
        (0..3).collect()
    }
    #[as_sync]
    async fn unsized_slice(array: &mut [u8; 3]) -> &[u8] {
        array[0] = 1;
        array
    }
    #[as_sync]
    async fn nothing() {
        yield_now().await;
    }
    #[as_sync]
    async fn panics() -> u32 {
        panic!("at once")
    }
    #[as_sync]
    async fn by_a_loop(mut n: u32) -> u32 {
        loop {
            yield_now().await;
            n += 1;
            if n > 19 {
                return n;
            }
        }
    }
    assert_eq!(only_a_question_mark("3").unwrap(), 3);
    assert_eq!((boxed(Some(3)).to_string(), boxed(None).to_string()), ("3".to_owned(), "none".to_owned()));
    assert_eq!(collected(), [0, 1, 2]);
    assert_eq!(unsized_slice(&mut [0; 3]), [1, 0, 0]);
    nothing();
    assert!(std::panic::catch_unwind(panics).is_err());
    assert_eq!(by_a_loop(13), 20);
}

#[test]
fn impl_trait_is_returned() {
    #[as_sync]
    async fn numbers(up_to: &u32) -> impl Iterator<Item = u32> + Debug {
        yield_now().await;
        0..*up_to
    }
    #[as_sync]
    async fn fallible(text: &str) -> Result<impl Display, Box<dyn Error>> {
        yield_now().await;
        Ok(text.parse::<u32>()?)
    }
    assert_eq!(numbers(&3).sum::<u32>(), 3);
    assert_eq!(fallible("5").unwrap().to_string(), "5");
}

#[test]
fn never_returns() {
    #[as_sync]
    async fn serve(rounds: &mut u32) -> ! {
        loop {
            yield_now().await;
            *rounds += 1;
            if *rounds == 3 {
                panic!("closed");
            }
        }
    }
    #[as_sync]
    async fn infallible(fail: bool) -> Result<Infallible, u32> {
        yield_now().await;
        if fail { Err(4) } else { serve(&mut 0) }
    }
    let mut rounds = 0;
    let payload = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| -> u32 { serve(&mut rounds) })).unwrap_err();
    assert_eq!(*payload.downcast::<&str>().unwrap(), "closed");
    assert_eq!(rounds, 3);
    assert_eq!(infallible(true), Err(4));
}

#[test]
fn all_kinds_of_arguments() {
    struct Pair<'a> {
        left: &'a str,
        _right: u32,
    }
    #[as_sync]
    #[expect(clippy::too_many_arguments)]
    async fn sum<'a, T: FromStr<Err: Debug>, const N: usize>(
        (a, mut b): (u32, u32),
        Pair { left, .. }: Pair<'a>,
        mut c: [u32; N],
        _: &mut [u32],
        ref d: u32,
        ref mut counted: u32,
        (ref mut text, _): (String, u32),
        iterator: impl Iterator<Item = u32>,
        callback: impl AsyncFn(&str) -> usize,
        #[cfg(windows)] missing: Missing,
        #[cfg(not(windows))] e: &u32,
        #[expect(unused_variables)] unused: u32,
    ) -> (T, usize)
    where
        u64: From<u32>,
    {
        b += 1;
        c[0] += 1;
        *counted += 1;
        text.push('!');
        let length = callback(left).await;
        assert_eq!((*counted, text.as_str()), (17, "text!"));
        let total = a + b + c.iter().sum::<u32>() + d + iterator.sum::<u32>() + e;
        (total.to_string().parse().unwrap(), length)
    }
    let left = String::from("word");
    let callback = async |text: &str| {
        yield_now().await;
        text.len()
    };
    let pair = Pair { left: &left, _right: 1 };
    let more = ("text".into(), 0);
    let sum: (u64, usize) =
        sum::<u64, 2>((1, 2), pair, [3, 4], &mut [], 5, 16, more, [6, 7].into_iter(), callback, &8, 9);
    assert_eq!(sum, (1 + 3 + 8 + 5 + 13 + 8, 4));
}

#[derive(Default)]
struct Shop {
    name: String,
    sold: Vec<u32>,
}

impl Shop {
    #[as_sync]
    async fn name(&self) -> &str {
        yield_now().await;
        &self.name
    }

    #[as_sync]
    async fn sell(&mut self, count: u32) -> &mut u32 {
        yield_now().await;
        self.sold.push(count);
        self.sold.last_mut().unwrap()
    }

    #[as_sync]
    async fn chosen<'a>(&self, _other: &'a str, this: &'a str) -> &'a str {
        yield_now().await;
        this
    }

    #[as_sync]
    async fn close(mut self, suffix: &str) -> String {
        self.name += suffix;
        yield_now().await;
        self.name
    }

    #[as_sync]
    async fn count(self: &Rc<Self>) -> usize {
        yield_now().await;
        Rc::strong_count(self)
    }

    #[as_sync]
    async fn open(name: impl Into<String>) -> Self {
        yield_now().await;
        Self { name: name.into(), ..Self::default() }
    }
}

#[test]
fn methods() {
    let mut shop = Shop::open("shop");
    *shop.sell(1) += 10;
    shop.sell(2);
    assert_eq!(shop.sold, [11, 2]);
    assert_eq!(shop.name(), "shop");
    let this = String::from("this");
    let chosen = shop.chosen("other", &this);
    assert_eq!(shop.close("!"), "shop!");
    assert_eq!(chosen, "this");
    assert_eq!(Rc::new(Shop::default()).count(), 1);
}

#[test]
fn in_traits() {
    trait Cook {
        fn dish(&self) -> String;

        #[as_sync]
        async fn cook(&self) -> String {
            yield_now().await;
            self.dish()
        }
    }

    struct Cold;

    impl Cook for Cold {
        fn dish(&self) -> String {
            "salad".to_owned()
        }
    }

    struct Hot(String);

    impl Cook for Hot {
        #[as_sync]
        async fn dish(&self) -> String {
            yield_now().await;
            self.0.clone()
        }
    }

    let cooks: [&dyn Cook; 2] = [&Cold, &Hot("soup".to_owned())];
    assert_eq!(cooks.map(Cook::cook), ["salad", "soup"]);
}

#[test]
fn unsafe_functions_stay_unsafe() {
    /// # Safety
    ///
    /// The pointer is valid for reads.
    #[as_sync]
    async unsafe fn read(pointer: *const u32) -> u32 {
        yield_now().await;
        // SAFETY: by the contract.
        unsafe { *pointer }
    }
    // SAFETY: it is a reference.
    assert_eq!(unsafe { read(&7) }, 7);
}

/// As those of an async function.
#[test]
fn arguments_are_dropped_last() {
    struct Both {
        used: Noisy,
        _unused: Noisy,
    }

    macro_rules! serve {
        ($name:ident, $(#[$attribute:meta])*) => {
            $(#[$attribute])*
            async fn $name(self, first: Noisy, _: Noisy, (second, _): (Noisy, Noisy), _unused: Noisy) {
                let _variable = self.used.log().noisy("variable");
                yield_now().await;
                first.log().note("body");
                drop(second);
            }
        };
    }

    impl Both {
        serve!(serve, #[as_sync]);
        serve!(native,);
    }

    let log = Log::default();
    let both = || Both { used: log.noisy("used"), _unused: log.noisy("unused field") };
    let pair = || (log.noisy("second"), log.noisy("rest"));
    both().serve(log.noisy("first"), log.noisy("wild"), pair(), log.noisy("unused"));
    let ours = log.take();
    smol::block_on(both().native(log.noisy("first"), log.noisy("wild"), pair(), log.noisy("unused")));
    assert_eq!(ours, log.take());
    assert_eq!(ours, ["body", "second", "variable", "unused", "rest", "wild", "first", "used", "unused field"]);
}

#[test]
fn recursive() {
    #[as_sync]
    async fn factorial(n: u64) -> u64 {
        yield_now().await;
        if n == 0 { 1 } else { n * factorial(n - 1) }
    }
    assert_eq!(factorial(10), 3_628_800);
    assert_eq!(smol::block_on(as_async(|| factorial(5))), 120);
}

#[test]
fn renamed_crate() {
    mod renamed {
        pub(super) use mixio::*;
    }
    mod mixio {}

    #[::mixio::as_sync(crate = renamed)]
    async fn one() -> u32 {
        yield_now().await;
        1
    }
    assert_eq!(one(), 1);
}

#[as_sync]
#[test]
async fn tests_can_be_async() {
    yield_now().await;
    let shared = RefCell::new(0);
    *shared.borrow_mut() += 1;
    assert_eq!(shared.into_inner(), 1);
}

#[test]
fn from_a_macro() {
    macro_rules! make {
        ($name:ident, $argument:ident: $type:ty, $body:block) => {
            #[as_sync]
            async fn $name($argument: $type, other: $type) -> $type {
                let value = $body;
                value + other
            }
        };
    }
    make!(increment, other: u32, {
        yield_now().await;
        other + 1
    });
    assert_eq!(increment(1, 10), 12);
}
