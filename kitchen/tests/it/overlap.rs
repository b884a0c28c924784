//! One thread serves many orders at once.

use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Barrier, LazyLock, Mutex};
use std::thread::{self, ThreadId};

use actix_web::HttpResponse;
use actix_web::web::{self, ServiceConfig};
use kitchen::error::Error;
use kitchen::request::Request;
use kitchen::server::{View, kitchen_view, view};
use kitchen::views;
use mixio::wait;
use mixio_actix::Views;

use super::client::{begin_post, receive};
use super::fake_kitchen::{FakeKitchen, created};
use super::host::Host;

/// On which threads views have run, and how many at a time. One for each test.
struct Seen {
    threads: Mutex<Vec<ThreadId>>,
    inside: AtomicUsize,
    most: AtomicUsize,
}

impl Seen {
    const fn new() -> Self {
        Seen { threads: Mutex::new(Vec::new()), inside: AtomicUsize::new(0), most: AtomicUsize::new(0) }
    }

    fn watch(&self, view: impl View, request: &Request) -> Result<HttpResponse, Error> {
        self.threads.lock().unwrap().push(thread::current().id());
        self.most.fetch_max(self.inside.fetch_add(1, SeqCst) + 1, SeqCst);
        let answer = view(request);
        self.threads.lock().unwrap().push(thread::current().id());
        self.inside.fetch_sub(1, SeqCst);
        answer
    }

    /// All began and ended on one thread.
    #[track_caller]
    fn assert_one_thread(&self, views: usize) {
        let threads = self.threads.lock().unwrap();
        assert_eq!(threads.len(), 2 * views);
        assert_eq!(threads.iter().collect::<HashSet<_>>().len(), 1);
    }
}

static BARRIER: Seen = Seen::new();

/// The kitchen here answers no order before it has two of them in hand. A server that takes one after the other would
/// never get an answer.
#[test]
fn two_orders_at_once_on_one_thread() {
    let both = Barrier::new(2);
    let kitchen = FakeKitchen::new(move |form| {
        both.wait();
        created(form, 40)
    });
    let urls = |config: &mut ServiceConfig, all: &Views| {
        let watched = view(all, |request| BARRIER.watch(views::food_delivery, request));
        config.service(web::resource("/").route(web::post().to(watched)));
    };
    let host = Host::with_urls(&["--kitchen-service", &kitchen.url, "--kitchen-timeout", "30s"], urls);
    let orders = ["ann", "bob"].map(|user| begin_post(host.address, "/", &format!("details=pizza&user={user}")));
    for order in orders {
        let reply = receive(order);
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert_eq!(BARRIER.most.load(SeqCst), 2);
    BARRIER.assert_one_thread(2);
    assert!(host.rows().iter().all(|row| row.status == "accepted"));
    assert_eq!(kitchen.requests().len(), 2);
}

static ORDERS: Seen = Seen::new();
static KITCHEN: Seen = Seen::new();

/// Our own kitchen, which runs on the same thread, and here answers no order before it has two in hand.
#[test]
fn orders_and_kitchen_on_one_thread() {
    static BOTH: LazyLock<tokio::sync::Barrier> = LazyLock::new(|| tokio::sync::Barrier::new(2));
    let urls = |config: &mut ServiceConfig, all: &Views| {
        let orders = view(all, |request| ORDERS.watch(views::food_delivery, request));
        let kitchen = |request: &Request| {
            wait(BOTH.wait());
            views::kitchen(request)
        };
        let kitchen = kitchen_view(move |request| KITCHEN.watch(kitchen, request));
        config.service(web::resource("/").route(web::post().to(orders)));
        config.service(web::resource("/kitchen/").route(web::post().to(kitchen)));
    };
    let host = Host::with_urls(&["--kitchen-timeout", "30s"], urls);
    let orders = ["ann", "bob"].map(|user| begin_post(host.address, "/", &format!("details=pizza&user={user}")));
    for order in orders {
        assert_eq!(receive(order).status, 200);
    }
    assert_eq!((ORDERS.most.load(SeqCst), KITCHEN.most.load(SeqCst)), (2, 2));
    ORDERS.assert_one_thread(2);
    KITCHEN.assert_one_thread(2);
    assert_eq!(ORDERS.threads.lock().unwrap()[0], KITCHEN.threads.lock().unwrap()[0]);
}
