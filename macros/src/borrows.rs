//! Finds what an `as_async` function would borrow from its caller.

use quote::{ToTokens, quote};
use syn::visit::{self, Visit};
use syn::{
    BareFnArg, BoundLifetimes, Error, Expr, FnArg, Ident, Lifetime, ParenthesizedGenericArguments, Receiver, Result,
    ReturnType, Signature, TraitBound, TypeBareFn, TypeReference,
};

/// An error at each borrow in the arguments; if there is none, at each lifetime parameter.
pub(crate) fn refuse(signature: &Signature) -> Result<()> {
    let mut borrows = Borrows::default();
    for argument in &signature.inputs {
        borrows.visit_fn_arg(argument);
    }
    if borrows.error.is_none() {
        for parameter in signature.generics.lifetimes() {
            borrows.refuse(&parameter.lifetime);
        }
    }
    borrows.error.map_or(Ok(()), Err)
}

const OWN_IT: &str = "an `as_async` function outlives the call, so it can't borrow from its caller: take an owned value, \
                      an `Rc` or an `Arc`";
const OWN_SELF: &str = "an `as_async` method outlives the call, so it can't borrow `self`: take `self`, `self: Rc<Self>` \
                        or `self: Arc<Self>`";

#[derive(Default)]
struct Borrows {
    error: Option<Error>,
    /// The lifetimes of the `for<..>` that this is inside of.
    bound: Vec<Ident>,
    /// Whether this is inside of the signature of a callback, where a lifetime that isn't written is the callback's own.
    in_callback: bool,
    in_receiver: bool,
}

impl Borrows {
    fn refuse(&mut self, at: impl ToTokens) {
        let error = Error::new_spanned(at, if self.in_receiver { OWN_SELF } else { OWN_IT });
        match &mut self.error {
            Some(errors) => errors.combine(error),
            none => *none = Some(error),
        }
    }

    fn is_refused(&self, lifetime: &Lifetime) -> bool {
        match &lifetime.ident {
            name if name == "static" => false,
            name if name == "_" => !self.in_callback,
            name => !self.bound.contains(name),
        }
    }

    /// Visits something with these lifetimes of its own.
    fn binding(&mut self, lifetimes: Option<&BoundLifetimes>, visit: impl FnOnce(&mut Self)) {
        let before = self.bound.len();
        for parameter in lifetimes.iter().flat_map(|lifetimes| &lifetimes.lifetimes) {
            if let syn::GenericParam::Lifetime(parameter) = parameter {
                self.bound.push(parameter.lifetime.ident.clone());
            }
        }
        visit(self);
        self.bound.truncate(before);
    }

    /// Visits the signature of a callback.
    fn callback<'a>(&mut self, inputs: impl IntoIterator<Item = &'a syn::Type>, output: &'a ReturnType) {
        let before = std::mem::replace(&mut self.in_callback, true);
        for input in inputs {
            self.visit_type(input);
        }
        self.visit_return_type(output);
        self.in_callback = before;
    }
}

impl<'a> Visit<'a> for Borrows {
    fn visit_fn_arg(&mut self, argument: &'a FnArg) {
        match argument {
            FnArg::Receiver(receiver) => self.visit_receiver(receiver),
            // A pattern borrows from the argument, not from the caller.
            FnArg::Typed(argument) => self.visit_type(&argument.ty),
        }
    }

    fn visit_receiver(&mut self, receiver: &'a Receiver) {
        self.in_receiver = true;
        match &receiver.reference {
            Some((_, Some(lifetime))) if !self.is_refused(lifetime) => {}
            Some((and, lifetime)) => {
                let (mutability, self_token) = (&receiver.mutability, &receiver.self_token);
                self.refuse(quote!(#and #lifetime #mutability #self_token));
            }
            None => self.visit_type(&receiver.ty),
        }
        self.in_receiver = false;
    }

    fn visit_type_reference(&mut self, reference: &'a TypeReference) {
        let is_refused = match &reference.lifetime {
            Some(lifetime) => self.is_refused(lifetime),
            None => !self.in_callback,
        };
        if is_refused {
            self.refuse(reference);
        } else {
            self.visit_type(&reference.elem);
        }
    }

    fn visit_lifetime(&mut self, lifetime: &'a Lifetime) {
        if self.is_refused(lifetime) {
            self.refuse(lifetime);
        }
    }

    fn visit_type_bare_fn(&mut self, function: &'a TypeBareFn) {
        let inputs = function.inputs.iter().map(|BareFnArg { ty, .. }| ty);
        self.binding(function.lifetimes.as_ref(), |this| this.callback(inputs, &function.output));
    }

    fn visit_parenthesized_generic_arguments(&mut self, arguments: &'a ParenthesizedGenericArguments) {
        self.callback(&arguments.inputs, &arguments.output);
    }

    fn visit_trait_bound(&mut self, bound: &'a TraitBound) {
        self.binding(bound.lifetimes.as_ref(), |this| visit::visit_path(this, &bound.path));
    }

    // The length of an array: its lifetimes, if it has any, are its own.
    fn visit_expr(&mut self, _: &'a Expr) {}
}
