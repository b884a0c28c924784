//! A script: plain code on the main thread, which waits wherever it likes.

use std::cell::Cell;
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

use mixio::wait;
use mixio_tokio::net::{TcpListener, TcpStream};
use mixio_tokio::{spawn_local, start_loop, thread};
use tokio::time::sleep;

fn main() -> io::Result<()> {
    // From here on this thread may wait, with no coroutine and no `async`.
    let _loop = start_loop()?;

    // Something that goes on beside the script whenever that waits.
    let ticks = Rc::new(Cell::new(0));
    let clock = ticks.clone();
    spawn_local(move || {
        loop {
            wait(sleep(Duration::from_millis(5)));
            clock.set(clock.get() + 1);
        }
    });

    let listener = TcpListener::bind("localhost:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || shout(&mut listener.accept()?.0));

    let mut stream = TcpStream::connect(address)?;
    for line in ["plain", "synchronous", "code"] {
        wait(sleep(Duration::from_millis(20)));
        stream.write_all(line.as_bytes())?;
        let mut answer = vec![0; line.len()];
        stream.read_exact(&mut answer)?;
        println!("{line} -> {}", String::from_utf8_lossy(&answer));
    }
    println!("the clock has ticked meanwhile: {}", ticks.get() > 0);
    assert!(ticks.get() > 0);
    Ok(())
}

/// Answers in capitals.
fn shout(stream: &mut TcpStream) -> io::Result<()> {
    let mut buffer = [0; 100];
    loop {
        let size = stream.read(&mut buffer)?;
        if size == 0 {
            return Ok(());
        }
        buffer[..size].make_ascii_uppercase();
        stream.write_all(&buffer[..size])?;
    }
}
