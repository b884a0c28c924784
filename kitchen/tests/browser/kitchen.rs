//! The program under test.

use std::net::Ipv4Addr;
use std::process::Command;

use diesel::prelude::*;
use kitchen::schema::orders;
use mixio_test_servers::Process;
use serde_json::Value;

use super::service::Service;

/// A kitchen of its own, with a new database, and the service that it asks.
pub(crate) struct Kitchen {
    pub(crate) process: Process,
    pub(crate) service: Service,
}

impl Kitchen {
    pub(crate) fn start() -> Self {
        let service = Service::start();
        // Others connect from the usual address, and could have its port when it is to be started again.
        let process = Process::start(Ipv4Addr::new(127, 0, 0, 2), |address, _| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_kitchen"));
            command.env_remove("DATABASE_URL").args([
                "--database",
                "kitchen.sqlite3",
                "--listen",
                &address.to_string(),
            ]);
            command.args(["--kitchen-service", &service.url, "--kitchen-timeout", "60s"]);
            command
        });
        Kitchen { process, service }
    }

    /// The address of the page, for this user.
    pub(crate) fn page(&self, user: &str) -> String {
        format!("http://{}/connect/?user={user}", self.process.address())
    }

    /// Places an order without a browser, and waits for the answer.
    pub(crate) fn order(&self, user: &str, details: &str) {
        let url = format!("http://{}/", self.process.address());
        let form = [("user", user), ("details", details)];
        mixio_ureq::agent().post(url).send_form(form).unwrap();
    }

    /// The user's orders as the program lists them, the last one first.
    pub(crate) fn orders(&self, user: &str) -> Vec<Value> {
        let url = format!("http://{}/orders/?user={user}", self.process.address());
        let list = mixio_ureq::agent().get(url).call().unwrap().body_mut().read_to_string().unwrap();
        let list: Value = serde_json::from_str(&list).unwrap();
        list["orders"].as_array().unwrap().clone()
    }

    /// A connection of our own.
    pub(crate) fn database(&self) -> SqliteConnection {
        let path = self.process.folder().join("kitchen.sqlite3");
        let mut connection = SqliteConnection::establish(path.to_str().unwrap()).unwrap();
        diesel::sql_query("PRAGMA busy_timeout = 5000").execute(&mut connection).unwrap();
        connection
    }

    /// Notes that an order is being cooked, without anybody hearing of it.
    pub(crate) fn accept(&self, id: i64, mins: i32) {
        let row = diesel::update(orders::table.find(id));
        let values = (orders::status.eq("accepted"), orders::mins.eq(mins));
        assert_eq!(row.set(values).execute(&mut self.database()), Ok(1));
    }
}
