//! What becomes of an async function with `#[as_sync]`.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Error, Result, ReturnType, Signature, Type};

use crate::function::Function;
use crate::options::Options;
use crate::{arguments, function, opaque};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Options { mixio, stack_size: _ } = Options::of_as_sync(options)?;
    let mut function: Function = syn::parse2(item)?;
    let body = function.body.take().ok_or_else(|| no_body(&function))?;
    refuse(&function.signature)?;
    let track_caller = function.track_caller();
    let Function { attributes, visibility, mut signature, .. } = function;
    signature.asyncness = None;
    let moved = arguments::move_in(&mut signature.inputs);
    let output = Output::of(&signature.output);
    let told = output.tell();
    // The body is a block of its own in a block of this crate's edition, 2024: in each edition its temporaries are
    // dropped before the arguments. A body of one line would seem not to need its braces.
    let value = quote! {
        #mixio::wait(async move {
            #told
            #(#moved)*
            #[allow(unused_braces)]
            #body
        })
    };
    let value = match output {
        Output::Never => quote!(match #value {}),
        Output::Type(_) => value,
    };
    let block = function::block(value, body.span());
    Ok(quote!(#(#attributes)* #track_caller #visibility #signature #block))
}

/// What the function returns.
enum Output {
    Type(TokenStream),
    Never,
}

impl Output {
    fn of(output: &ReturnType) -> Self {
        match output {
            ReturnType::Default => Output::Type(quote!(())),
            ReturnType::Type(_, output) => match &**output {
                Type::Never(_) => Output::Never,
                output => Output::Type(opaque::inferred(output)),
            },
        }
    }

    /// A statement that tells the compiler the type of an async block, which has no place for that: so `?`, coercions
    /// and type errors are as in the `async fn`. It does nothing.
    fn tell(&self) -> TokenStream {
        let output = match self {
            Output::Type(output) => output,
            // The type `!` can't be named there, and this one is as empty.
            Output::Never => &quote!(::core::convert::Infallible),
        };
        // Type errors are to point to the type.
        let span = Span::mixed_site().located_at(output.span());
        quote_spanned! {span=>
            if let ::core::option::Option::Some(value) = ::core::option::Option::<#output>::None {
                return value;
            }
        }
    }
}

fn refuse(signature: &Signature) -> Result<()> {
    if signature.asyncness.is_none() {
        return Err(Error::new_spanned(
            signature.fn_token,
            "`as_sync` is for an `async fn`: this one is synchronous already",
        ));
    }
    if let Some(token) = &signature.constness {
        return Err(Error::new_spanned(token, "an `as_sync` function can't be `const`"));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new_spanned(abi, "an `as_sync` function can't be `extern`: call it from one that is"));
    }
    Ok(())
}

fn no_body(function: &Function) -> Error {
    let sentence =
        "`as_sync` needs the function's body; in the trait declare it without the attribute, as a plain `fn`";
    Error::new_spanned(&function.signature.ident, sentence)
}
