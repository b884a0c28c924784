//! `impl Trait` in the type that a function returns.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::visit::Visit;
use syn::visit_mut::{self, VisitMut};
use syn::{Error, ReturnType, Type, TypeImplTrait, parse_quote};

/// An error if there is any.
pub(crate) fn refuse(output: &ReturnType) -> syn::Result<()> {
    let mut find = Find(None);
    find.visit_return_type(output);
    let Some(opaque) = find.0 else { return Ok(()) };
    let sentence = "an `as_async` function can't return `impl Trait`: name the type, or return a `Box<dyn Trait>`";
    Err(Error::new_spanned(opaque, sentence))
}

struct Find<'a>(Option<&'a TypeImplTrait>);

impl<'a> Visit<'a> for Find<'a> {
    fn visit_type_impl_trait(&mut self, opaque: &'a TypeImplTrait) {
        self.0.get_or_insert(opaque);
    }

    fn visit_expr(&mut self, _: &'a syn::Expr) {}
}

/// The type, with a `_` wherever it doesn't say which.
pub(crate) fn inferred(output: &Type) -> TokenStream {
    let mut output = output.clone();
    Infer.visit_type_mut(&mut output);
    output.into_token_stream()
}

struct Infer;

impl VisitMut for Infer {
    fn visit_type_mut(&mut self, part: &mut Type) {
        match part {
            Type::ImplTrait(_) => *part = parse_quote!(_),
            _ => visit_mut::visit_type_mut(self, part),
        }
    }
}
