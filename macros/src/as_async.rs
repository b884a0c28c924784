//! What becomes of a function with `#[as_async]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Error, Meta, Result, ReturnType, Signature, Type};

use crate::function::Function;
use crate::options::Options;
use crate::{arguments, borrows, function, opaque};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let Options { mixio, stack_size } = Options::of_as_async(options)?;
    let mut function: Function = syn::parse2(item)?;
    let body = function.body.take().ok_or_else(|| no_body(&function))?;
    refuse(&function.signature)?;
    let (output, track_caller) = (function.output(), function.track_caller());
    let Function { mut attributes, visibility, mut signature, .. } = function;
    // `AsAsync` has it, and clippy wants it said once.
    attributes.retain(|attribute| !matches!(&attribute.meta, Meta::Path(path) if path.is_ident("must_use")));
    let moved = arguments::move_in(&mut signature.inputs);
    // 'static: so that callers know that the future borrows nothing, even if there are lifetimes in scope that the macro
    // doesn't see, as on an `impl`; and so that a type parameter which isn't is reported. In front: after a type that ends in
    // `dyn Trait` it would belong to that.
    let future = quote!(#mixio::AsAsync<#output, impl 'static + ::core::ops::FnOnce() -> #output>);
    signature.output = ReturnType::Type(Default::default(), Box::new(Type::Verbatim(future)));
    // Const, since the arguments have been moved when it is used.
    let stack_size = stack_size.map(|bytes| quote!(.stack_size(const { #bytes })));
    // The body is a block of its own in a block of this crate's edition, 2024: in each edition its temporaries are
    // dropped before the arguments. A body of one line would seem not to need its braces.
    let future = quote! {
        #mixio::as_async(move || -> #output {
            #(#moved)*
            #[allow(unused_braces)]
            #body
        }) #stack_size
    };
    let block = function::block(future, body.span());
    Ok(quote!(#(#attributes)* #track_caller #visibility #signature #block))
}

fn refuse(signature: &Signature) -> Result<()> {
    if let Some(token) = &signature.asyncness {
        return Err(Error::new_spanned(token, "an `async fn` gives a future already: `as_async` is for a plain `fn`"));
    }
    if let Some(token) = &signature.constness {
        return Err(Error::new_spanned(token, "an `as_async` function can't be `const`"));
    }
    if let Some(abi) = &signature.abi {
        let sentence = "an `as_async` function returns a future, which no foreign code can take: it can't be `extern`";
        return Err(Error::new_spanned(abi, sentence));
    }
    if let ReturnType::Type(_, output) = &signature.output
        && let Type::Never(never) = &**output
    {
        let sentence = "an `as_async` function can't return `!`: return `std::convert::Infallible`";
        return Err(Error::new_spanned(never, sentence));
    }
    opaque::refuse(&signature.output)?;
    borrows::refuse(signature)
}

fn no_body(function: &Function) -> Error {
    let sentence = "`as_async` needs the function's body; in the trait declare it without the attribute, as returning \
                    `mixio::AsAsync<T, impl FnOnce() -> T + 'static>`";
    Error::new_spanned(&function.signature.ident, sentence)
}
