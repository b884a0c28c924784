//! Runs a server in this process.

use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};

use actix_web::dev::ServerHandle;
use actix_web::web::ServiceConfig;
use actix_web::{App, HttpServer, rt};

use crate::http::PATIENCE;

/// A server with one worker, unless more are asked for; stopped when dropped.
pub(crate) struct Host {
    pub(crate) address: SocketAddr,
    handle: ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Host {
    pub(crate) fn new(urls: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        Host::with_workers(1, urls)
    }

    pub(crate) fn with_workers(workers: usize, urls: impl Fn(&mut ServiceConfig) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            rt::System::new().block_on(async {
                let factory = move || {
                    mixio_tokio::install_reaper();
                    App::new().configure(urls.clone())
                };
                let server = HttpServer::new(factory)
                    .workers(workers)
                    // By default it depends on the number of processors, and may be fewer than a test needs at once.
                    .worker_max_blocking_threads(16)
                    .disable_signals()
                    .shutdown_timeout(PATIENCE.as_secs())
                    .listen(listener)
                    .unwrap()
                    .run();
                tell.send(server.handle()).unwrap();
                server.await.unwrap();
            });
        });
        let handle = told.recv_timeout(PATIENCE).expect("the server starts");
        Host { address, handle, thread: Some(thread) }
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // After a failure it may never end.
        if let Some(thread) = self.thread.take().filter(|_| !thread::panicking()) {
            mixio::wait(self.handle.stop(false));
            thread.join().unwrap();
        }
    }
}
