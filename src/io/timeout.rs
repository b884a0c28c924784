//! Waiting for one operation of a stream, but not for longer than a timeout.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use super::Waiting;
use crate::try_wait;

impl<T, Family, Timer, Sleep> Waiting<T, Family, Timer>
where
    T: Unpin,
    Timer: Fn(Duration) -> Sleep,
    Sleep: Future,
{
    /// Waits for what reads.
    #[track_caller]
    pub(super) fn reading<R>(
        &mut self,
        poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> io::Result<R> {
        wait_within(&mut self.inner, poll, self.read_timeout.zip(self.timer.as_ref()))
    }

    /// Waits for what writes.
    #[track_caller]
    pub(super) fn writing<R>(
        &mut self,
        poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> io::Result<R> {
        wait_within(&mut self.inner, poll, self.write_timeout.zip(self.timer.as_ref()))
    }

    /// Waits for what has no timeout.
    #[track_caller]
    pub(super) fn seeking<R>(
        &mut self,
        poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> io::Result<R> {
        wait_within(&mut self.inner, poll, None::<(_, &Timer)>)
    }
}

#[track_caller]
fn wait_within<T, R, Sleep>(
    inner: &mut T,
    mut poll: impl FnMut(Pin<&mut T>, &mut Context<'_>) -> Poll<io::Result<R>>,
    limit: Option<(Duration, &impl Fn(Duration) -> Sleep)>,
) -> io::Result<R>
where
    T: Unpin,
    Sleep: Future,
{
    let mut poll = |context: &mut Context<'_>| poll(Pin::new(inner), context);
    let outcome = match limit {
        None => try_wait(poll_fn(poll)),
        Some((timeout, timer)) => try_wait(async {
            let mut sleep = pin!(None);
            poll_fn(|context| {
                let polled = poll(context);
                if polled.is_ready() {
                    return polled;
                }
                // Made only now, as most operations don't need one.
                if sleep.is_none() {
                    sleep.set(Some(timer(timeout)));
                }
                let sleep = sleep.as_mut().as_pin_mut().expect("it has just been made");
                sleep.poll(context).map(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "the operation timed out")))
            })
            .await
        }),
    };
    outcome.unwrap_or_else(|error| Err(io::Error::other(error)))
}
