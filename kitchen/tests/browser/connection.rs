//! The connection is lost, and comes back.

use diesel::RunQueryDsl as _;

use super::browser::{Browser, eventually, run};
use super::kitchen::Kitchen;

#[test]
fn a_lost_connection_comes_back_with_what_was_missed() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        browser.order("pizza");
        browser.wait_for_card("pizza", "accepted");
        browser.order("slow soup");
        browser.wait_for_card("slow soup", "placed");
        assert_eq!(browser.notifications().len(), 1);

        kitchen.process.crash();
        browser.wait_for_connection("lost");
        assert!(browser.text("#lost").contains("The connection is lost."), "{}", browser.text("#lost"));
        assert_eq!(can_order(&browser), "false");
        // What is known stays.
        assert_eq!(browser.cards().len(), 2);
        // The page can't hear of this.
        kitchen.accept(2, 33);
        kitchen.process.restart();

        browser.wait_for_connection("open");
        browser.wait_for_notification("Order 2, slow soup, is being cooked, and will be there in 33 minutes.");
        let card = browser.wait_for_card("slow soup", "accepted");
        assert!(card.text.contains("Arrives in 33 minutes"), "{card:?}");
        assert_eq!((browser.cards().len(), browser.notifications().len()), (2, 2));
        assert_eq!(browser.text("#lost"), "");
        // And it goes on as before.
        browser.order("salad");
        browser.wait_for_card("salad", "accepted");
        kitchen.order("ann", "cake");
        // What it was is said only if the list comes soon.
        browser.wait_for_notification("Order 4");
        assert_eq!(kitchen.orders("ann").len(), 3 + 1);
    });
}

/// Whether an order can be placed, as the page has it.
fn can_order(browser: &Browser) -> String {
    browser.execute("return String(!document.getElementById('send').disabled)").as_str().unwrap().into()
}

/// The connection breaks while an order is on its way: the page can't know whether it was placed.
#[test]
fn an_order_in_doubt_is_found_out_and_not_sent_again_by_itself() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        // It can't be saved, and the program is killed meanwhile.
        let mut lock = kitchen.database();
        diesel::sql_query("BEGIN IMMEDIATE").execute(&mut lock).unwrap();
        browser.order("pizza");
        browser.wait_for_card("pizza", "sending");
        kitchen.process.crash();
        // Unless SQLite had given up, and said so, before.
        eventually("it is in doubt", || {
            let cards = browser.cards();
            cards.iter().any(|card| ["unknown", "missing"].contains(&&*card.status)).then_some(())
        });
        browser.wait_for_connection("lost");
        drop(lock);
        kitchen.process.restart();

        let card = browser.wait_for_card("pizza", "missing");
        assert!(card.text.contains("Not placed"), "{card:?}");
        assert!(kitchen.orders("ann").is_empty());
        // The user decides.
        browser.click("#orders button");
        browser.wait_for_card("pizza", "accepted");
        assert_eq!((browser.cards().len(), kitchen.orders("ann").len()), (1, 1));
    });
}

/// The same, but the order is there: it was saved before the program was killed, and the answer is what got lost.
#[test]
fn an_order_that_is_placed_after_all_is_shown() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        // As if the page had not heard of it yet when the connection broke.
        browser.stop_asking();
        browser.order("slow soup");
        eventually("it is saved", || (kitchen.orders("ann").len() == 1).then_some(()));
        browser.wait_for_card("slow soup", "sending");
        kitchen.process.crash();
        browser.wait_for_card("slow soup", "unknown");
        kitchen.process.restart();
        browser.ask_again();
        browser.wait_for_connection("open");
        let card = browser.wait_for_card("slow soup", "placed");
        assert_eq!((card.order.as_str(), browser.cards().len(), kitchen.orders("ann").len()), ("1", 1, 1));
    });
}

/// Whatever goes wrong in the page, that isn't the last time that it asks.
#[test]
fn a_list_that_cannot_be_shown_is_asked_for_again() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        // Placed by nobody whose answer would reach the page.
        let insert = "INSERT INTO orders (user, details, status, token) VALUES ('ann', 'slow soup', 'placed', 'x')";
        assert_eq!(diesel::sql_query(insert).execute(&mut kitchen.database()), Ok(1));
        browser.execute("return refresh()");
        browser.wait_for_card("slow soup", "placed");
        // From here on the page asks by itself.
        browser.execute(
            "window.kept = showOrders;
            showOrders = () => { throw new Error('a mistake'); };
            return refresh().catch(() => {}).then(() => { showOrders = window.kept; })",
        );
        kitchen.accept(1, 33);
        let card = browser.wait_for_card("slow soup", "accepted");
        assert!(card.text.contains("Arrives in 33 minutes"), "{card:?}");
    });
}

#[test]
fn a_clock_that_is_set_back() {
    run(|| {
        const SET_BACK: &str = "const now = Date.now; Date.now = () => now() - 3_600_000; showConnection();";
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        browser.order("pizza");
        browser.wait_for_card("pizza", "accepted");
        browser.execute(SET_BACK);
        // A list is no older than those before.
        kitchen.order("ann", "soup");
        let card = browser.wait_for_card("soup", "accepted");
        assert!(card.text.contains("Arrives in 39 minutes"), "{card:?}");

        let mut lock = kitchen.database();
        diesel::sql_query("BEGIN IMMEDIATE").execute(&mut lock).unwrap();
        browser.order("cake");
        browser.wait_for_card("cake", "sending");
        kitchen.process.crash();
        browser.wait_for_connection("lost");
        browser.wait_for_card("cake", "unknown");
        let countdown = browser.execute(&format!("{SET_BACK} return by('countdown').textContent"));
        let seconds = countdown.as_str().unwrap().split(' ').find_map(|word| word.parse::<u32>().ok());
        assert!(seconds.is_none_or(|seconds| seconds <= 10), "{countdown}");
        drop(lock);
        kitchen.process.restart();
        // And none is older than what was sent before.
        browser.wait_for_card("cake", "missing");
    });
}
