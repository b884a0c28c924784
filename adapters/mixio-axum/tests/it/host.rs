//! Runs servers in this process: one for each way.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;

use crate::http::PATIENCE;

/// A server, stopped when dropped.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    /// For pinned views: on an ordinary runtime of two threads.
    pub(crate) fn ordinary(app: Router) -> Self {
        Host::start(app, |server| {
            Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(server)
        })
    }

    /// For local views: on a local runtime.
    pub(crate) fn local(app: Router) -> Self {
        Host::start(app, |server| {
            let runtime = tokio::runtime::LocalRuntime::new().unwrap();
            runtime.block_on(async {
                mixio_tokio::install_reaper();
                server.await;
            });
        })
    }

    fn start(app: Router, run: impl FnOnce(Serving) + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            run(Box::pin(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                let end = async { drop(stopped.await) };
                tokio::select! {
                    served = axum::serve(listener, app).into_future() => served.unwrap(),
                    () = end => {}
                }
            }));
        });
        let address = told.recv_timeout(PATIENCE).expect("the server starts");
        Host { address, stop: Some(stop), thread: Some(thread) }
    }
}

type Serving = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

impl Drop for Host {
    fn drop(&mut self) {
        self.stop = None;
        // After a failure it may never end.
        if let Some(thread) = self.thread.take().filter(|_| !thread::panicking()) {
            thread.join().unwrap();
        }
    }
}
