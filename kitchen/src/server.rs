//! The server: puts the views on actix-web.

use std::any::type_name;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::web::{self, ServiceConfig};
use actix_web::{Handler, HttpResponse, HttpServer, Resource, ResponseError as _, Route, rt};
use mixio_actix::{Failure, SendResponse, Views, by_setting, handler};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, timeout_at};
use ureq::http::Uri;

use crate::consumers::{self, Consumers};
use crate::database::{self, Database};
use crate::error::Error;
use crate::health;
use crate::http::Http;
use crate::inspection;
use crate::logs::in_span;
use crate::recovery::recover;
use crate::request::{App, Request, skip_body};
use crate::settings::Settings;
use crate::underway::Underway;
use crate::views;

/// A view: a plain function.
pub trait View: Fn(&Request) -> Result<HttpResponse, Error> + Clone + Send + 'static {}

impl<V: Fn(&Request) -> Result<HttpResponse, Error> + Clone + Send + 'static> View for V {}

/// Which view is where.
pub fn urls(config: &mut ServiceConfig, all: &Views) {
    let orders = view(all, views::food_delivery);
    let kitchen = kitchen_view(views::kitchen);
    let page = view(all, views::connect);
    let list = view(all, views::orders);
    // While the server is being stopped, it says so.
    let health = health::limited(by_setting(call(health::healthz)).on_failure(failed));
    config
        .service(resource("/", "GET, POST").route(web::get().to(orders.clone())).route(web::post().to(orders)))
        .service(
            resource("/kitchen/", "GET, POST").route(web::get().to(kitchen.clone())).route(web::post().to(kitchen)),
        )
        .service(resource("/connect/", "GET, HEAD").route(web::get().to(page.clone())).route(web::head().to(page)))
        .service(resource("/orders/", "GET, HEAD").route(web::get().to(list.clone())).route(web::head().to(list)))
        .service(resource("/healthz", "GET, HEAD").route(web::get().to(health.clone())).route(web::head().to(health)))
        .service(resource("/inspect/", "GET").route(web::get().to(inspection::page)))
        .service(resource("/ws/", "GET").route(web::get().to(consumers::open)));
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

/// What a view answers, in a form that may leave its thread.
pub type Answer = Result<SendResponse, Error>;

/// Makes a handler of a view: on the event loop, or on a thread, as the setting says. Either way it goes on if its client goes away,
/// which synchronous code does not expect, and the server does not stop before it has ended.
pub fn view<V: View>(all: &Views, view: V) -> impl Handler<(Request,), Output = Result<Answer, actix_web::Error>> {
    all.by_setting(call(view)).named(type_name::<V>())
}

/// As [`view`], for one that views call: it is there for as long as they run. And always on the event loop, since those that call it
/// may have taken all threads.
pub fn kitchen_view<V: View>(view: V) -> impl Handler<(Request,), Output = Result<Answer, actix_web::Error>> {
    handler(call(view)).named(type_name::<V>()).on_failure(failed)
}

/// Calls a view, and logs what comes of it.
fn call<V: View>(view: V) -> impl Fn(Request) -> Answer + Clone + Send {
    move |request| {
        in_span(request.span(), || {
            let answer = view(&request);
            if let Err(Error::Database(reason)) = &answer {
                tracing::error!(reason, "the database fails");
            }
            tracing::debug!(status = status(&answer).as_u16(), "answered");
            answer.map(SendResponse::new)
        })
    }
}

/// What the client is told where a view gives no answer.
fn failed(failure: Failure) -> HttpResponse {
    match failure {
        Failure::Stopping => Error::Stopping,
        _ => Error::Panicked,
    }
    .error_response()
}

/// What the client will see of an answer first.
fn status(answer: &Result<HttpResponse, Error>) -> StatusCode {
    answer.as_ref().map_or_else(Error::status_code, HttpResponse::status)
}

/// Serves, and tells `opened` the address. That gives the future to stop at, after what has been begun.
///
/// # Errors
///
/// With what to tell the user, if it can't be started.
pub fn serve<F: Future<Output = ()>>(
    settings: Settings,
    urls: fn(&mut ServiceConfig, &Views),
    opened: impl FnOnce(SocketAddr) -> F,
) -> Result<(), String> {
    if settings.inspect {
        mixio::inspect::enable();
    }
    let url = settings.database.clone();
    let are_left = mixio_tokio::run(move || database::prepare(&url))?;
    let because = |error: io::Error| format!("cannot listen at {}: {error}", settings.listen);
    let listener = TcpListener::bind(settings.listen).map_err(because)?;
    let address = listener.local_addr().map_err(because)?;
    let kitchen_service = settings.kitchen_service.clone().unwrap_or_else(|| own_kitchen(address));

    let settings = Arc::new(settings);
    let consumers = Arc::new(Consumers::default());
    let underway = Arc::new(Underway::new(are_left));
    let views = Views::new().on_failure(failed);

    let app = {
        let (settings, consumers, views) = (settings.clone(), consumers.clone(), views.clone());
        move || App {
            database: Database::new(&settings.database, settings.connections()),
            http: Http::new(settings.kitchen_timeout),
            settings: settings.clone(),
            kitchen_service: kitchen_service.clone(),
            consumers: consumers.clone(),
            views: views.clone(),
            underway: underway.clone(),
        }
    };
    let factory = {
        let (app, views) = (app.clone(), views.clone());
        move || {
            actix_web::App::new()
                .app_data(web::Data::new(app()))
                .configure(|config| urls(config, &views))
                .default_service(refuse(|| Error::NotFound))
        }
    };
    rt::System::new().block_on(async {
        let server = HttpServer::new(factory)
            .workers(settings.workers)
            .worker_max_blocking_threads(settings.threads)
            .tcp_nodelay(true)
            .disable_signals()
            // In whole seconds. The deadline below is the exact one.
            .shutdown_timeout(settings.shutdown_timeout.as_secs() + 1)
            .listen(listener)
            .map_err(|error| error.to_string())?
            .run();
        let handle = server.handle();
        let mut server = rt::spawn(server);
        // It ends with the program, in the middle of whatever it does: the next one goes on from there.
        recover(&Arc::new(app()));
        tokio::select! {
            () = opened(address) => {}
            // Nobody would be served then, so it is no use to stay.
            ended = &mut server => {
                ended.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
                return Err("the server has ended by itself".into());
            }
        }

        // The views first, while all that they need is there: our own kitchen too.
        tracing::info!("stopping");
        let deadline = Instant::now() + settings.shutdown_timeout;
        let finished = timeout_at(deadline, views.stop()).await.is_ok();
        // No view runs that could still tell somebody something. What it has told goes out before the end.
        consumers.close();
        let stopped = handle.stop(finished);
        if !finished {
            tracing::warn!("some orders are not finished in time");
            stopped.await;
        } else if timeout_at(deadline, stopped).await.is_err() {
            // What is left of them ends with the program.
            tracing::warn!("some connections are not finished in time");
            return Ok(());
        }
        server.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
    })
}

/// Our kitchen's address, as seen from here.
fn own_kitchen(mut address: SocketAddr) -> Uri {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}/kitchen/").parse().expect("an address makes a URL")
}

/// Ready when the program is to stop: by Ctrl-C, or SIGTERM. A second one ends it at once.
pub fn stop_signal() -> impl Future<Output = ()> {
    // From here on, not from the first poll on: who has been told the address may stop us.
    let mut interrupt = signal(SignalKind::interrupt()).expect("there can be a handler for SIGINT");
    let mut terminate = signal(SignalKind::terminate()).expect("there can be a handler for SIGTERM");
    let mut next = async move || {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    };
    async move {
        next().await;
        rt::spawn(async move {
            next().await;
            std::process::exit(130);
        });
    }
}
