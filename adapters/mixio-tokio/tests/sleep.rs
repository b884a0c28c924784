//! Sleeping where it would stall a runtime, before anything else of this crate is called: so it is a program of its own.

#[path = "../../../tests/support/mod.rs"]
mod support;

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use support::message_of;
use tokio::runtime::Builder;

#[test]
fn in_what_is_polled_it_is_refused() {
    let (sender, receiver) = mpsc::channel();
    // It would never end.
    thread::spawn(move || {
        let runtime = Builder::new_current_thread().enable_all().build().unwrap();
        let message = runtime.block_on(async { message_of(|| mixio_tokio::time::sleep(Duration::from_millis(1))) });
        sender.send(message).unwrap();
    });
    let message = receiver.recv_timeout(Duration::from_secs(60)).expect("the runtime is stalled");
    assert!(message.contains("the thread of an executor"), "{message}");
}
