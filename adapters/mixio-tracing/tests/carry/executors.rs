//! Tasks of tokio and of smol.

use std::time::Duration;

use mixio::{as_async, wait};
use mixio_tracing::in_span;
use tracing::{Instrument as _, Span, info, info_span};

use crate::capture::captured;

#[test]
fn tasks_of_tokio() {
    captured(|log| {
        let order = |time| {
            move || {
                in_span(info_span!("order"), || {
                    wait(tokio::time::sleep(Duration::from_millis(time)));
                    info!("served");
                })
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let tasks = [3, 1, 2].map(|time| {
                let table = info_span!("table");
                tokio::task::spawn_local(as_async(order(time)).instrument(table))
            });
            for task in tasks {
                task.await.unwrap();
                assert!(Span::current().is_none());
            }
        });
        assert_eq!(log.events(), ["table:order: served"; 3]);
    });
}

#[test]
fn an_aborted_task_of_tokio() {
    captured(|log| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let local = tokio::task::LocalSet::new();
        local.block_on(&runtime, async {
            let waits = || in_span(info_span!("waits"), || wait(std::future::pending::<()>()));
            let task = tokio::task::spawn_local(as_async(waits));
            tokio::task::yield_now().await;
            assert_eq!(log.switches(), "+waits -waits");
            task.abort();
            assert!(task.await.unwrap_err().is_cancelled());
        });
        assert_eq!(log.switches(), "+waits -waits !waits");
    });
}

#[test]
fn tasks_of_smol() {
    captured(|log| {
        let order = |time| {
            move || {
                in_span(info_span!("order"), || {
                    wait(smol::Timer::after(Duration::from_millis(time)));
                    info!("served");
                })
            }
        };
        let executor = smol::LocalExecutor::new();
        let tasks = [3, 1, 2].map(|time| executor.spawn(as_async(order(time))));
        smol::block_on(executor.run(async {
            for task in tasks {
                task.await;
                assert!(Span::current().is_none());
            }
        }));
        assert_eq!(log.events(), ["order: served"; 3]);
    });
}
