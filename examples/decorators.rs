//! `#[as_async]` and `#[as_sync]`: a plain function in the middle, async code on both sides of it.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use mixio::{as_async, as_sync};

/// What an async library offers, for plain functions.
#[as_sync]
async fn ask_kitchen(dish: &str) -> Result<u64, &'static str> {
    smol::Timer::after(Duration::from_millis(20)).await;
    match dish {
        "soup" => Ok(15),
        "pizza" => Ok(39),
        _ => Err("not on the menu"),
    }
}

struct Shop {
    orders: RefCell<Vec<String>>,
}

impl Shop {
    /// Plain code, for an async executor.
    #[as_async(stack_size = 256 << 10)]
    fn order(self: Rc<Self>, user: String, dishes: Vec<&'static str>) -> Result<u64, &'static str> {
        // Iterators and `?` know nothing of `async`, and needn't.
        let longest =
            dishes.iter().map(|dish| ask_kitchen(dish)).try_fold(0, |longest, minutes| Ok(longest.max(minutes?)))?;
        self.orders.borrow_mut().push(user);
        Ok(longest)
    }
}

// The program itself: outside of any coroutine, so this parks the thread.
#[as_sync]
async fn main() {
    let shop = Rc::new(Shop { orders: RefCell::default() });
    let executor = smol::LocalExecutor::new();
    let orders = [("ann", vec!["soup", "pizza"]), ("bob", vec!["soup"]), ("cleo", vec!["pizza", "rhubarb"])]
        .map(|(user, dishes)| (user, executor.spawn(shop.clone().order(user.to_owned(), dishes))));
    executor
        .run(async {
            for (user, order) in orders {
                match order.await {
                    Ok(minutes) => println!("{user}: in {minutes} minutes"),
                    Err(error) => println!("{user}: {error}"),
                }
            }
        })
        .await;
    let mut served = shop.orders.take();
    served.sort();
    assert_eq!(served, ["ann", "bob"]);
}
