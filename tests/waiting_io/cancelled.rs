//! Functions that are dropped in the middle of an operation, and destructors that read or write.

use std::cell::RefCell;
use std::io::{self, Read as _, Write as _};
use std::rc::Rc;

use mixio::{WaitError, as_async, wait};

use crate::executors::Executor;
use crate::support::{Log, on_drop, poll};
use crate::{Sockets, for_each_family};

for_each_family!(
    dropped_while_it_reads_closes_the_socket,
    what_comes_after_a_cancelled_read_is_read_by_the_next,
    a_destructor_that_reads_gets_an_error,
);

fn dropped_while_it_reads_closes_the_socket<S: Sockets>() {
    S::Executor::run(async {
        let (mut ours, mut theirs) = S::connected().await.unwrap();
        let mut reads = as_async(move || ours.read(&mut [0; 8]));
        assert!(poll(&mut reads).is_pending());
        drop(reads);
        let end = as_async(move || theirs.read(&mut [0; 8]).unwrap());
        assert_eq!(end.await, 0);
    });
}

fn what_comes_after_a_cancelled_read_is_read_by_the_next<S: Sockets>() {
    S::Executor::run(async {
        let (ours, mut theirs) = S::connected().await.unwrap();
        let ours = Rc::new(RefCell::new(ours));
        let read = |ours: Rc<RefCell<S::Stream>>| {
            as_async(move || {
                let mut bytes = [0; 8];
                ours.borrow_mut().read_exact(&mut bytes).unwrap();
                bytes
            })
        };
        let mut cancelled = read(ours.clone());
        assert!(poll(&mut cancelled).is_pending());
        drop(cancelled);
        as_async(move || theirs.write_all(b"complete").unwrap()).await;
        assert_eq!(&read(ours).await, b"complete");
    });
}

fn a_destructor_that_reads_gets_an_error<S: Sockets>() {
    let log = Log::new();
    let seen = log.clone();
    S::Executor::run(async {
        let (mut ours, _theirs) = S::connected().await.unwrap();
        let mut function = as_async(move || {
            let _reads = on_drop(|| {
                let error: io::Error = ours.read(&mut [0; 8]).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::Other);
                let source = error.get_ref().and_then(|source| source.downcast_ref::<WaitError>());
                assert_eq!(source, Some(&WaitError::Cancelled));
                // A socket with room takes it at once.
                ours.write_all(b"farewell").unwrap();
                log.push("farewell");
            });
            wait(std::future::pending::<()>());
        });
        assert!(poll(&mut function).is_pending());
        drop(function);
    });
    assert_eq!(seen.entries(), ["farewell"]);
}
