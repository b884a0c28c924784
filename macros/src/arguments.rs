//! How the arguments get into the block that the body becomes.
//!
//! All of them are moved, used or not, as into an `async fn`: so they live as long as the body runs, and are dropped
//! after its variables, the last argument first.

use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::punctuated::Punctuated;
use syn::{Attribute, FnArg, Pat, PatIdent, PatType, Receiver, Token, parse_quote};

/// The statements that move the arguments. In the signature each is left with a plain name.
pub(crate) fn move_in(arguments: &mut Punctuated<FnArg, Token![,]>) -> Vec<TokenStream> {
    arguments
        .iter_mut()
        .enumerate()
        .map(|(index, argument)| match argument {
            // A place that is named as a whole is captured as a whole, not by the fields that the body uses. It can't have
            // a variable, but what is captured is dropped after all variables, as the first argument should be.
            FnArg::Receiver(Receiver { self_token, .. }) => quote!(let _ = &#self_token;),
            FnArg::Typed(argument) => move_one(index, argument),
        })
        .collect()
}

fn move_one(index: usize, argument: &mut PatType) -> TokenStream {
    let attributes = attributes_inside(&mut argument.attrs);
    // A variable for a variable is what these lints are about.
    let allow = quote! {
        #[allow(
            clippy::no_effect_underscore_binding,
            clippy::redundant_locals,
            clippy::shadow_same,
            clippy::used_underscore_binding
        )]
    };
    match &*argument.pat {
        Pat::Ident(PatIdent { by_ref: None, subpat: None, mutability, ident, .. }) => {
            let statement = quote!(#(#attributes)* #allow let #mutability #ident = #ident;);
            *argument.pat = parse_quote!(#ident);
            statement
        }
        pattern => {
            let name = format_ident!("argument_{index}", span = Span::mixed_site());
            // It is moved as a whole, and then taken apart: what the pattern leaves is to be dropped with the others.
            let take_apart = match pattern {
                Pat::Wild(_) => None,
                pattern => Some(quote!(#(#attributes)* let #pattern = #name;)),
            };
            let conditions = attributes.iter().filter(|attribute| is(attribute, &CONDITIONS));
            // `mut`, since the pattern may have a `ref mut` in it.
            let statement = quote!(#(#conditions)* #allow #[allow(unused_mut)] let mut #name = #name; #take_apart);
            *argument.pat = parse_quote!(#name);
            statement
        }
    }
}

const CONDITIONS: [&str; 2] = ["cfg", "cfg_attr"];
const LINTS: [&str; 5] = ["allow", "warn", "deny", "forbid", "expect"];

/// The attributes of an argument that are to stand at its variable: whether there is one, and lints. Those that are about
/// its type as well stay in the signature, too.
fn attributes_inside(attributes: &mut Vec<Attribute>) -> Vec<Attribute> {
    let inside = attributes.iter().filter(|attribute| is(attribute, &CONDITIONS) || is(attribute, &LINTS)).cloned();
    let inside = inside.collect();
    // An expectation is met once.
    attributes.retain(|attribute| !is(attribute, &["expect"]));
    inside
}

fn is(attribute: &Attribute, names: &[&str]) -> bool {
    names.iter().any(|name| attribute.path().is_ident(name))
}
