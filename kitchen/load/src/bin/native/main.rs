//! `native`: what the kitchen does at `/` and `/ws/`, written by hand with `async` and `.await`: to compare with.
//!
//! The same actix-web, diesel-async, pool and answers; `load` checks that it answers as the kitchen does. One worker, so that
//! nothing needs a lock.
#![forbid(unsafe_code)]

mod consumers;
mod cook;
mod error;
mod orders;
mod request;
mod underway;
mod view;

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use actix_web::{HttpResponse, HttpServer, Resource, Route, web};
use clap::Parser as _;
use hyper::Uri;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::TaskTracker;

use consumers::Consumers;
use cook::Cook;
use error::Error;
use orders::Database;
use request::skip_body;
use underway::Underway;

/// The kitchen's orders and notifications, in native async Rust.
#[derive(Clone, clap::Parser)]
struct Settings {
    /// The address to listen at
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: SocketAddr,
    /// The PostgreSQL database; `kitchen migrate` makes its table
    #[arg(long, value_name = "URL")]
    database: String,
    /// How many database connections to use
    #[arg(long, value_name = "N")]
    connections: usize,
    /// The kitchen that cooks the orders
    #[arg(long, value_name = "URL")]
    kitchen_service: Uri,
    /// How many seconds to wait for its answer
    #[arg(long, value_name = "SECONDS", default_value = "5")]
    kitchen_timeout: u64,
}

/// What the handlers share.
struct App {
    database: Database,
    cook: Cook,
    consumers: Consumers,
    underway: Underway,
    running: TaskTracker,
}

fn main() -> io::Result<()> {
    let settings = Settings::parse();
    env_logger::Builder::from_env(env_logger::Env::new().filter_or("KITCHEN_LOG", "native=info,warn")).init();
    let running = TaskTracker::new();
    let factory = {
        let (settings, running) = (settings.clone(), running.clone());
        move || {
            let app = App {
                database: Database::new(&settings.database, settings.connections),
                cook: Cook::new(settings.kitchen_service.clone(), Duration::from_secs(settings.kitchen_timeout)),
                consumers: Consumers::default(),
                underway: Underway::default(),
                running: running.clone(),
            };
            actix_web::App::new()
                .app_data(web::Data::new(app))
                .service(resource("/", "GET, POST").get(view::place).post(view::place))
                .service(resource("/ws/", "GET").get(consumers::open))
                .default_service(refuse(|| Error::NotFound))
        }
    };
    let listener = TcpListener::bind(settings.listen)?;
    let address = listener.local_addr()?;
    actix_web::rt::System::new().block_on(async {
        let mut terminate = signal(SignalKind::terminate())?;
        let mut interrupt = signal(SignalKind::interrupt())?;
        let server = HttpServer::new(factory).workers(1).tcp_nodelay(true).disable_signals().listen(listener)?.run();
        let handle = server.handle();
        let server = actix_web::rt::spawn(server);
        println!("open at http://{address}/");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        running.close();
        running.wait().await;
        handle.stop(true).await;
        server.await?
    })
}

/// A resource that says so if it is asked by another method.
fn resource(path: &str, methods: &'static str) -> Resource {
    web::resource(path).default_service(refuse(move || Error::NotAllowed(methods)))
}

/// A route that leads to an error.
fn refuse(error: impl Fn() -> Error + Clone + 'static) -> Route {
    web::to(move |payload: web::Payload| {
        let error = error();
        async move {
            skip_body(payload).await;
            Err::<HttpResponse, _>(error)
        }
    })
}
