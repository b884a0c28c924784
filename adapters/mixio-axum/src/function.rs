//! Plain functions, whatever number of arguments they have.

/// A plain function, or closure, that takes up to 12 arguments: the tuple `Args`.
///
/// It is implemented for all of them, and not meant to be implemented by hand.
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be a view",
    note = "a view is a plain `fn`, or a closure that is `Clone`, `Send` and `Sync` and borrows nothing, of up to 12 arguments",
    note = "an `async fn` is a handler of axum's already: give it to the router as it is"
)]
pub trait Function<Args>: Clone + Send + Sync + 'static {
    /// What it returns.
    type Output;

    /// Calls it.
    fn call(self, args: Args) -> Self::Output;
}

macro_rules! functions {
    ($($arg:ident)*) => {
        impl<Func, R, $($arg,)*> Function<($($arg,)*)> for Func
        where
            Func: FnOnce($($arg),*) -> R + Clone + Send + Sync + 'static,
        {
            type Output = R;

            #[allow(non_snake_case, reason = "the names of the types serve for the values")]
            fn call(self, ($($arg,)*): ($($arg,)*)) -> R {
                self($($arg),*)
            }
        }
    };
}

functions! {}
functions! { A }
functions! { A B }
functions! { A B C }
functions! { A B C D }
functions! { A B C D E }
functions! { A B C D E F }
functions! { A B C D E F G }
functions! { A B C D E F G H }
functions! { A B C D E F G H I }
functions! { A B C D E F G H I J }
functions! { A B C D E F G H I J K }
functions! { A B C D E F G H I J K L }
