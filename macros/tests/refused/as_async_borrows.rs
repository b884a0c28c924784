//! An `as_async` function outlives the call.

use std::fmt::Display;
use std::pin::Pin;
use std::rc::Rc;

use mixio::as_async;

struct Shop;

struct Menu<'a>(&'a str);

#[as_async]
fn reference(text: &str, other: &mut [u8]) -> usize {
    text.len() + other.len()
}

#[as_async]
fn nested(texts: Vec<(u8, Option<&str>)>) -> usize {
    texts.len()
}

#[as_async]
fn named<'a>(text: &'a str) -> usize {
    text.len()
}

#[as_async]
fn in_a_path(menu: Menu<'_>) -> usize {
    menu.0.len()
}

#[as_async]
fn in_a_bound(text: Box<dyn Display + '_>) -> usize {
    text.to_string().len()
}

#[as_async]
fn parameter<'a>() {}

impl Shop {
    #[as_async]
    fn shared(&self) {}

    #[as_async]
    fn exclusive(&mut self) {}

    #[as_async]
    fn named_self<'a>(&'a self) {}

    #[as_async]
    fn typed(self: &Rc<Self>) {}

    #[as_async]
    fn pinned(self: Pin<&mut Self>) {}
}

fn main() {}
