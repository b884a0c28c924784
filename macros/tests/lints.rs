//! What the attributes generate sets off no lint, be the crate around it as strict as it likes: this file is to compile,
//! and to pass clippy.
#![forbid(unsafe_code)]
#![deny(missing_docs, unreachable_pub, rust_2018_idioms, unused, warnings)]
#![deny(clippy::all, clippy::pedantic, clippy::nursery, clippy::shadow_same, clippy::shadow_reuse)]
#![allow(clippy::needless_pass_by_value, clippy::unused_async, reason = "these are about the functions as written")]

use std::collections::HashMap;
use std::num::ParseIntError;

use mixio::{as_async, as_sync, wait};

/// All that there is to a signature.
#[as_async]
#[must_use]
#[inline]
#[track_caller]
fn plain<T: Clone + 'static>(mut list: Vec<T>, (left, right): (T, T), _: String, _unused: u8, _used: u8) -> Vec<T> {
    wait(std::future::ready(_used));
    list.push(left);
    list.push(right.clone());
    list.push(right);
    list
}

/// A type that clippy would find too complex if it stood there twice.
#[as_async]
fn complex(map: HashMap<String, Vec<Option<u8>>>) -> Result<HashMap<String, Vec<Option<u8>>>, ParseIntError> {
    Ok(map)
}

#[rustfmt::skip]
#[as_async]
fn one_line(n: u8) -> u8 { n }

#[rustfmt::skip]
#[as_sync]
async fn one_line_sync(n: u8) -> u8 { n }

#[as_async]
fn unit() {
    wait(std::future::ready(()));
}

#[as_async]
fn in_a_loop(mut n: u32) -> u32 {
    loop {
        n += 1;
        if n > 9 {
            return n;
        }
    }
}

/// All that there is to a signature.
#[as_sync]
#[must_use]
#[inline]
#[track_caller]
async fn plain_sync<T: Clone>(mut list: Vec<T>, (left, right): (&T, T), _: String, _unused: u8, _used: u8) -> Vec<T> {
    std::future::ready(_used).await;
    list.push(left.clone());
    list.push(right);
    list
}

#[as_sync]
async fn unit_sync() {
    std::future::ready(()).await;
}

#[as_sync]
async fn in_a_loop_sync(mut n: u32) -> u32 {
    loop {
        std::future::ready(()).await;
        n += 1;
        if n > 9 {
            return n;
        }
    }
}

#[as_sync]
async fn never(message: &str) -> ! {
    std::future::ready(()).await;
    panic!("{message}")
}

/// Methods of all kinds.
pub struct Shop {
    name: String,
}

impl Shop {
    /// By value.
    #[as_async]
    pub fn close(mut self, suffix: char) -> String {
        self.name.push(suffix);
        self.name
    }

    /// By reference.
    #[must_use]
    #[as_sync]
    pub async fn name(&self) -> &str {
        std::future::ready(()).await;
        &self.name
    }

    /// By exclusive reference.
    #[must_use]
    #[as_sync]
    pub async fn rename(&mut self, name: &str) -> usize {
        name.clone_into(&mut self.name);
        std::future::ready(self.name.len()).await
    }
}

/// In a trait.
pub trait Cook: Sized + 'static {
    /// With `as_async`.
    #[as_async]
    fn cook(self) -> u32 {
        wait(std::future::ready(1))
    }

    /// With `as_sync`.
    #[as_sync]
    async fn taste(&self) -> u32 {
        std::future::ready(2).await
    }
}

impl Cook for Shop {}

/// Lints of the user's own, at the place that they are about.
mod own {
    use mixio::{as_async, as_sync};

    #[as_async]
    #[expect(unused_variables)]
    fn on_the_function(n: u8) -> u8 {
        3
    }

    #[as_async]
    fn on_an_argument(#[expect(unused_variables)] n: u8, #[expect(unused_mut)] mut m: u8) -> u8 {
        m
    }

    #[as_sync]
    async fn on_an_argument_sync(#[expect(unused_variables)] n: u8, #[expect(unused_mut)] mut m: u8) -> u8 {
        std::future::ready(m).await
    }

    #[as_async]
    fn on_a_pattern(#[expect(unused_variables)] (n, _): (u8, u8), #[cfg(windows)] (m, _): (u8, u8)) -> u8 {
        4
    }

    #[as_async]
    fn inside() -> u8 {
        #![expect(unused_variables)]
        let n = 1;
        2
    }

    #[test]
    fn are_called() {
        drop((on_the_function(1), on_an_argument(1, 2), on_a_pattern((1, 2)), inside()));
        assert_eq!(on_an_argument_sync(1, 2), 2);
    }
}

#[test]
fn all_of_them() {
    let list = smol::block_on(plain(vec![1], (2, 3), String::new(), 4, 5));
    assert_eq!(list, plain_sync(vec![1], (&2, 3), String::new(), 4, 5).into_iter().chain([3]).collect::<Vec<_>>());
    assert_eq!(smol::block_on(complex(HashMap::new())), Ok(HashMap::new()));
    smol::block_on(unit());
    unit_sync();
    assert_eq!((smol::block_on(one_line(1)), one_line_sync(2)), (1, 2));
    assert_eq!((smol::block_on(in_a_loop(1)), in_a_loop_sync(2)), (10, 10));
    assert!(std::panic::catch_unwind(|| never("closed")).is_err());
    let mut shop = Shop { name: String::new() };
    assert_eq!((shop.taste(), shop.rename("ab"), shop.name()), (2, 2, "ab"));
    assert_eq!(smol::block_on(shop.close('c')), "abc");
    assert_eq!(smol::block_on(Shop { name: String::new() }.cook()), 1);
}
