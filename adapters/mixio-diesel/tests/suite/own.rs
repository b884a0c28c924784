// What a connection of one database can do, and one of two can't.

use diesel::dsl::count_star;
use diesel::prelude::*;
use diesel::upsert::excluded;
use diesel::{insert_into, sql_query, update};

use crate::suite::schema::*;
use super::{connection, run};

#[test]
fn many_are_inserted_at_once() {
    run(|| {
        let connection = &mut connection();
        let names: Vec<String> = (0..100).map(|n| format!("user {n}")).collect();
        let new: Vec<_> = names.iter().map(|name| NewUser { name, hair_color: None }).collect();
        assert_eq!(insert_into(users::table).values(&new).execute(connection), Ok(100));
        assert_eq!(users::table.select(count_star()).get_result(connection), Ok(102_i64));
    });
}

#[test]
fn an_insert_returns_a_whole_row() {
    run(|| {
        let connection = &mut connection();
        let user = NewUser { name: "Jim", hair_color: Some("black") };
        let inserted = insert_into(users::table).values(&user).returning(User::as_returning()).get_result(connection);
        assert_eq!(inserted, Ok(User { id: 3, name: "Jim".into(), hair_color: Some("black".into()) }));
    });
}

#[test]
fn changes_are_saved() {
    run(|| {
        let connection = &mut connection();
        let tess = User { id: 2, name: "Theresa".into(), hair_color: Some("red".into()) };
        assert_eq!(tess.save_changes::<User>(connection), Ok(tess.clone()));
        assert_eq!(users::table.find(2).first(connection), Ok(tess));
    });
}

#[test]
fn a_conflict_is_resolved() {
    run(|| {
        let connection = &mut connection();
        let sean = NewUser { name: "Sean", hair_color: Some("grey") };
        let nothing = insert_into(users::table).values(&sean).on_conflict(users::name).do_nothing();
        assert_eq!(nothing.execute(connection), Ok(0));
        let hair = users::hair_color.eq(excluded(users::hair_color));
        let upsert = insert_into(users::table).values(&sean).on_conflict(users::name).do_update().set(hair);
        assert_eq!(upsert.execute(connection), Ok(1));
        assert_eq!(users::table.find(1).select(users::hair_color).first(connection), Ok(Some("grey".to_string())));
    });
}

#[test]
fn an_update_returns_rows() {
    run(|| {
        let connection = &mut connection();
        let mut titles = update(posts::table.filter(posts::published))
            .set(posts::title.eq(posts::title.concat("!")))
            .returning(posts::title)
            .get_results::<String>(connection)
            .unwrap();
        titles.sort();
        assert_eq!(titles, ["Again!", "Hello!"]);
    });
}

#[test]
fn rows_are_inserted_from_a_query() {
    run(|| {
        let connection = &mut connection();
        let copied = users::table.select((users::name.concat(" II"), users::hair_color));
        let inserted = insert_into(users::table).values(copied).into_columns((users::name, users::hair_color));
        assert_eq!(inserted.execute(connection), Ok(2));
        assert_eq!(users::table.find(4).select(users::name).first(connection), Ok("Tess II".to_string()));
    });
}

#[test]
fn results_are_united() {
    run(|| {
        let connection = &mut connection();
        let names = users::table.select(users::name);
        let all = names.union(posts::table.select(posts::title));
        assert_eq!(all.load::<String>(connection).unwrap().len(), 5);
    });
}

#[test]
fn handwritten_sql_has_parameters() {
    run(|| {
        let connection = &mut connection();
        let placeholder = if super::IS_SQLITE { "?" } else { "$1" };
        let found = sql_query(format!("SELECT name FROM users WHERE id = {placeholder}"))
            .bind::<diesel::sql_types::Integer, _>(2)
            .load::<Named>(connection);
        assert_eq!(found, Ok(vec![Named { name: "Tess".into() }]));
    });
}
