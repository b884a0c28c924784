//! How SQLAlchemy puts its synchronous core on asynchronous drivers: `greenlet_spawn` around it, `await_only` in the driver.
//! Here: [`as_async`] and [`wait`].

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use mixio::{WaitError, as_async, in_coroutine, try_wait, wait};
use smol::Timer;
use smol::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
use smol::net::TcpStream;

/// What the core knows: a trait that isn't async.
trait Driver {
    fn execute(&mut self, query: &str) -> std::io::Result<String>;
}

/// The core: plain code.
fn load_order(driver: &mut dyn Driver, id: u32) -> std::io::Result<String> {
    driver.execute("BEGIN")?;
    let row = driver.execute(&format!("SELECT {id}"))?;
    driver.execute("COMMIT")?;
    Ok(row)
}

/// A driver on an asynchronous connection: `await_only(...)` is `wait(...)`.
struct AsyncDriver(smol::io::BufReader<TcpStream>);

impl Driver for AsyncDriver {
    fn execute(&mut self, query: &str) -> std::io::Result<String> {
        let mut answer = String::new();
        wait(self.0.get_mut().write_all(format!("{query}\n").as_bytes()))?;
        wait(self.0.read_line(&mut answer))?;
        Ok(answer.trim_end().to_owned())
    }
}

/// A database, more or less, on a thread of its own.
fn database(listener: TcpListener) {
    for stream in listener.incoming() {
        let mut stream = BufReader::new(stream.expect("a connection"));
        let mut query = String::new();
        while stream.read_line(&mut query).expect("a query") > 0 {
            std::thread::sleep(Duration::from_millis(1));
            let answer = query.strip_prefix("SELECT ").map_or("OK\n".into(), |id| format!("order {id}"));
            stream.get_mut().write_all(answer.as_bytes()).expect("a client");
            query.clear();
        }
    }
}

fn main() -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    std::thread::spawn(move || database(listener));

    // `await greenlet_spawn(load_order, driver, 5)`:
    let row = smol::block_on(async {
        let mut driver = AsyncDriver(smol::io::BufReader::new(TcpStream::connect(address).await?));
        as_async(move || load_order(&mut driver, 5)).await
    })?;
    assert_eq!(row, "order 5");
    println!("{row}");

    // Where SQLAlchemy raises `MissingGreenlet` the same code simply blocks: there is no loop here that it would stop. A
    // runtime's adapter (mixio-tokio) refuses it on the threads of an executor, with a sentence, or as an error:
    assert!(!in_coroutine());
    let slept: Result<_, WaitError> = try_wait(Timer::after(Duration::from_millis(1)));
    assert!(slept.is_ok());
    Ok(())
}
