//! The attributes of the crate `mixio`, which has them with its feature `macros`: `#[mixio::as_async]` and
//! `#[mixio::as_sync]`.

mod arguments;
mod as_async;
mod as_sync;
mod borrows;
mod function;
mod opaque;
mod options;

use proc_macro::TokenStream;
use quote::quote;

/// Makes a function that gives a future of a plain `fn`.
///
/// The function returns `AsAsync<T, impl FnOnce() -> T + 'static>` in place of `T`: what the function `as_async` makes of a
/// closure that has the same body. So it can be awaited, and it has the methods of `AsAsync`. It starts with the first poll,
/// and may `wait`, with all that it calls.
///
/// ```
/// use mixio::{as_async, wait};
/// use std::time::Duration;
///
/// /// A plain function: nothing in it says `async`.
/// #[as_async]
/// fn brew(cups: u64) -> Result<u64, std::num::TryFromIntError> {
///     wait(smol::Timer::after(Duration::from_millis(10 * cups)));
///     Ok(u8::try_from(cups)?.into())
/// }
///
/// smol::block_on(async {
///     let (small, large) = smol::future::zip(brew(1), brew(2).stack_size(1 << 20)).await;
///     assert_eq!((small, large), (Ok(1), Ok(2)));
/// });
/// ```
///
/// # Arguments
///
/// All are moved into the future, used or not. They are dropped when the body has ended, after its variables, or with a future
/// that was never polled.
///
/// The future outlives the call and can be leaked, so nothing can be borrowed from the caller: lifetimes other than `'static`
/// are errors. Take owned values, or an `Rc` or `Arc`; as `self` too.
///
/// ```
/// use mixio::{as_async, wait};
/// use std::rc::Rc;
///
/// struct Shop {
///     name: String,
/// }
///
/// impl Shop {
///     #[as_async]
///     fn greet<T: std::fmt::Display + 'static>(self: Rc<Self>, guest: T) -> String {
///         wait(smol::future::yield_now());
///         format!("{}: welcome, {guest}!", self.name)
///     }
/// }
///
/// let shop = Rc::new(Shop { name: "The Kitchen".to_owned() });
/// assert_eq!(smol::block_on(shop.greet("ann")), "The Kitchen: welcome, ann!");
/// ```
///
/// Type parameters, and `impl Trait` in arguments, have to be `'static`, and have to say so: no bound is added in silence.
/// The same goes for `Self` in a trait's default body.
///
/// ```compile_fail,E0310
/// #[mixio::as_async]
/// fn print<T: std::fmt::Display>(value: T) {
///     println!("{value}");
/// }
/// ```
///
/// # In traits
///
/// It can stand on a method with a body, in a trait or an `impl`. A trait declares such a method as what it becomes, as
/// `fn cook(self) -> AsAsync<u32, impl FnOnce() -> u32 + 'static>;`.
///
/// # Options
///
/// - `#[as_async(stack_size = BYTES)]`: a stack of at least so many bytes, as by `AsAsync::stack_size`. It is a constant
///   expression of type `usize`; for one that isn't, call that method.
/// - `#[as_async(crate = path)]`: where mixio is found, if not at `::mixio`.
///
/// ```
/// use mixio as coroutines;
///
/// #[mixio::as_async(stack_size = 16 << 20, crate = coroutines)]
/// fn depth(n: u32) -> u32 {
///     fn recurse(n: u32) -> u32 {
///         if n == 0 { 0 } else { 1 + recurse(n - 1) }
///     }
///     recurse(n)
/// }
/// assert_eq!(smol::block_on(depth(50_000)), 50_000);
/// ```
///
/// # Reports
///
/// The function is `#[track_caller]`, unless it is called `main`: so the report of a stack overflow names the place where it
/// was called.
///
/// # Safety
///
/// An `unsafe fn` stays one. What its caller promises has to hold for longer than the call: until the future has finished or
/// has been dropped, and for ever if it is leaked.
///
/// # Errors
///
/// Of the compiler: for an `async fn`, a `const fn`, an `extern` one, one without a body, and one that returns
/// `impl Trait` or `!`.
#[proc_macro_attribute]
pub fn as_async(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(as_async::expand, options, item)
}

/// Makes a plain `fn` of an `async fn`: it waits for what the `async fn` would give.
///
/// The body becomes an async block, and the function `wait`s for that. So inside of `as_async` it sets the stack aside
/// while it is pending, and outside of any coroutine it blocks the thread.
///
/// ```
/// use mixio::{as_async, as_sync};
/// use std::time::Duration;
///
/// #[as_sync]
/// async fn price(item: &str) -> Result<u64, std::num::ParseIntError> {
///     smol::Timer::after(Duration::from_millis(10)).await;
///     Ok(10 * item.parse::<u64>()?)
/// }
///
/// // A plain function, for plain functions: an iterator calls it.
/// let total = || ["1", "2", "3"].into_iter().map(price).sum::<Result<u64, _>>();
/// assert_eq!(total(), Ok(60)); // on a thread of its own
/// assert_eq!(smol::block_on(as_async(total)), Ok(60)); // set aside while it waits
/// ```
///
/// # Arguments
///
/// The wait is over before the function returns, so all that an `async fn` can take is fine: references, `&mut self`, type
/// parameters without bounds. As there, arguments are moved in, and dropped after the variables of the body.
///
/// ```
/// use mixio::as_sync;
///
/// trait Cook {
///     fn cook(&mut self, dish: &str) -> &str;
/// }
///
/// struct Kitchen(Vec<String>);
///
/// impl Cook for Kitchen {
///     #[as_sync]
///     async fn cook(&mut self, dish: &str) -> &str {
///         smol::future::yield_now().await;
///         self.0.push(format!("hot {dish}"));
///         &self.0[0]
///     }
/// }
///
/// assert_eq!(Kitchen(Vec::new()).cook("soup"), "hot soup");
/// ```
///
/// # Options
///
/// `#[as_sync(crate = path)]`: where mixio is found, if not at `::mixio`.
///
/// # Panics
///
/// The function panics as `wait` does: with the panic of the body, to unwind if its `AsAsync` is dropped, and where it can't
/// wait. It is `#[track_caller]`, unless it is called `main`: so that is reported at the place where it was called.
///
/// # Safety
///
/// An `unsafe fn` stays one.
///
/// # Errors
///
/// Of the compiler: for a function that isn't `async`, an `extern` one, and one without a body.
#[proc_macro_attribute]
pub fn as_sync(options: TokenStream, item: TokenStream) -> TokenStream {
    expand(as_sync::expand, options, item)
}

type Expand = fn(proc_macro2::TokenStream, proc_macro2::TokenStream) -> syn::Result<proc_macro2::TokenStream>;

fn expand(expand: Expand, options: TokenStream, item: TokenStream) -> TokenStream {
    let item = proc_macro2::TokenStream::from(item);
    let expanded = expand(options.into(), item.clone()).unwrap_or_else(|error| {
        // With the function as it was, so that nobody is told besides that there is no such function.
        let error = error.into_compile_error();
        quote!(#error #item)
    });
    expanded.into()
}

/// Temporaries of the last expression are dropped before the arguments in older editions, too: these would not compile
/// otherwise.
///
/// ```edition2021
/// use std::cell::RefCell;
///
/// #[mixio::as_async]
/// fn future(cell: RefCell<u32>) -> u32 {
///     *cell.borrow()
/// }
///
/// #[mixio::as_sync]
/// async fn value(cell: RefCell<u32>) -> u32 {
///     *cell.borrow()
/// }
///
/// assert_eq!(smol::block_on(future(RefCell::new(1))), 1);
/// assert_eq!(value(RefCell::new(2)), 2);
/// ```
#[cfg(doctest)]
struct OlderEditions;
