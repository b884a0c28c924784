//! Synchronous code on tokio, by [`mixio`].
//!
//! What a synchronous program gets from `std` and blocks on, with the same names: [`net`], [`thread`], [`time`]. To
//! move, change the import. Then one setting, [`mixio::Io`], or the environment variable `MIXIO`, says what it runs on:
//!
//! - `MIXIO=async`, the default: everything waits on one thread's event loop, and blocks nobody;
//! - `MIXIO=blocking`: the sockets and threads of `std`, with no runtime at all.
//!
//! ```
//! use std::io::{self, Read, Write};
//!
//! use mixio_tokio::net::{TcpListener, TcpStream};
//! use mixio_tokio::thread;
//!
//! fn echo(mut stream: TcpStream) -> io::Result<()> {
//!     let mut buffer = [0; 1024];
//!     loop {
//!         let size = stream.read(&mut buffer)?;
//!         if size == 0 {
//!             return Ok(());
//!         }
//!         stream.write_all(&buffer[..size])?;
//!     }
//! }
//!
//! fn serve(listener: TcpListener, clients: usize) -> io::Result<()> {
//!     for stream in listener.incoming().take(clients) {
//!         let stream = stream?;
//!         thread::spawn(move || echo(stream)); // a thread each, or a few kilobytes
//!     }
//!     Ok(())
//! }
//!
//! fn main() -> io::Result<()> {
//!     // The only line that knows.
//!     mixio_tokio::run(|| {
//!         let listener = TcpListener::bind("localhost:0")?;
//!         let address = listener.local_addr()?;
//!         let server = thread::spawn(|| serve(listener, 1));
//!         let mut client = TcpStream::connect(address)?;
//!         client.write_all(b"hello")?;
//!         let mut answer = [0; 5];
//!         client.read_exact(&mut answer)?;
//!         assert_eq!(&answer, b"hello");
//!         server.join().unwrap()
//!     })
//! }
//! ```
//!
//! # Map
//!
//! | | |
//! | --- | --- |
//! | [`run`] | runs a program as the setting says |
//! | [`net`], [`thread`], [`time`] | what std has under these names |
//! | [`start_loop`] | an event loop for plain code that is no coroutine: scripts, tools, interactive sessions |
//! | [`spawn_local`] | a plain function as a task of the current thread |
//! | [`spawn_pinned`], [`Workers`] | plain functions on other threads, one event loop on each |
//! | [`install`], [`install_reaper`] | what the others do by the way, for runtimes of one's own: refusing to stall them, and unwinding in peace |
//!
//! # Where the asynchronous half works
//!
//! Inside [`mixio::as_async()`] on a thread of a tokio runtime: so in [`run`], in [`spawn_local`] and [`spawn_pinned`].
//! Or outside of it, where the thread may be blocked: after [`start_loop`], or in tokio's `spawn_blocking`. A runtime
//! of one's own needs its I/O and time drivers (`enable_all`).
#![forbid(unsafe_code)]

mod check;
mod entry;
pub mod net;
mod own_runtime;
mod place;
mod reaper;
mod start_loop;
pub mod thread;
pub mod time;
mod workers;

pub use check::install;
pub use entry::{run, spawn_local};
pub use reaper::{REAPING_LIMIT, install_reaper};
pub use start_loop::{LoopGuard, start_loop};
pub use workers::{Workers, spawn_pinned};
