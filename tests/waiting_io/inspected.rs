//! Where the inspection says that a function waits: in the code that reads or writes, not inside of mixio.

use std::io::{Read as _, Write as _};

use mixio::io::Waiting;
use mixio::{as_async, inspect};

use crate::support::poll;

/// Starts a function that waits for a stream, and asserts where.
#[track_caller]
fn assert_waits_at(name: &str, line: u32, function: impl FnOnce() + 'static) {
    inspect::enable();
    let mut future = as_async(function).named(name);
    assert!(poll(&mut future).is_pending());
    let dump = inspect::dump();
    let listed = dump.functions().iter().find(|function| function.name() == Some(name)).expect("it is listed");
    let place = listed.waits_at().expect("it waits");
    assert_eq!((place.file(), place.line()), (file!(), line));
}

#[test]
fn over_tokio() {
    let (mut stream, _other) = tokio::io::duplex(1);
    assert_waits_at("tokio", line!() + 3, move || {
        let mut stream = Waiting::tokio(&mut stream);
        assert_eq!(stream.write(b"1").unwrap(), 1);
        let _never = stream.write(b"2").unwrap();
    });
}

#[test]
fn over_futures() {
    let (stream, _other) = std::os::unix::net::UnixStream::pair().unwrap();
    let mut stream = Waiting::futures(smol::Async::new(stream).unwrap()).with_timer(smol::Timer::after);
    stream.set_read_timeout(Some(std::time::Duration::from_secs(3600))).unwrap();
    assert_waits_at("futures", line!() + 1, move || {
        let _never = stream.read(&mut [0]).unwrap();
    });
}
