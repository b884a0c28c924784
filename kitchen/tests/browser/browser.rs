//! A browser with the page, as plain functions drive it.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use fantoccini::elements::Element;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use mixio::wait;
use mixio_test_servers::Chromedriver;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

/// Nothing here takes so long, unless it hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a test with an event loop under it. One at a time: browsers take much of a machine.
pub(crate) fn run(test: impl FnOnce()) {
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let _loop = mixio_tokio::start_loop().unwrap();
    test();
}

/// What `look` finds, as soon as it finds something.
#[track_caller]
pub(crate) fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < PATIENCE, "in vain: {what}");
        wait(sleep(Duration::from_millis(50)));
    }
}

/// One browser, with a profile of its own; closed when dropped.
pub(crate) struct Browser(Client);

/// An order as the page shows it.
#[derive(Debug, Deserialize)]
pub(crate) struct Card {
    /// Its number, once it has one.
    pub(crate) order: String,
    pub(crate) status: String,
    pub(crate) details: String,
    pub(crate) text: String,
}

impl Browser {
    pub(crate) fn new() -> Self {
        Browser::with(json!({}))
    }

    /// With more options for Chromium.
    pub(crate) fn with(mut options: Value) -> Self {
        // It ends with this process: nobody drops a static.
        static DRIVER: OnceLock<Chromedriver> = OnceLock::new();
        let driver = DRIVER.get_or_init(Chromedriver::start);
        options["binary"] = driver.browser().to_str().into();
        options["args"] =
            [driver.arguments(), vec!["--window-size=1200,1020".into(), "--hide-scrollbars".into()]].concat().into();
        let mut builder = ClientBuilder::new(HttpConnector::new());
        builder.capabilities([("goog:chromeOptions".into(), options)].into_iter().collect());
        Browser(wait(builder.connect(&driver.url())).expect("a browser starts"))
    }

    /// Opens the page for a user, and waits until it is connected.
    pub(crate) fn open(&self, page: &str) {
        wait(self.0.goto(page)).unwrap();
        self.wait_for_connection("open");
    }

    #[track_caller]
    pub(crate) fn wait_for_connection(&self, state: &str) {
        eventually(&format!("the connection is {state}"), || {
            let now = wait(self.find("#connection").attr("data-state")).unwrap();
            (now.as_deref() == Some(state)).then_some(())
        });
    }

    pub(crate) fn find(&self, selector: &str) -> Element {
        wait(self.0.find(Locator::Css(selector))).unwrap_or_else(|error| panic!("{selector}: {error}"))
    }

    /// What is seen of an element.
    pub(crate) fn text(&self, selector: &str) -> String {
        wait(self.find(selector).text()).unwrap()
    }

    /// Types into a field, key by key.
    pub(crate) fn enter(&self, selector: &str, text: &str) {
        wait(self.find(selector).send_keys(text)).unwrap();
    }

    /// Types to whatever has the focus.
    pub(crate) fn press(&self, keys: &str) {
        wait(async { self.0.active_element().await?.send_keys(keys).await }).unwrap();
    }

    pub(crate) fn click(&self, selector: &str) {
        wait(self.find(selector).click()).unwrap();
    }

    pub(crate) fn double_click(&self, selector: &str) {
        let element = self.find(selector);
        let to = PointerAction::MoveToElement { element, duration: None, x: 0.0, y: 0.0 };
        let (down, up) =
            (PointerAction::Down { button: MOUSE_BUTTON_LEFT }, PointerAction::Up { button: MOUSE_BUTTON_LEFT });
        let twice = MouseActions::new("mouse".into()).then(to).then(down.clone()).then(up.clone()).then(down).then(up);
        wait(self.0.perform_actions(twice)).unwrap();
    }

    /// Places an order as people do.
    pub(crate) fn order(&self, details: &str) {
        self.enter("#details", details);
        self.click("#send");
    }

    /// The orders that are shown, the last one first.
    pub(crate) fn cards(&self) -> Vec<Card> {
        let script = "return Array.from(document.querySelectorAll('#orders > li'), card => ({
            order: card.dataset.order, status: card.dataset.status,
            details: card.querySelector('h3').textContent, text: card.innerText }))";
        serde_json::from_value(self.execute(script)).unwrap()
    }

    /// Waits until the order is shown, and its status is this.
    #[track_caller]
    pub(crate) fn wait_for_card(&self, details: &str, status: &str) -> Card {
        eventually(&format!("{details:?} is {status}"), || {
            self.cards().into_iter().find(|card| card.details == details && card.status == status)
        })
    }

    /// The notifications that are shown, the last one first.
    pub(crate) fn notifications(&self) -> Vec<String> {
        let script = "return Array.from(document.querySelectorAll('#notifications span'), item => item.innerText)";
        serde_json::from_value(self.execute(script)).unwrap()
    }

    #[track_caller]
    pub(crate) fn wait_for_notification(&self, text: &str) {
        eventually(&format!("a notification says {text:?}"), || {
            self.notifications().iter().any(|item| item.contains(text)).then_some(())
        });
    }

    /// Has the page no longer ask for the list of orders.
    pub(crate) fn stop_asking(&self) {
        self.execute("clearTimeout(refreshTimer); window.kept = refresh; refresh = async () => {}");
    }

    /// Has it do so again.
    pub(crate) fn ask_again(&self) {
        self.execute("refresh = window.kept; refresh()");
    }

    pub(crate) fn execute(&self, script: &str) -> Value {
        wait(self.0.execute(script, Vec::new())).unwrap()
    }

    pub(crate) fn screenshot(&self) -> Vec<u8> {
        wait(self.0.screenshot()).unwrap()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Also if the test has failed. Should it not answer, it ends with its driver.
        let _ = wait(timeout(Duration::from_secs(10), self.0.clone().close()));
    }
}
