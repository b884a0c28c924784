//! Orders, and how they are saved. This is Diesel as everywhere else.

use std::fmt;

use diesel::prelude::*;
use serde::Serialize;

use crate::database::Connection;
use crate::error::Error;
use crate::schema::orders;

/// A row of the table, or what is to become one.
///
/// It is written before the kitchen hears of the order, so whatever happens then, the order is known. The kitchen knows it
/// by its id, and may hear of it more than once: then it is still one order.
#[derive(Clone, Debug)]
pub struct Order {
    /// Given by the database, when the order is first saved.
    pub id: Option<i64>,
    /// What its client knows it by: given by the client, or made here. A user has no two orders of one token, so the client may
    /// send it again.
    pub token: String,
    /// Who has placed it.
    pub user: String,
    /// What is to be brought.
    pub details: String,
    /// How far it is.
    pub status: Status,
    /// How long it will take, as the kitchen says.
    pub mins: Option<i32>,
}

/// An order as its user may see it.
#[derive(Debug, Queryable, Serialize)]
pub struct Listed {
    /// Its number.
    pub order_id: i64,
    /// What is to be brought.
    pub details: String,
    /// How far it is: see [`Status`].
    pub status: String,
    /// How long it will take, from when it was placed, as the kitchen says.
    pub mins: Option<i32>,
    /// When it was placed: `YYYY-MM-DD hh:mm:ss`, in UTC.
    pub created_at: String,
    /// What its client knows it by.
    pub token: String,
}

/// What a [`Listed`] is made of.
const LISTED_COLUMNS: (orders::id, orders::details, orders::status, orders::mins, orders::created_at, orders::token) =
    (orders::id, orders::details, orders::status, orders::mins, orders::created_at, orders::token);

/// No list of a user's orders is longer.
const MOST_LISTED: i64 = 20;

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Saved; the kitchen is being asked. It stays so if the program ends here, or if the database does not take what came
    /// of it: then the kitchen is asked once more.
    Placed,
    /// The kitchen cooks it.
    Accepted,
    /// The kitchen has answered that it will not cook it: with a status of 4xx.
    Rejected,
    /// There was no answer from the kitchen, or none that makes it clear, so it may cook it or not. It is asked once more.
    Unanswered,
}

impl Status {
    const ALL: [Status; 4] = [Status::Placed, Status::Accepted, Status::Rejected, Status::Unanswered];

    /// Those of which it isn't known what the kitchen makes of them. The migrations have an index for these.
    const UNSETTLED: [&str; 2] = [Status::Placed.as_str(), Status::Unanswered.as_str()];

    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Status::Placed => "placed",
            Status::Accepted => "accepted",
            Status::Rejected => "rejected",
            Status::Unanswered => "unanswered",
        }
    }

    /// Whether the kitchen has said what it makes of the order.
    pub fn is_settled(self) -> bool {
        matches!(self, Status::Accepted | Status::Rejected)
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The columns of an order, in the order in which [`Order::from_row`] takes them.
const COLUMNS: (orders::id, orders::token, orders::user, orders::details, orders::status, orders::mins) =
    (orders::id, orders::token, orders::user, orders::details, orders::status, orders::mins);

type Row = (i64, String, String, String, String, Option<i32>);

impl Order {
    /// A new order, not saved yet.
    pub fn new(user: &str, details: &str, token: &str) -> Self {
        Order {
            id: None,
            token: token.into(),
            user: user.into(),
            details: details.into(),
            status: Status::Placed,
            mins: None,
        }
    }

    /// Writes it to the database, the first time as a new row, and then to that row. One that is settled there already stays as
    /// it is there, and so becomes this one: two servers may have asked the kitchen, or a query may have been slow.
    ///
    /// # Errors
    ///
    /// If the database does not take it. [`Error::Repeated`] if it is new, and its user has one of this token.
    pub fn save(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let status_and_mins = (orders::status.eq(self.status.as_str()), orders::mins.eq(self.mins));
        match self.id {
            None => {
                let given =
                    (orders::token.eq(&self.token), orders::user.eq(&self.user), orders::details.eq(&self.details));
                let insert = diesel::insert_into(orders::table).values((given, status_and_mins)).returning(orders::id);
                self.id = Some(insert.get_result(connection)?);
            }
            Some(id) => {
                // Not by `eq_any`: such a statement would be prepared each time.
                let [placed, unanswered] = Status::UNSETTLED.map(|status| orders::status.eq(status));
                let row = orders::table.find(id).filter(placed.or(unanswered));
                if diesel::update(row).set(status_and_mins).execute(connection)? == 0 {
                    let there = orders::table.find(id).select(COLUMNS).first::<Row>(connection).optional()?;
                    let there = there.ok_or_else(|| Error::Database(format!("order {id} is gone")))?;
                    *self = Self::from_row(there)?;
                }
            }
        }
        Ok(())
    }

    /// What its user has placed with its token, if that was placed.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub fn placed_before(&self, connection: &mut Connection) -> Result<Option<Self>, Error> {
        let same = orders::user.eq(&self.user).and(orders::token.eq(&self.token));
        let row = orders::table.filter(same).select(COLUMNS).first(connection).optional()?;
        row.map(Self::from_row).transpose()
    }

    /// The latest orders of a user, the last one first.
    ///
    /// # Errors
    ///
    /// If the database does not give them.
    pub fn latest(user: &str, connection: &mut Connection) -> Result<Vec<Listed>, Error> {
        let latest = orders::table.filter(orders::user.eq(user)).order(orders::id.desc()).limit(MOST_LISTED);
        Ok(latest.select(LISTED_COLUMNS).load(connection)?)
    }

    /// The first of those, after an id, of which it isn't known what the kitchen makes of them.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub fn unsettled(connection: &mut Connection, after: i64, limit: i64) -> Result<Vec<Self>, Error> {
        let unsettled = orders::status.eq_any(Status::UNSETTLED);
        let rows = orders::table.select(COLUMNS).filter(unsettled).filter(orders::id.gt(after));
        let rows: Vec<Row> = rows.order(orders::id).limit(limit).load(connection)?;
        rows.into_iter().map(Self::from_row).collect()
    }

    /// The id of the last one that isn't settled, if there is one.
    ///
    /// # Errors
    ///
    /// If the database does not answer.
    pub fn last_unsettled(connection: &mut Connection) -> Result<Option<i64>, Error> {
        let unsettled = orders::table.filter(orders::status.eq_any(Status::UNSETTLED));
        Ok(unsettled.select(orders::id).order(orders::id.desc()).first(connection).optional()?)
    }

    fn from_row((id, token, user, details, status, mins): Row) -> Result<Self, Error> {
        let known = Status::ALL.into_iter().find(|known| known.as_str() == status);
        let status = known.ok_or_else(|| Error::Database(format!("order {id} has the status {status:?}")))?;
        Ok(Order { id: Some(id), token, user, details, status, mins })
    }

    /// What the kitchen needs to know.
    pub fn as_dict(&self) -> [(&'static str, String); 3] {
        let id = self.id.expect("the kitchen hears of an order after it has been saved");
        [("order_id", id.to_string()), ("user", self.user.clone()), ("details", self.details.clone())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{Database, prepare};

    #[test]
    fn what_is_settled_stays_so() {
        let folder = tempfile::tempdir().unwrap();
        let url = folder.path().join("orders").to_str().unwrap().to_owned();
        mixio_tokio::run(move || {
            assert_eq!(prepare(&url), Ok(false));
            let connection = &mut Database::new(&url, 1).connection().unwrap();
            let mut order = Order::new("ann", "pizza", "a");
            order.save(connection).unwrap();
            let mut late = order.clone();
            order.status = Status::Unanswered;
            order.save(connection).unwrap();
            assert_eq!(Order::last_unsettled(connection).unwrap(), order.id);
            (order.status, order.mins) = (Status::Accepted, Some(40));
            order.save(connection).unwrap();
            late.status = Status::Unanswered;
            late.save(connection).unwrap();
            assert_eq!((late.status, late.mins), (Status::Accepted, Some(40)));
            assert_eq!(order.placed_before(connection).unwrap().unwrap().status, Status::Accepted);
            assert_eq!(Order::last_unsettled(connection).unwrap(), None);
            late.id = Some(7);
            late.save(connection).unwrap_err();
        });
    }
}
