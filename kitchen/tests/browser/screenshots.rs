//! Pictures of the page, for people to look at.
//!
//! They go to the folder that `MIXIO_SCREENSHOTS` names, seen from the root of the repository, and else nowhere:
//! `MIXIO_SCREENSHOTS=docs cargo test -p kitchen --test browser screenshots`.

use std::fs;
use std::path::{Path, PathBuf};

use diesel::RunQueryDsl as _;
use serde_json::json;
use tempfile::TempDir;

use super::browser::{Browser, eventually, run};
use super::kitchen::Kitchen;

/// No picture is larger, in bytes: people clone them.
const MAX_PICTURE: usize = 150 << 10;

#[test]
fn screenshots() {
    run(|| {
        let temporary = TempDir::new().unwrap();
        let folder = match std::env::var_os("MIXIO_SCREENSHOTS") {
            Some(folder) => Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder),
            None => PathBuf::from(temporary.path()),
        };
        let save = |name: &str, browser: &Browser| {
            // Nothing is wider than the screen.
            let width = "return document.documentElement.scrollWidth - document.documentElement.clientWidth";
            assert_eq!(browser.execute(width), 0, "{name}");
            let picture = browser.screenshot();
            assert!(picture.starts_with(b"\x89PNG") && picture.len() < MAX_PICTURE, "{name}: {} bytes", picture.len());
            fs::write(folder.join(name), picture).unwrap();
        };

        let kitchen = Kitchen::start();
        let browser = Browser::new();
        browser.open(&kitchen.page("Ann"));
        for (details, status) in [
            ("Pizza Margherita, Tiramisu", "accepted"),
            ("One refused pineapple pizza", "rejected"),
            ("Ramen, extra egg", "accepted"),
            ("Boeuf bourguignon, slow cooked", "placed"),
        ] {
            browser.order(details);
            browser.wait_for_card(details, status);
        }
        // The first one has been on its way for a while.
        let ago = "UPDATE orders SET created_at = datetime('now', '-20 minutes') WHERE id = 1";
        assert_eq!(diesel::sql_query(ago).execute(&mut kitchen.database()), Ok(1));
        browser.execute("refresh()");
        eventually("it has come nearer", || {
            browser.cards().iter().any(|card| card.text.contains("Arrives in 12 minutes")).then_some(())
        });
        browser.enter("#details", "Falafel plate");
        save("kitchen.png", &browser);

        let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 2, "touch": true });
        let phone = Browser::with(json!({ "mobileEmulation": { "deviceMetrics": metrics } }));
        phone.open(&kitchen.page("Ann"));
        phone.wait_for_card("Ramen, extra egg", "accepted");
        save("kitchen-phone.png", &phone);
        kitchen.service.cook();
    });
}
