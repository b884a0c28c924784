//! A function as the attributes see it: the signature is parsed, the body is not.

use proc_macro2::{Delimiter, Group, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::token::Brace;
use syn::{AttrStyle, Attribute, LitStr, Result, ReturnType, Signature, Token, Visibility, braced};

pub(crate) struct Function {
    pub(crate) attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// With its braces. `None` where a trait declares the function.
    pub(crate) body: Option<Group>,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        expect_fn(input)?;
        let signature = input.parse()?;
        let body = if input.parse::<Option<Token![;]>>()?.is_some() {
            None
        } else {
            let content;
            let brace: Brace = braced!(content in input);
            // They are about the whole function, and are not allowed in the block that the body becomes.
            let inner = content.call(Attribute::parse_inner)?;
            attributes.extend(inner.into_iter().map(|inner| Attribute { style: AttrStyle::Outer, ..inner }));
            Some(block(content.parse()?, brace.span.join()))
        };
        Ok(Function { attributes, visibility, signature, body })
    }
}

/// A block whose braces are, to all reports, at this place.
pub(crate) fn block(content: TokenStream, span: Span) -> Group {
    let mut block = Group::new(Delimiter::Brace, content);
    block.set_span(span);
    block
}

/// Refuses other items by a sentence of our own; syn's would be "expected `fn`".
fn expect_fn(input: ParseStream<'_>) -> Result<()> {
    let ahead = input.fork();
    while ahead.peek(Token![const])
        || ahead.peek(Token![async])
        || ahead.peek(Token![unsafe])
        || ahead.peek(Token![extern])
        || ahead.peek(LitStr)
    {
        ahead.parse::<TokenTree>()?;
    }
    if ahead.peek(Token![fn]) { Ok(()) } else { Err(ahead.error("this attribute is for functions and methods")) }
}

impl Function {
    /// The type that is returned, `()` if the function doesn't say.
    pub(crate) fn output(&self) -> TokenStream {
        match &self.signature.output {
            ReturnType::Default => quote!(()),
            ReturnType::Type(_, output) => output.to_token_stream(),
        }
    }

    /// `#[track_caller]`, where that is allowed and not there yet.
    pub(crate) fn track_caller(&self) -> Option<TokenStream> {
        let has_it = self.attributes.iter().any(|attribute| attribute.path().is_ident("track_caller"));
        // The compiler refuses it on a program's `main`.
        let is_main = self.signature.ident == "main";
        (!has_it && !is_main).then(|| quote!(#[track_caller]))
    }
}
