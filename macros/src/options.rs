//! What may stand in an attribute's parentheses.

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::{Expr, Path, Result, meta, parse_quote};

pub(crate) struct Options {
    /// The path of the crate mixio.
    pub(crate) mixio: Path,
    pub(crate) stack_size: Option<Expr>,
}

impl Options {
    pub(crate) fn of_as_async(tokens: TokenStream) -> Result<Self> {
        Self::parse(tokens, true)
    }

    pub(crate) fn of_as_sync(tokens: TokenStream) -> Result<Self> {
        Self::parse(tokens, false)
    }

    fn parse(tokens: TokenStream, has_stack: bool) -> Result<Self> {
        let (mut mixio, mut stack_size) = (None, None);
        meta::parser(|option| {
            let is_again = if option.path.is_ident("crate") {
                let value = option.value().and_then(Path::parse_mod_style);
                mixio.replace(value.map_err(|_| option.error("write `crate = <path>`, as in a `use`"))?).is_some()
            } else if option.path.is_ident("stack_size") && has_stack {
                let value = option.value().map_err(|_| option.error("write `stack_size = <bytes>`"))?;
                stack_size.replace(value.parse()?).is_some()
            } else if option.path.is_ident("stack_size") {
                return Err(
                    option.error("an `as_sync` function runs on its caller's stack: `stack_size` is for `as_async`")
                );
            } else if has_stack {
                return Err(option.error("unknown option; there are `stack_size = <bytes>` and `crate = <path>`"));
            } else {
                return Err(option.error("unknown option; there is `crate = <path>`"));
            };
            if is_again { Err(option.error("this option is given twice")) } else { Ok(()) }
        })
        .parse2(tokens)?;
        Ok(Options { mixio: mixio.unwrap_or_else(|| parse_quote!(::mixio)), stack_size })
    }
}
