//! Orders, and what is heard of them.

use super::browser::{Browser, eventually, run};
use super::kitchen::Kitchen;

#[test]
fn an_order_goes_through_its_stages() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        assert_eq!(browser.text("#connection"), "Connected as ann");
        let none = "Nothing yet. What you order is kept here, with how far it is.";
        eventually("there is no order yet", || (browser.text("#no-orders") == none).then_some(()));
        browser.order("slow soup");
        let card = browser.wait_for_card("slow soup", "placed");
        assert_eq!(card.order, "1");
        assert!(card.text.contains("Placed\nAsking the kitchen\nArrives"), "{card:?}");
        assert!(browser.notifications().is_empty());
        kitchen.service.cook();
        browser.wait_for_notification("Order 1, slow soup, is being cooked, and will be there in 32 minutes.");
        let card = browser.wait_for_card("slow soup", "accepted");
        assert!(card.text.contains("Placed\nBeing cooked\nArrives in 32 minutes"), "{card:?}");
        // It is heard of by the answer, by the socket and by the list, and shown once.
        eventually("the next order can be placed", || (browser.text("#send") == "Place the order").then_some(()));
        assert_eq!((browser.cards().len(), browser.notifications().len(), kitchen.orders("ann").len()), (1, 1, 1));
        assert_eq!(browser.text("#problem"), "");
    });
}

#[test]
fn by_keyboard_alone() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        const ENTER: &str = "\u{e007}";
        browser.press("pizza");
        browser.press(ENTER);
        browser.wait_for_card("pizza", "accepted");
        // The focus has stayed, for the next one.
        browser.press("soup");
        eventually("the next order can be placed", || (browser.text("#send") == "Place the order").then_some(()));
        browser.press(ENTER);
        browser.wait_for_card("soup", "accepted");
        assert_eq!(kitchen.orders("ann").len(), 2);
    });
}

#[test]
fn users_do_not_see_each_others_notifications() {
    run(|| {
        let kitchen = Kitchen::start();
        let (ann, bob) = (Browser::new(), Browser::new());
        ann.open(&kitchen.page("ann"));
        bob.open(&kitchen.page("bob"));
        ann.order("pizza");
        ann.wait_for_notification("Order 1");
        // Without the list, this can come by the socket only.
        ann.stop_asking();
        kitchen.order("ann", "soup");
        ann.wait_for_notification("Order 2 is being cooked");
        ann.ask_again();
        ann.wait_for_card("soup", "accepted");
        kitchen.order("bob", "salad");
        bob.wait_for_notification("Order 3");
        // If any of ann's had gone to bob, it would have come before.
        bob.wait_for_card("salad", "accepted");
        assert_eq!((bob.notifications().len(), bob.cards().len()), (1, 1));
        assert_eq!((ann.notifications().len(), ann.cards().len()), (2, 2));
        // Another name is another user.
        bob.execute("document.getElementById('user').value = ''");
        bob.enter("#user", "ann\t");
        bob.wait_for_connection("open");
        bob.wait_for_card("pizza", "accepted");
        assert_eq!((bob.text("#connection"), bob.cards().len()), ("Connected as ann".into(), 2));
    });
}

#[test]
fn an_order_that_is_turned_down_says_why() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        browser.order("refused soup");
        let problem = "Order 1 has failed: the kitchen will not cook it (status 400).";
        eventually("it says why", || (browser.text("#problem") == problem).then_some(()));
        let card = browser.wait_for_card("refused soup", "rejected");
        assert!(card.text.contains("Placed\nTurned down\n"), "{card:?}");
        eventually("and so does the order", || {
            browser.cards()[0].text.contains("The kitchen will not cook it (status 400).").then_some(())
        });
        browser.wait_for_notification("was turned down by the kitchen");
        browser.order("vague soup");
        let card = browser.wait_for_card("vague soup", "unanswered");
        assert!(card.text.contains("No clear answer"), "{card:?}");
        // That isn't the end of it, and nobody is to order it again.
        let problem = "Order 2 is not settled yet: the kitchen answered with status 500; it will be asked again.";
        eventually("it says so", || (browser.text("#problem") == problem).then_some(()));
        // One that isn't even placed comes back, to be changed.
        browser.execute("document.getElementById('details').value = 'piz\\u0001za'");
        browser.click("#send");
        let problem = "The order was not placed: `details` are to be plain text.";
        eventually("it says why", || (browser.text("#problem") == problem).then_some(()));
        assert_eq!(browser.execute("return document.getElementById('details').value"), "piz\u{1}za");
        assert_eq!((browser.cards().len(), kitchen.orders("ann").len()), (2, 2));
    });
}

#[test]
fn an_order_that_takes_no_time() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        browser.order("ready meal");
        browser.wait_for_notification("Order 1, ready meal, is being cooked, and will be there in 0 minutes.");
        let card = browser.wait_for_card("ready meal", "accepted");
        assert!(card.text.contains("Placed\nBeing cooked\nShould have arrived"), "{card:?}");
        assert_eq!(browser.execute("return document.querySelector('#orders progress').value"), 1);
        // And it goes on as before.
        browser.order("pizza");
        browser.wait_for_card("pizza", "accepted");
        assert_eq!(browser.cards().len(), 2);
    });
}

#[test]
fn a_double_click_is_one_order() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("ann"));
        for (number, details) in ["pizza", "slow soup"].into_iter().enumerate() {
            browser.enter("#details", details);
            browser.double_click("#send");
            kitchen.service.cook();
            browser.wait_for_card(details, "accepted");
            assert_eq!(kitchen.orders("ann").len(), number + 1);
        }
    });
}

#[test]
fn html_is_text() {
    run(|| {
        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("%3Cb%3Eeve%3C/b%3E"));
        assert_eq!(browser.text("#connection"), "Connected as <b>eve</b>");
        let details = "<img src=x onerror=\"document.title='lost'\"><script>document.title='lost'</script>";
        browser.order(details);
        browser.wait_for_card(details, "accepted");
        browser.wait_for_notification("<img src=x");
        let foreign =
            "return document.querySelectorAll('img, #orders script, #notifications script, #connection b').length";
        assert_eq!(browser.execute(foreign), 0);
        assert_eq!(browser.execute("return document.title"), "Food delivery");
    });
}
