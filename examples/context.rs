//! Context variables: whose request this is, known everywhere in its functions and in nobody else's.

use std::time::Duration;

use mixio::local::ContextVar;
use mixio::{as_async, wait};
use smol::Timer;

static USER: ContextVar<&str> = ContextVar::new();

/// Deep in a library: nobody has passed the user on to here.
fn log(text: &str) -> String {
    let line = format!("[{}] {text}", USER.get().unwrap_or("nobody"));
    println!("{line}");
    line
}

/// Asynchronous code that a function waits for sees it as well.
async fn charge(cents: u32) -> String {
    Timer::after(Duration::from_millis(cents.into())).await;
    log(&format!("pays {cents} cents"))
}

fn serve(user: &'static str, cents: u32) -> Vec<String> {
    USER.set(user);
    let mut lines = vec![log("orders")];
    wait(Timer::after(Duration::from_millis(5))); // the neighbours run, and set theirs
    lines.push(wait(charge(cents)));
    // Inherited by what starts here, which may set another without our seeing it.
    lines.push(wait(as_async(|| {
        let line = log("gets a receipt");
        USER.set("the printer");
        line
    })));
    lines.push(log("leaves"));
    lines
}

fn main() {
    let both = smol::future::zip(as_async(|| serve("ann", 20)), as_async(|| serve("bob", 10)));
    let (ann, bob) = smol::block_on(both);
    assert!(ann.iter().all(|line| line.starts_with("[ann]")));
    assert!(bob.iter().all(|line| line.starts_with("[bob]")));
    assert_eq!(log("closes"), "[nobody] closes");
}
