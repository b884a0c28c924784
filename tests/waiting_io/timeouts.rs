//! Timeouts: nothing is lost by them.

use std::io::{ErrorKind, Read as _, Write as _};
use std::time::Duration;

use mixio::io::Waiting;
use mixio::{as_async, wait};

use crate::executors::Executor;
use crate::{OverSmol, OverTokio, Sockets, Stream as _, for_each_family};

for_each_family!(a_read_that_times_out_loses_nothing, a_write_that_times_out_has_written_nothing);

const SHORT: Option<Duration> = Some(Duration::from_millis(10));

fn a_read_that_times_out_loses_nothing<S: Sockets>() {
    S::Executor::run(async {
        let (mut ours, mut theirs) = S::connected().await.unwrap();
        let function = as_async(move || {
            ours.set_read_timeout(SHORT).unwrap();
            let mut bytes = [0; 5];
            for _ in 0..3 {
                assert_eq!(ours.read(&mut bytes).unwrap_err().kind(), ErrorKind::TimedOut);
            }
            theirs.write_all(b"la").unwrap();
            ours.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            ours.read_exact(&mut bytes[..1]).unwrap();
            theirs.write_all(b"ter").unwrap();
            ours.read_exact(&mut bytes[1..]).unwrap();
            assert_eq!(&bytes, b"later");

            ours.set_read_timeout(SHORT).unwrap();
            assert_eq!(ours.read(&mut bytes).unwrap_err().kind(), ErrorKind::TimedOut);
            // And no timeout is none.
            ours.set_read_timeout(None).unwrap();
            let writes = as_async(move || {
                wait(S::Executor::sleep(Duration::from_millis(50)));
                theirs.write_all(b"again").unwrap();
            });
            let reads = as_async(move || {
                ours.read_exact(&mut bytes).unwrap();
                assert_eq!(&bytes, b"again");
            });
            wait(smol::future::zip(reads, writes));
        });
        function.await;
    });
}

fn a_write_that_times_out_has_written_nothing<S: Sockets>() {
    S::Executor::run(async {
        let (mut ours, mut theirs) = S::connected().await.unwrap();
        let function = as_async(move || {
            ours.set_write_timeout(SHORT).unwrap();
            let piece = [7; 64 << 10];
            let mut written = 0;
            loop {
                match ours.write(&piece) {
                    Ok(count) => written += count,
                    Err(error) => break assert_eq!(error.kind(), ErrorKind::TimedOut),
                }
            }
            assert!(written > 0);
            let reads = as_async(move || {
                let mut bytes = Vec::new();
                theirs.read_to_end(&mut bytes).unwrap();
                bytes
            });
            let writes = as_async(move || {
                ours.set_write_timeout(None).unwrap();
                ours.write_all(b"the rest").unwrap();
            });
            let (bytes, ()) = wait(smol::future::zip(reads, writes));
            assert_eq!(bytes.len(), written + 8);
            assert!(bytes[..written].iter().all(|byte| *byte == 7));
            assert_eq!(&bytes[written..], b"the rest");
        });
        function.await;
    });
}

#[test]
fn outside_of_any_coroutine() {
    fn times_out<S: Sockets>() {
        let (mut ours, mut theirs) = wait(S::connected()).unwrap();
        ours.set_read_timeout(SHORT).unwrap();
        assert_eq!(ours.read(&mut [0]).unwrap_err().kind(), ErrorKind::TimedOut);
        theirs.write_all(b"!").unwrap();
        ours.read_exact(&mut [0]).unwrap();
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let entered = runtime.enter();
    times_out::<OverTokio>();
    drop(entered);
    times_out::<OverSmol>();
}

#[test]
fn timeouts_that_cannot_be() {
    let mut stream = Waiting::tokio(tokio::io::empty());
    for timeout in [Waiting::set_read_timeout, Waiting::set_write_timeout] {
        assert_eq!(timeout(&mut stream, Some(Duration::ZERO)).unwrap_err().kind(), ErrorKind::InvalidInput);
        let error = timeout(&mut stream, SHORT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("with_timer"), "{error}");
        timeout(&mut stream, None).unwrap();
    }
    assert_eq!((stream.read_timeout(), stream.write_timeout()), (None, None));

    let mut stream = stream.with_timer(smol::Timer::after);
    stream.set_read_timeout(SHORT).unwrap();
    assert!(stream.set_read_timeout(Some(Duration::ZERO)).is_err());
    assert_eq!((stream.read_timeout(), stream.write_timeout()), (SHORT, None));
}
