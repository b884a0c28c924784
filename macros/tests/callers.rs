//! The places that reports name: where the function with the attribute was called, not the attribute.

use std::panic::{self, AssertUnwindSafe, Location};
use std::pin::pin;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::{env, hint};

use mixio::{as_async, as_sync, wait};

/// Calls a function, and gives the place of the panic that it ends by.
fn place_of_panic(function: impl FnOnce()) -> String {
    let place = Arc::new(Mutex::new(String::new()));
    let told = place.clone();
    panic::set_hook(Box::new(move |info| *told.lock().unwrap() = info.location().map(Location::to_string).unwrap()));
    panic::catch_unwind(AssertUnwindSafe(function)).unwrap_err();
    drop(panic::take_hook());
    let place = place.lock().unwrap();
    place.clone()
}

#[test]
fn a_wait_that_is_refused() {
    #[as_sync]
    async fn pending() {
        std::future::pending().await
    }

    struct Waits(Mutex<(u32, String)>);

    impl Wake for Waits {
        fn wake(self: Arc<Self>) {
            let line = line!() + 1;
            let place = place_of_panic(|| pending());
            *self.0.lock().unwrap() = (line, place);
        }
    }

    let waits = Arc::new(Waits(Mutex::default()));
    let future = pin!(as_async(|| {
        wait(std::future::poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Ready(())
        }))
    }));
    assert!(future.poll(&mut Context::from_waker(&Waker::from(waits.clone()))).is_ready());
    let (line, place) = &*waits.0.lock().unwrap();
    assert!(place.starts_with(&format!("{}:{line}:", file!())), "{place} is not in line {line}");
}

/// An overflow's report ends the process, so this is one of its own.
#[test]
fn an_overflow() {
    const CHILD: &str = "MIXIO_MACROS_OVERFLOW";

    #[inline(never)]
    fn recurse(depth: u64) -> u64 {
        let room = hint::black_box([depth; 16]);
        if depth == u64::MAX {
            return 0;
        }
        let below = recurse(hint::black_box(depth + 1));
        below.wrapping_add(hint::black_box(room)[usize::try_from(below % 16).unwrap()])
    }
    #[as_async]
    fn overflow() -> u64 {
        recurse(hint::black_box(0))
    }

    let line = line!() + 2;
    if env::var_os(CHILD).is_some() {
        smol::block_on(overflow());
        return;
    }
    let this = env::current_exe().unwrap();
    let output = Command::new(this).args(["an_overflow", "--exact", "--nocapture"]).env(CHILD, "").output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    let report = format!("mixio: the coroutine created at {}:{line}:", file!());
    assert!(stderr.contains(&report), "{report} is not in: {stderr}");
}
