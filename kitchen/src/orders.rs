//! Orders, and how they are saved. This is Diesel as everywhere else.

use diesel::prelude::*;
use serde::Serialize;

use crate::database::Connection;
use crate::error::Error;
use crate::schema::orders;

/// A row of the table, or what is to become one.
///
/// It is written before the kitchen hears of the order, so whatever happens then, the order is known. The id goes to the
/// kitchen, which is told of an order once: nothing here asks again.
#[derive(Debug)]
pub struct Order {
    /// Given by the database, when the order is first saved.
    pub id: Option<i64>,
    /// Who has placed it.
    pub user: String,
    /// What is to be brought.
    pub details: String,
    /// How far it is.
    pub status: Status,
    /// How long it will take, as the kitchen says.
    pub mins: Option<i32>,
    /// What its client knows it by. A user has no two orders of one token: so the client may send it again.
    pub token: Option<String>,
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
    pub token: Option<String>,
}

/// What a [`Listed`] is made of.
const LISTED_COLUMNS: (orders::id, orders::details, orders::status, orders::mins, orders::created_at, orders::token) =
    (orders::id, orders::details, orders::status, orders::mins, orders::created_at, orders::token);

/// No list of a user's orders is longer.
const MOST_LISTED: i64 = 20;

/// How far an order is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Saved; the kitchen is being asked. The order stays so if the program ends here, or if the database does not take
    /// what came of it. So the kitchen may cook it or not.
    Placed,
    /// The kitchen cooks it.
    Accepted,
    /// The kitchen has answered that it will not cook it: with a status of 4xx.
    Rejected,
    /// There was no answer from the kitchen, or none that makes it clear, so it may cook it or not.
    Unanswered,
}

impl Status {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Status::Placed => "placed",
            Status::Accepted => "accepted",
            Status::Rejected => "rejected",
            Status::Unanswered => "unanswered",
        }
    }
}

impl Order {
    /// A new order, not saved yet.
    pub fn new(user: &str, details: &str, token: Option<&str>) -> Self {
        let (user, details, token) = (user.into(), details.into(), token.map(Into::into));
        Order { id: None, user, details, status: Status::Placed, mins: None, token }
    }

    /// Writes it to the database, the first time as a new row, and then to that row.
    ///
    /// # Errors
    ///
    /// If the database does not take it. [`Error::Repeated`] if it is new, and its user has one of this token.
    pub fn save(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let values = (
            orders::user.eq(&self.user),
            orders::details.eq(&self.details),
            orders::status.eq(self.status.as_str()),
            orders::mins.eq(self.mins),
        );
        match self.id {
            None => {
                let insert = diesel::insert_into(orders::table)
                    .values((values, orders::token.eq(&self.token)))
                    .returning(orders::id);
                self.id = Some(insert.get_result(connection)?);
            }
            Some(id) => {
                let rows = diesel::update(orders::table.find(id)).set(values).execute(connection)?;
                if rows != 1 {
                    return Err(Error::Database(format!("order {id} is gone")));
                }
            }
        }
        Ok(())
    }

    /// The one that its user has placed with the same token.
    ///
    /// # Errors
    ///
    /// If the database does not give it.
    pub fn placed_before(&self, connection: &mut Connection) -> Result<Listed, Error> {
        let same = orders::user.eq(&self.user).and(orders::token.eq(&self.token));
        Ok(orders::table.filter(same).select(LISTED_COLUMNS).first(connection)?)
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

    /// What the kitchen needs to know.
    pub fn as_dict(&self) -> [(&'static str, String); 3] {
        let id = self.id.expect("the kitchen hears of an order after it has been saved");
        [("order_id", id.to_string()), ("user", self.user.clone()), ("details", self.details.clone())]
    }
}
