//! No order is lost, and none is doubled: what the clients were told, the database and the cook's log are the same.

use std::collections::HashMap;

use crate::Error;
use crate::crowd::{Answered, details, user};
use crate::stage::Row;

/// What the cook was asked for: an order's id, and the minutes it said.
pub type Cooked = (u64, u64);

/// Compares the three.
///
/// # Errors
///
/// With the first that does not fit, and how many there are.
pub fn check(answered: &[Answered], rows: &[Row], cooked: &[Cooked]) -> Result<(), Error> {
    let mut wrong = Vec::new();
    let mut times_cooked: HashMap<Cooked, usize> = HashMap::new();
    for &order in cooked {
        *times_cooked.entry(order).or_default() += 1;
    }
    let mut left: HashMap<u64, &Row> = rows.iter().map(|row| (row.id, row)).collect();
    if left.len() != rows.len() {
        wrong.push("an id is used twice in the database".to_owned());
    }
    for order in answered {
        let id = order.id;
        let expected = Row {
            id,
            user: user(order.client),
            details: details(order.number),
            status: "accepted".into(),
            mins: Some(order.mins),
        };
        match left.remove(&id) {
            Some(row) if *row == expected => {}
            Some(row) => wrong.push(format!("{row:?} in the database, and the client was told {expected:?}")),
            None => wrong.push(format!("{expected:?} is not in the database, or was answered twice")),
        }
        match times_cooked.remove(&(id, order.mins)) {
            Some(1) => {}
            Some(times) => wrong.push(format!("order {id} was cooked {times} times")),
            None => wrong.push(format!("order {id} was not cooked, or not in {} minutes", order.mins)),
        }
    }
    wrong.extend(left.into_values().map(|row| format!("nobody was told of {row:?}")));
    wrong.extend(times_cooked.into_keys().map(|(id, _)| format!("nobody was told of the cooked order {id}")));
    match wrong.first() {
        None => Ok(()),
        Some(first) => Err(format!("{} of {} orders do not agree: {first}", wrong.len(), answered.len()).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two orders that agree, and then this is done to them.
    fn after(change: impl FnOnce(&mut Vec<Answered>, &mut Vec<Row>, &mut Vec<Cooked>)) -> Result<(), Error> {
        let mut answered: Vec<_> =
            (0..2).map(|n| Answered { client: n, number: 3, id: n as u64 + 1, mins: 30 + n as u64 }).collect();
        let row = |order: &Answered| Row {
            id: order.id,
            user: user(order.client),
            details: details(order.number),
            status: "accepted".into(),
            mins: Some(order.mins),
        };
        let mut rows: Vec<_> = answered.iter().map(row).collect();
        let mut cooked: Vec<_> = answered.iter().map(|order| (order.id, order.mins)).collect();
        change(&mut answered, &mut rows, &mut cooked);
        check(&answered, &rows, &cooked)
    }

    #[test]
    fn orders_that_agree() {
        after(|_, _, _| {}).unwrap();
        after(|answered, _, cooked| (answered.reverse(), cooked.rotate_left(1)).1).unwrap();
    }

    #[test]
    fn lost() {
        after(|_, rows, _| rows.truncate(1)).unwrap_err();
        after(|_, _, cooked| cooked.truncate(1)).unwrap_err();
        after(|answered, _, _| answered.truncate(1)).unwrap_err();
        after(|answered, rows, _| (answered.truncate(1), rows.truncate(1)).1).unwrap_err();
        after(|answered, _, cooked| (answered.truncate(1), cooked.truncate(1)).1).unwrap_err();
    }

    #[test]
    fn doubled() {
        after(|_, rows, _| rows.push(Row { id: 3, ..rows[0].clone() })).unwrap_err();
        after(|_, rows, _| rows.push(rows[0].clone())).unwrap_err();
        after(|_, _, cooked| cooked.push(cooked[0])).unwrap_err();
        after(|answered, _, _| answered.push(Answered { client: 0, number: 4, id: 1, mins: 30 })).unwrap_err();
    }

    #[test]
    fn changed() {
        after(|_, rows, _| rows[0].status = "placed".into()).unwrap_err();
        after(|_, rows, _| rows[0].mins = Some(1)).unwrap_err();
        after(|_, rows, _| rows[0].user = user(1)).unwrap_err();
        after(|answered, _, _| answered[0].mins = 1).unwrap_err();
        after(|answered, _, _| answered[0].number = 4).unwrap_err();
        after(|_, _, cooked| cooked[0].1 = 1).unwrap_err();
    }
}
