//! A template that queries the database while it is rendered. Several are rendered at once, on one thread.
//!
//! minijinja is synchronous: it calls what it is given as an object, and wants the answer.
#![allow(missing_docs, reason = "what Diesel makes of a table")]

use std::cell::RefCell;
use std::sync::Arc;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use minijinja::value::{Enumerator, Object, Value};
use minijinja::{Environment, Error, ErrorKind, context};
use mixio::wait;
use mixio_diesel::SqliteConnection;
use mixio_diesel::pool::Pool;

const PAGE: &str = "\
{{ cook }} has {{ orders.of(cook)|length }} orders:
{%- for order in orders.of(cook) %}
    {{ order }}
{%- endfor %}";

diesel::table! {
    orders (id) {
        id -> Integer,
        cook -> Text,
        details -> Text,
    }
}

/// What the template sees.
#[derive(Debug)]
struct Orders(Pool<SqliteConnection>);

impl Object for Orders {
    fn call_method(
        self: &Arc<Self>,
        _: &minijinja::State<'_, '_>,
        name: &str,
        values: &[Value],
    ) -> Result<Value, Error> {
        match (name, values) {
            ("of", [cook]) => {
                let failed = |error: &dyn std::fmt::Display| Error::new(ErrorKind::InvalidOperation, error.to_string());
                // Here the template waits, and another one goes on.
                let mut connection = self.0.get().map_err(|error| failed(&error))?;
                let query = orders::table.filter(orders::cook.eq(cook.to_string())).order(orders::id);
                let found = query.select(orders::details).load::<String>(&mut connection);
                found.map(Value::from).map_err(|error| failed(&error))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

thread_local! {
    /// Who began and who ended, in the order in which they did.
    static SEEN: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

fn render(cook: &str, pool: Pool<SqliteConnection>) -> String {
    SEEN.with_borrow_mut(|seen| seen.push(format!("{cook} begins")));
    let mut environment = Environment::new();
    environment.add_template("page", PAGE).expect("it is a template");
    let page = environment.get_template("page").expect("it is there");
    let page = page.render(context! { cook, orders => Value::from_object(Orders(pool)) }).expect("it can be rendered");
    SEEN.with_borrow_mut(|seen| seen.push(format!("{cook} ends")));
    page
}

fn kitchen(path: &str) {
    let pool: Pool<SqliteConnection> = Pool::builder(path).max_size(2).build().expect("a pool can be built");
    pool.get()
        .expect("a file can be opened")
        .batch_execute(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, cook TEXT NOT NULL, details TEXT NOT NULL);
             INSERT INTO orders (cook, details) VALUES ('ann', 'pizza'), ('bob', 'soup'), ('ann', 'pasta'), ('eve', 'tea');",
        )
        .expect("a table can be made");
    // They all wait for one of these, however fast the database is.
    let held = [(); 2].map(|()| pool.get().expect("a file can be opened"));
    let tasks = ["ann", "bob", "eve"].map(|cook| {
        let pool = pool.clone();
        mixio_tokio::spawn_local(move || render(cook, pool))
    });
    while SEEN.with_borrow(Vec::len) < tasks.len() {
        wait(tokio::task::yield_now());
    }
    drop(held);
    let pages = tasks.map(|task| wait(task).expect("it doesn't panic"));
    pages.iter().for_each(|page| println!("{page}"));
    assert_eq!(pages[0], "ann has 2 orders:\n    pizza\n    pasta");

    let seen = SEEN.take();
    println!("\n{}", seen.join(", "));
    assert!(seen[..3].iter().all(|what| what.ends_with("begins")), "all begin before the first ends");
}

fn main() {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let path = folder.path().join("orders.sqlite").display().to_string();
    mixio::Io::Async.set(); // several at once on a thread: that is what this shows
    mixio_tokio::run(move || kitchen(&path));
}
