//! Type parameters have to be `'static`, and say so.

use mixio::as_async;

#[as_async]
fn parameter<T: ToString>(value: T) -> String {
    value.to_string()
}

#[as_async]
fn anonymous(value: impl ToString) -> String {
    value.to_string()
}

trait Cook {
    #[as_async]
    fn cook(self)
    where
        Self: Sized,
    {
    }
}

struct Menu<'a>(&'a str);

impl Menu<'_> {
    #[as_async]
    fn length(self) -> usize {
        self.0.len()
    }
}

#[as_async]
fn hidden(menu: Menu) -> usize {
    menu.0.len()
}

fn main() {}
