//! Orders in the database, by diesel-async: the statements are those of the kitchen.

use std::time::Duration;

use diesel::{BoolExpressionMethods as _, ExpressionMethods as _, OptionalExtension as _, QueryDsl as _};
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use diesel_async::{AsyncPgConnection, RunQueryDsl as _};
use tokio::time::timeout;

use crate::error::Error;

/// How long to wait for a connection.
const PATIENCE: Duration = Duration::from_secs(5);

diesel::table! {
    orders (id) {
        id -> BigInt,
        user -> Text,
        details -> Text,
        status -> Text,
        mins -> Nullable<Integer>,
        token -> Text,
    }
}

/// What is to be cooked for whom.
pub(crate) struct Order {
    /// By which its user knows it, before there is an id.
    pub(crate) token: String,
    pub(crate) user: String,
    pub(crate) details: String,
}

/// What is known of an order that was placed before: id, details, status, minutes.
pub(crate) type Known = (i64, String, String, Option<i32>);

/// How far an order is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Status {
    Placed,
    Accepted,
    Rejected,
    Unanswered,
}

impl Status {
    fn as_str(self) -> &'static str {
        match self {
            Status::Placed => "placed",
            Status::Accepted => "accepted",
            Status::Rejected => "rejected",
            Status::Unanswered => "unanswered",
        }
    }
}

/// A pool of connections.
pub(crate) struct Database {
    pool: Pool<AsyncPgConnection>,
}

impl Database {
    pub(crate) fn new(url: &str, connections: usize) -> Self {
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        let manager = AsyncDieselConnectionManager::new_with_config(url, config);
        let pool = Pool::builder(manager).max_size(connections).build();
        Database { pool: pool.expect("a pool without timeouts of its own can be built") }
    }

    /// Writes a new order, and gives its id: `Error::Repeated` if its user has one of this token.
    pub(crate) async fn place(&self, order: &Order) -> Result<i64, Error> {
        let values = (
            orders::token.eq(&order.token),
            orders::user.eq(&order.user),
            orders::details.eq(&order.details),
            orders::status.eq(Status::Placed.as_str()),
            orders::mins.eq(None::<i32>),
        );
        let insert = diesel::insert_into(orders::table).values(values).returning(orders::id);
        Ok(insert.get_result(&mut self.connection().await?).await?)
    }

    /// Notes how far an order is.
    pub(crate) async fn note(&self, id: i64, status: Status, mins: Option<i32>) -> Result<(), Error> {
        let values = (orders::status.eq(status.as_str()), orders::mins.eq(mins));
        let [placed, unanswered] =
            [Status::Placed, Status::Unanswered].map(|status| orders::status.eq(status.as_str()));
        let update = diesel::update(orders::table.find(id).filter(placed.or(unanswered))).set(values);
        match update.execute(&mut self.connection().await?).await? {
            1 => Ok(()),
            _ => Err(Error::Database(format!("order {id} is gone, or settled"))),
        }
    }

    /// What the same user has placed with the same token, if that was placed.
    pub(crate) async fn placed_before(&self, order: &Order) -> Result<Option<Known>, Error> {
        let same = orders::user.eq(&order.user).and(orders::token.eq(&order.token));
        let known = orders::table.filter(same).select((orders::id, orders::details, orders::status, orders::mins));
        Ok(known.first(&mut self.connection().await?).await.optional()?)
    }

    async fn connection(&self) -> Result<Object<AsyncPgConnection>, Error> {
        match timeout(PATIENCE, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(Error::Database(error.to_string())),
            Err(_) => Err(Error::Database("no connection gets free".into())),
        }
    }
}
