//! What any stream of bytes is used for.

use std::cell::Cell;
use std::io::{self, BufRead as _, BufReader, ErrorKind, IoSlice, Read as _, Write as _};
use std::rc::Rc;

use mixio::io::Waiting;
use mixio::{as_async, wait};

use crate::executors::Executor;
use crate::support::{in_limited_child, stderr};
use crate::{OverSmol, OverTokio, Shutdown as _, Sockets, for_each_family};

for_each_family!(
    bytes_both_ways_and_the_end,
    lines,
    partial_reads,
    vectored,
    a_reset,
    megabytes_both_ways_at_once,
    a_thousand_readers_on_one_thread,
);

/// Runs two functions side by side, each with an end of a connection.
fn side_by_side<S: Sockets, A: 'static, B: 'static>(
    ours: impl FnOnce(S::Stream) -> A + 'static,
    theirs: impl FnOnce(S::Stream) -> B + 'static,
) -> (A, B) {
    S::Executor::run(async {
        let ends = S::connected().await.unwrap();
        let ours = S::Executor::spawn(as_async(move || ours(ends.0)));
        let theirs = S::Executor::spawn(as_async(move || theirs(ends.1)));
        (ours.await, theirs.await)
    })
}

fn bytes_both_ways_and_the_end<S: Sockets>() {
    let (answer, request) = side_by_side::<S, _, _>(
        |mut stream| {
            stream.write_all(b"question").unwrap();
            stream.flush().unwrap();
            stream.shutdown().unwrap();
            let answer = io::read_to_string(&mut stream).unwrap();
            // The end stays.
            assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
            answer
        },
        |mut stream| {
            let request = io::read_to_string(&mut stream).unwrap();
            stream.write_all(b"answer").unwrap();
            request
        },
    );
    assert_eq!((answer.as_str(), request.as_str()), ("answer", "question"));
}

fn lines<S: Sockets>() {
    let (lines, ()) = side_by_side::<S, _, _>(
        |stream| BufReader::with_capacity(8, stream).lines().collect::<io::Result<Vec<_>>>().unwrap(),
        |mut stream| {
            for piece in ["one\ntw", "o\n", "", "a rather long line", "\n\nlast"] {
                stream.write_all(piece.as_bytes()).unwrap();
                wait(S::Executor::sleep(std::time::Duration::from_millis(1)));
            }
        },
    );
    assert_eq!(lines, ["one", "two", "a rather long line", "", "last"]);
}

fn partial_reads<S: Sockets>() {
    let (bytes, ()) = side_by_side::<S, _, _>(
        |mut stream| {
            let mut bytes = Vec::new();
            let mut piece = [0; 3];
            loop {
                let count = stream.read(&mut piece).unwrap();
                if count == 0 {
                    break bytes;
                }
                bytes.extend_from_slice(&piece[..count]);
            }
        },
        |mut stream| stream.write_all(b"ten bytes.").unwrap(),
    );
    assert_eq!(bytes, b"ten bytes.");
}

fn vectored<S: Sockets>() {
    let (text, written) = side_by_side::<S, _, _>(
        |stream| io::read_to_string(stream).unwrap(),
        |mut stream| {
            stream.write_vectored(&[IoSlice::new(b""), IoSlice::new(b"two "), IoSlice::new(b"parts")]).unwrap()
        },
    );
    // In one go, where the stream can: both do.
    assert_eq!((text.as_str(), written), ("two parts", 9));
}

fn a_reset<S: Sockets>() {
    let (error, ()) = side_by_side::<S, _, _>(
        |mut stream| {
            stream.write_all(b"never read").unwrap();
            stream.read(&mut [0; 1]).unwrap_err()
        },
        // Closing with bytes unread resets the connection.
        |mut stream| stream.read_exact(&mut [0; 1]).unwrap(),
    );
    assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}");
}

/// Byte number `at` of what the test sends.
fn byte(at: usize) -> u8 {
    (at ^ (at >> 8) ^ (at >> 16)) as u8
}

fn megabytes_both_ways_at_once<S: Sockets>() {
    const BYTES: usize = 6 << 20;

    fn half<S: Sockets>(stream: S::Stream) {
        let (mut read, mut write) = S::split(stream);
        let writes = as_async(move || {
            let bytes: Vec<u8> = (0..BYTES).map(byte).collect();
            write.write_all(&bytes).unwrap();
            write.shutdown().unwrap();
        });
        let reads = as_async(move || {
            let mut bytes = Vec::new();
            assert_eq!(read.read_to_end(&mut bytes).unwrap(), BYTES);
            assert!(bytes.iter().enumerate().all(|(at, sent)| *sent == byte(at)));
        });
        wait(smol::future::zip(reads, writes));
    }
    side_by_side::<S, _, _>(half::<S>, half::<S>);
}

fn a_thousand_readers_on_one_thread<S: Sockets>() {
    const READERS: usize = 1000;

    // Each connection takes two descriptors; and each family's module has its own test of this name.
    let family = std::any::type_name::<S>().contains("Tokio");
    let name = format!("sockets::over_{}::a_thousand_readers_on_one_thread", if family { "tokio" } else { "smol" });
    let output = in_limited_child(&name, "ulimit -c 0 -n 4096", || {
        let waiting = Rc::new(Cell::new(0));
        let total: usize = S::Executor::run(async {
            let (mut readers, mut writers) = (Vec::new(), Vec::new());
            for number in 0..READERS {
                let (mut ours, theirs) = S::connected().await.unwrap();
                let waiting = waiting.clone();
                readers.push(S::Executor::spawn(as_async(move || {
                    waiting.set(waiting.get() + 1);
                    let mut bytes = [0; 8];
                    ours.read_exact(&mut bytes).unwrap();
                    waiting.set(waiting.get() - 1);
                    assert_eq!(usize::from_ne_bytes(bytes), number);
                    number
                })));
                writers.push(theirs);
            }
            while waiting.get() < READERS {
                S::Executor::sleep(std::time::Duration::from_millis(1)).await;
            }
            // The other way round.
            let writes = as_async(move || {
                for (number, mut stream) in writers.into_iter().enumerate().rev() {
                    stream.write_all(&number.to_ne_bytes()).unwrap();
                }
            });
            writes.await;
            let mut total = 0;
            for reader in readers {
                total += reader.await;
            }
            total
        });
        assert_eq!(total, READERS * (READERS - 1) / 2);
        assert_eq!(waiting.get(), 0);
    });
    assert!(output.status.success(), "{}", stderr(&output));
}

/// The thread is parked meanwhile, and the sockets are driven by another.
#[test]
fn outside_of_any_coroutine() {
    fn talk<S: Sockets>(enter: impl Fn() + Send + Sync) {
        enter();
        let (mut ours, mut theirs) = wait(S::connected()).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                enter();
                assert!(!mixio::in_coroutine());
                let mut bytes = [0; 4];
                theirs.read_exact(&mut bytes).unwrap();
                theirs.write_all(&bytes).unwrap();
            });
            ours.write_all(b"echo").unwrap();
            let mut bytes = [0; 4];
            ours.read_exact(&mut bytes).unwrap();
            assert_eq!(&bytes, b"echo");
        });
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    // Entered for as long as the thread lives.
    talk::<OverTokio>(|| std::mem::forget(runtime.enter()));
    talk::<OverSmol>(|| ());
}

/// `Async` of smol's is read and written through references, by two functions at once.
#[test]
fn two_references_to_one_socket() {
    use std::os::unix::net::UnixStream;

    use smol::Async;

    let (ours, theirs) = UnixStream::pair().unwrap();
    let ours = Rc::new(Async::new(ours).unwrap());
    let echo = as_async(move || {
        let mut theirs = Waiting::futures(Async::new(theirs).unwrap());
        let mut bytes = [0; 5];
        theirs.read_exact(&mut bytes).unwrap();
        theirs.write_all(&bytes).unwrap();
    });
    let reads = as_async({
        let ours = ours.clone();
        move || io::read_to_string(Waiting::futures(&*ours)).unwrap()
    });
    let writes = as_async(move || Waiting::futures(&*ours).write_all(b"hello").unwrap());
    let both = smol::future::zip(reads, smol::future::zip(writes, echo));
    assert_eq!(smol::block_on(both).0, "hello");
}
