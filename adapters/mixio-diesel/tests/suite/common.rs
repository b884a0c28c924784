// What every connection of Diesel's can do: the file is compiled once for each of them.

use diesel::connection::{CacheSize, DefaultLoadingMode, InstrumentationEvent, SimpleConnection};
use diesel::dsl::{count, exists, max, not, sql, sum};
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{Integer, Text};
use diesel::{delete, insert_into, select, sql_query, update};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use std::sync::{Arc, Mutex};

use crate::suite::schema::*;
use super::{connection, run};

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("tests/suite/migrations");

#[test]
fn an_insert_returns_what_the_database_has_chosen() {
    run(|| {
        let connection = &mut connection();
        let user = NewUser { name: "Jim", hair_color: Some("black") };
        let inserted = insert_into(users::table).values(&user).returning((users::id, users::name)).get_result(connection);
        assert_eq!(inserted, Ok((3, "Jim".to_string())));
        let id: i32 = insert_into(posts::table)
            .values((posts::user_id.eq(3), posts::title.eq("One"), posts::published.eq(true)))
            .returning(posts::id)
            .get_result(connection)
            .unwrap();
        assert_eq!(id, 4);
    });
}

#[test]
fn rows_are_filtered() {
    run(|| {
        let connection = &mut connection();
        let titles = |rows: QueryResult<Vec<String>>| rows.unwrap().join(" ");
        let query = posts::table.order(posts::id).select(posts::title);
        assert_eq!(titles(query.filter(posts::title.eq("Hello")).load(connection)), "Hello");
        assert_eq!(titles(query.filter(posts::title.ne("Hello")).load(connection)), "World Again");
        assert_eq!(titles(query.filter(posts::id.gt(1).and(posts::id.lt(3))).load(connection)), "World");
        assert_eq!(titles(query.filter(posts::id.between(2, 3)).load(connection)), "World Again");
        assert_eq!(titles(query.filter(posts::title.like("%o%")).load(connection)), "Hello World");
        assert_eq!(titles(query.filter(posts::body.is_null()).load(connection)), "World Again");
        assert_eq!(titles(query.filter(not(posts::published)).load(connection)), "World");
        assert_eq!(titles(query.filter(posts::published).or_filter(posts::id.eq(2)).load(connection)), "Hello World Again");
    });
}

#[test]
fn rows_are_found_in_a_list_and_in_a_query() {
    run(|| {
        let connection = &mut connection();
        let found = users::table.filter(users::id.eq_any(vec![2, 7])).select(users::name).load::<String>(connection);
        assert_eq!(found, Ok(vec!["Tess".into()]));
        let authors = posts::table.filter(posts::published).select(posts::user_id);
        let found = users::table.filter(users::id.eq_any(authors)).select(users::name).load::<String>(connection);
        assert_eq!(found, Ok(vec!["Sean".into()]));
        let with_comments = exists(comments::table.filter(comments::post_id.eq(posts::id)));
        let found = posts::table.filter(with_comments).order(posts::id).select(posts::id).load::<i32>(connection);
        assert_eq!(found, Ok(vec![1, 3]));
    });
}

#[test]
fn rows_are_ordered_limited_and_skipped() {
    run(|| {
        let connection = &mut connection();
        let titles = posts::table.select(posts::title);
        assert_eq!(titles.order(posts::title.desc()).first(connection), Ok("World".to_string()));
        let second = titles.order(posts::title.asc()).limit(1).offset(1);
        assert_eq!(second.load(connection), Ok(vec!["Hello".to_string()]));
    });
}

#[test]
fn one_is_found_by_its_key_or_not_at_all() {
    run(|| {
        let connection = &mut connection();
        assert_eq!(users::table.find(1).first(connection), Ok(User::new(1, "Sean")));
        assert_eq!(users::table.find(7).first::<User>(connection), Err(Error::NotFound));
        assert_eq!(users::table.find(7).first::<User>(connection).optional(), Ok(None));
    });
}

#[test]
fn tables_are_joined() {
    run(|| {
        let connection = &mut connection();
        let rows = users::table
            .inner_join(posts::table.inner_join(comments::table))
            .order(comments::id)
            .select((users::name, posts::title, comments::text))
            .load::<(String, String, String)>(connection)
            .unwrap();
        let row = |a: &str, b: &str, c: &str| (a.to_string(), b.to_string(), c.to_string());
        let expected =
            [row("Sean", "Hello", "great"), row("Sean", "Hello", "yay"), row("Sean", "Again", "so what")];
        assert_eq!(rows, expected);
    });
}

#[test]
fn the_other_side_of_a_left_join_may_be_missing() {
    run(|| {
        let connection = &mut connection();
        insert_into(users::table).values(users::name.eq("Jim")).execute(connection).unwrap();
        let rows = users::table
            .left_join(posts::table)
            .order((users::id, posts::id))
            .select((users::name, posts::title.nullable()))
            .load::<(String, Option<String>)>(connection)
            .unwrap();
        let row = |name: &str, title: Option<&str>| (name.to_string(), title.map(String::from));
        let expected =
            [row("Sean", Some("Hello")), row("Sean", Some("Again")), row("Tess", Some("World")), row("Jim", None)];
        assert_eq!(rows, expected);
        let whole = users::table
            .left_join(posts::table)
            .filter(users::name.eq("Jim"))
            .select((User::as_select(), Option::<Post>::as_select()))
            .first(connection);
        assert_eq!(whole, Ok((User::new(3, "Jim"), None)));
    });
}

#[test]
fn children_are_grouped_by_their_parents() {
    run(|| {
        let connection = &mut connection();
        let users = users::table.order(users::id).select(User::as_select()).load(connection).unwrap();
        let posts = Post::belonging_to(&users).order(posts::id).select(Post::as_select()).load(connection).unwrap();
        let grouped: Vec<Vec<i32>> = posts
            .grouped_by(&users)
            .into_iter()
            .map(|posts| posts.into_iter().map(|post| post.id).collect())
            .collect();
        assert_eq!(grouped, [vec![1, 3], vec![2]]);
        let post = posts::table.find(1).select(Post::as_select()).first(connection).unwrap();
        assert_eq!(Comment::belonging_to(&post).count().get_result(connection), Ok(2_i64));
    });
}

#[test]
fn rows_are_updated() {
    run(|| {
        let connection = &mut connection();
        assert_eq!(update(posts::table).set(posts::published.eq(true)).execute(connection), Ok(3));
        let one = update(posts::table.find(2)).set((posts::title.eq("Earth"), posts::body.eq(Some("round"))));
        assert_eq!(one.execute(connection), Ok(1));
        let changed = posts::table.find(2).select((posts::title, posts::body)).first(connection);
        assert_eq!(changed, Ok(("Earth".to_string(), Some("round".to_string()))));
        let nobody = update(users::table.filter(users::name.eq("nobody"))).set(users::name.eq("x"));
        assert_eq!(nobody.execute(connection), Ok(0));
    });
}

#[test]
fn a_changeset_changes_what_it_has() {
    run(|| {
        let connection = &mut connection();
        let tess = User::new(2, "Theresa"); // whose hair isn't said, so it stays
        update(&tess).set(&tess).execute(connection).unwrap();
        let expected = User { id: 2, name: "Theresa".into(), hair_color: Some("brown".into()) };
        assert_eq!(users::table.find(2).first(connection), Ok(expected));
    });
}

#[test]
fn rows_are_deleted_with_what_hangs_on_them() {
    run(|| {
        let connection = &mut connection();
        assert_eq!(delete(users::table.filter(users::name.eq("Sean"))).execute(connection), Ok(1));
        assert_eq!(posts::table.select(posts::id).load(connection), Ok(vec![2]));
        assert_eq!(comments::table.count().get_result(connection), Ok(0_i64));
    });
}

#[test]
fn rows_are_counted_and_summed() {
    run(|| {
        let connection = &mut connection();
        assert_eq!(posts::table.select(max(posts::id)).first(connection), Ok(Some(3)));
        assert_eq!(posts::table.select(sum(posts::id)).first(connection), Ok(Some(6_i64)));
        let by_author = posts::table
            .group_by(posts::user_id)
            .having(count(posts::id).gt(1))
            .select((posts::user_id, count(posts::id)))
            .load(connection);
        assert_eq!(by_author, Ok(vec![(1, 2_i64)]));
        assert_eq!(posts::table.select(posts::user_id).distinct().count().get_result(connection), Ok(3_i64));
        let authors = posts::table.select(posts::user_id).distinct().order(posts::user_id).load(connection);
        assert_eq!(authors, Ok(vec![1, 2]));
    });
}

#[test]
fn a_query_is_put_together_as_the_program_goes() {
    run(|| {
        let connection = &mut connection();
        for (title, limit, expected) in [(None, 9, vec![1, 2, 3]), (Some("Hello"), 9, vec![1]), (None, 2, vec![1, 2])] {
            let mut query = posts::table.select(posts::id).order(posts::id).into_boxed();
            if let Some(title) = title {
                query = query.filter(posts::title.eq(title));
            }
            assert_eq!(query.limit(limit).load(connection), Ok(expected));
        }
    });
}

#[test]
fn sql_is_written_by_hand() {
    run(|| {
        let connection = &mut connection();
        let named = sql_query("SELECT name FROM users ORDER BY name DESC").load(connection);
        assert_eq!(named, Ok(vec![Named { name: "Tess".into() }, Named { name: "Sean".into() }]));
        let one = select(sql::<Integer>("6 * 7")).get_result(connection);
        assert_eq!(one, Ok(42));
        let fragment = users::table.filter(sql::<diesel::sql_types::Bool>("name = 'Tess'")).select(users::id);
        assert_eq!(fragment.first(connection), Ok(2));
        let bound = select("bound".into_sql::<Text>()).get_result(connection);
        assert_eq!(bound, Ok("bound".to_string()));
    });
}

#[test]
fn values_of_all_types_come_back_as_they_were() {
    run(|| {
        let connection = &mut connection();
        let timestamp = chrono::DateTime::from_timestamp(1_600_000_000, 123_456_000).unwrap().naive_utc();
        let values = Values {
            id: 1,
            small: i16::MIN,
            big: i64::MAX,
            single: 1.5,
            double: -0.1,
            text: "naïve ☃ '\"\\".into(),
            bytes: (0..=255).collect(),
            truth: true,
            date: timestamp.date(),
            time: timestamp.time(),
            timestamp,
            absent: None,
        };
        insert_into(values_of_types::table).values(&values).execute(connection).unwrap();
        assert_eq!(values_of_types::table.first(connection), Ok(values.clone()));
        let again = Values { id: 2, absent: Some(i32::MIN), text: String::new(), bytes: Vec::new(), ..values };
        insert_into(values_of_types::table).values(&again).execute(connection).unwrap();
        assert_eq!(values_of_types::table.find(2).select(Values::as_select()).first(connection), Ok(again));
    });
}

#[test]
fn a_large_value_comes_back_whole() {
    run(|| {
        let connection = &mut connection();
        let text = "lorem ipsum ".repeat(100_000);
        update(posts::table.find(1)).set(posts::body.eq(&text)).execute(connection).unwrap();
        let body = posts::table.find(1).select(posts::body).first::<Option<String>>(connection);
        assert!(body.unwrap().unwrap() == text);
    });
}

#[test]
fn rows_are_iterated() {
    run(|| {
        let connection = &mut connection();
        let new: Vec<String> = (0..1000).map(|n| format!("{n:04}")).collect();
        connection
            .transaction(|connection| {
                let insert = |name| insert_into(users::table).values(users::name.eq(name)).execute(connection);
                new.iter().map(insert).collect::<QueryResult<Vec<_>>>()
            })
            .unwrap();
        let query = users::table.filter(users::id.gt(2)).order(users::name).select(users::name);
        let names = query.load_iter::<String, DefaultLoadingMode>(connection).unwrap();
        let names: Result<Vec<String>, _> = names.collect();
        assert!(names.unwrap() == new);
        // One that is left early leaves the connection ready.
        assert_eq!(query.load_iter::<String, DefaultLoadingMode>(connection).unwrap().take(2).count(), 2);
        assert_eq!(users::table.count().get_result(connection), Ok(1002_i64));
    });
}

#[test]
fn a_transaction_is_committed() {
    run(|| {
        let connection = &mut connection();
        let id = connection.transaction(|connection| {
            insert_into(users::table).values(users::name.eq("Jim")).execute(connection)?;
            users::table.filter(users::name.eq("Jim")).select(users::id).first::<i32>(connection)
        });
        assert_eq!(id, Ok(3));
        assert_eq!(users::table.count().get_result(connection), Ok(3_i64));
    });
}

#[test]
fn a_transaction_that_fails_is_rolled_back() {
    run(|| {
        let connection = &mut connection();
        let failed = connection.transaction(|connection| {
            delete(users::table).execute(connection)?;
            Err::<(), _>(Error::RollbackTransaction)
        });
        assert_eq!(failed, Err(Error::RollbackTransaction));
        assert_eq!(users::table.count().get_result(connection), Ok(2_i64));
    });
}

#[test]
fn transactions_nest() {
    run(|| {
        let connection = &mut connection();
        let name = |connection: &mut _, name: &str| {
            insert_into(users::table).values(users::name.eq(name.to_string())).execute(connection).map(drop)
        };
        connection
            .transaction(|connection| {
                name(connection, "outer")?;
                let inner = connection.transaction(|connection| {
                    name(connection, "inner")?;
                    // The third is kept by the second, which isn't.
                    connection.transaction(|connection| name(connection, "third"))?;
                    Err::<(), _>(Error::RollbackTransaction)
                });
                assert_eq!(inner, Err(Error::RollbackTransaction));
                connection.transaction(|connection| name(connection, "other"))
            })
            .unwrap();
        let names = users::table.filter(users::id.gt(2)).order(users::id).select(users::name).load(connection);
        assert_eq!(names, Ok(vec!["outer".to_string(), "other".to_string()]));
    });
}

#[test]
fn an_error_within_a_transaction_can_be_survived_by_a_nested_one() {
    run(|| {
        let connection = &mut connection();
        let outcome = connection.transaction(|connection| {
            insert_into(users::table).values(users::name.eq("Jim")).execute(connection)?;
            let twice = connection.transaction(|connection| {
                insert_into(users::table).values(users::name.eq("Jim")).execute(connection)
            });
            assert!(matches!(twice, Err(Error::DatabaseError(DatabaseErrorKind::UniqueViolation, _))), "{twice:?}");
            users::table.count().get_result::<i64>(connection)
        });
        assert_eq!(outcome, Ok(3));
        assert_eq!(users::table.count().get_result(connection), Ok(3_i64));
    });
}

#[test]
fn a_test_transaction_leaves_nothing() {
    run(|| {
        let connection = &mut connection();
        connection.test_transaction(|connection| delete(users::table).execute(connection));
        assert_eq!(users::table.count().get_result(connection), Ok(2_i64));
        connection.begin_test_transaction().unwrap();
        // Also within it.
        connection.transaction(|connection| delete(users::table).execute(connection)).unwrap();
        assert_eq!(users::table.count().get_result(connection), Ok(0_i64));
    });
}

#[test]
fn errors_say_which_constraint_was_violated() {
    run(|| {
        let connection = &mut connection();
        let kind = |result: QueryResult<usize>| match result {
            Err(Error::DatabaseError(kind, information)) => {
                assert!(!information.message().is_empty());
                kind
            }
            other => panic!("{other:?}"),
        };
        let twice = insert_into(users::table).values(users::name.eq("Sean")).execute(connection);
        assert!(matches!(kind(twice), DatabaseErrorKind::UniqueViolation));
        let orphan = insert_into(comments::table).values((comments::post_id.eq(77), comments::text.eq("")));
        assert!(matches!(kind(orphan.execute(connection)), DatabaseErrorKind::ForeignKeyViolation));
        let untitled = update(posts::table.find(1)).set(posts::title.eq("")).execute(connection);
        assert!(matches!(kind(untitled), DatabaseErrorKind::CheckViolation));
        let nameless = sql_query("UPDATE users SET name = NULL").execute(connection);
        assert!(matches!(kind(nameless), DatabaseErrorKind::NotNullViolation));
        kind(sql_query("SELECT nonsense FROM nowhere").execute(connection));
        // None of this has done any harm.
        assert_eq!(users::table.count().get_result(connection), Ok(2_i64));
    });
}

#[test]
fn a_batch_is_executed_until_something_fails() {
    run(|| {
        let connection = &mut connection();
        let failed = connection.batch_execute("DELETE FROM comments; SELECT nonsense; DELETE FROM users");
        assert!(failed.is_err());
        assert_eq!(users::table.count().get_result(connection), Ok(2_i64));
        connection.batch_execute("DELETE FROM comments; DELETE FROM users").unwrap();
        assert_eq!(users::table.count().get_result(connection), Ok(0_i64));
    });
}

#[test]
fn queries_work_without_a_cache_of_statements() {
    run(|| {
        let connection = &mut connection();
        connection.set_prepared_statement_cache_size(CacheSize::Disabled);
        for id in 1..=2 {
            assert_eq!(users::table.find(id).select(users::id).first(connection), Ok(id));
        }
        connection.set_prepared_statement_cache_size(CacheSize::Unbounded);
        assert_eq!(users::table.count().get_result(connection), Ok(2_i64));
    });
}

#[test]
fn events_tell_what_happens() {
    run(|| {
        let connection = &mut connection();
        let events = Arc::new(Mutex::new(Vec::new()));
        let log = events.clone();
        connection.set_instrumentation(move |event: InstrumentationEvent<'_>| {
            log.lock().unwrap().push(match event {
                InstrumentationEvent::StartQuery { query, .. } => {
                    format!("start {}", query.to_string().split_whitespace().next().unwrap())
                }
                InstrumentationEvent::CacheQuery { sql, .. } => {
                    format!("cache {}", sql.split_whitespace().next().unwrap())
                }
                InstrumentationEvent::FinishQuery { error, .. } => format!("finish {}", error.is_none()),
                InstrumentationEvent::BeginTransaction { depth, .. } => format!("begin {depth}"),
                InstrumentationEvent::CommitTransaction { depth, .. } => format!("commit {depth}"),
                InstrumentationEvent::RollbackTransaction { depth, .. } => format!("rollback {depth}"),
                event => format!("{event:?}"),
            });
        });
        let told = || std::mem::take(&mut *events.lock().unwrap());
        for cached in [false, true] {
            users::table.count().get_result::<i64>(connection).unwrap();
            let expected = ["start SELECT", "cache SELECT", "finish true"];
            let expected: Vec<_> = expected.iter().filter(|event| !cached || !event.starts_with("cache")).collect();
            assert_eq!(told().iter().collect::<Vec<_>>(), expected);
        }
        connection.transaction(|_| Ok::<_, Error>(())).unwrap();
        assert_eq!(told(), ["begin 1", "start BEGIN", "finish true", "commit 1", "start COMMIT", "finish true"]);
        connection.batch_execute("nonsense").unwrap_err();
        assert_eq!(told(), ["start nonsense", "finish false"]);
    });
}

#[test]
fn migrations_are_run_and_reverted() {
    run(|| {
        let connection = &mut connection();
        connection.batch_execute("DROP TABLE IF EXISTS migrated; DROP TABLE IF EXISTS __diesel_schema_migrations").unwrap();
        assert!(connection.has_pending_migration(MIGRATIONS).unwrap());
        assert_eq!(connection.run_pending_migrations(MIGRATIONS).unwrap().len(), 2);
        assert!(!connection.has_pending_migration(MIGRATIONS).unwrap());
        assert_eq!(connection.run_pending_migrations(MIGRATIONS).unwrap().len(), 0);
        connection.batch_execute("INSERT INTO migrated (id, name, hair_color) VALUES (1, 'Sean', 'brown')").unwrap();
        connection.revert_last_migration(MIGRATIONS).unwrap();
        connection.batch_execute("INSERT INTO migrated (id, name, hair_color) VALUES (2, 'Sean', 'x')").unwrap_err();
        assert_eq!(connection.pending_migrations(MIGRATIONS).unwrap().len(), 1);
        connection.revert_all_migrations(MIGRATIONS).unwrap();
        assert_eq!(connection.applied_migrations().unwrap().len(), 0);
    });
}
