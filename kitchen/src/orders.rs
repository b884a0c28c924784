//! Orders, and how they are saved. This is Diesel as everywhere else.

use diesel::prelude::*;

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
}

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
    pub fn new(user: &str, details: &str) -> Self {
        Order { id: None, user: user.into(), details: details.into(), status: Status::Placed, mins: None }
    }

    /// Writes it to the database, the first time as a new row, and then to that row.
    ///
    /// # Errors
    ///
    /// If the database does not take it.
    pub fn save(&mut self, connection: &mut Connection) -> Result<(), Error> {
        let values = (
            orders::user.eq(&self.user),
            orders::details.eq(&self.details),
            orders::status.eq(self.status.as_str()),
            orders::mins.eq(self.mins),
        );
        match self.id {
            None => {
                let insert = diesel::insert_into(orders::table).values(values).returning(orders::id);
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

    /// What the kitchen needs to know.
    pub fn as_dict(&self) -> [(&'static str, String); 3] {
        let id = self.id.expect("the kitchen hears of an order after it has been saved");
        [("order_id", id.to_string()), ("user", self.user.clone()), ("details", self.details.clone())]
    }
}
