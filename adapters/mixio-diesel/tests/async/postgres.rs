//! What is PostgreSQL's own.

use std::io::Write as _;
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::sql_types::{BigInt, Integer, Text};
use diesel::{sql_query, update};
use mixio_diesel::{PgConnection, RowByRow};

use crate::suite;
use crate::suite::server::shared_database;

fn connection() -> PgConnection {
    suite::postgres()
}

#[test]
fn a_thread_sleeps_many_times_at_once() {
    crate::run(|| {
        let started = std::time::Instant::now();
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                mixio_tokio::spawn_local(|| {
                    let mut connection = PgConnection::establish(shared_database()).unwrap();
                    sql_query("SELECT pg_sleep(1)").execute(&mut connection).unwrap();
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| mixio::wait(task).unwrap());
        assert!(started.elapsed() < Duration::from_secs(15), "one after the other takes 20");
    });
}

#[test]
fn an_answer_takes_no_longer_than_it_may() {
    crate::run(|| suite::limit_answers(&mut connection()));
    // Where it was opened there is a timer, and where it's used there is none.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let mut connection = {
        let _entered = runtime.enter();
        connection()
    };
    std::thread::spawn(move || suite::limit_answers(&mut connection)).join().unwrap();
}

#[test]
fn rows_are_taken_one_after_the_other() {
    crate::run(|| {
        let connection = &mut connection();
        let query = || diesel::select(diesel::dsl::sql::<BigInt>("generate_series(1, 100000)::bigint"));
        let sum: i64 = query().load_iter::<i64, RowByRow>(connection).unwrap().map(Result::unwrap).sum();
        assert_eq!(sum, 5_000_050_000);
        let first: Vec<_> =
            query().load_iter::<i64, RowByRow>(connection).unwrap().take(2).map(Result::unwrap).collect();
        assert_eq!(first, [1, 2]);
        // What is left doesn't disturb who comes next.
        assert_eq!(diesel::select(7.into_sql::<Integer>()).get_result(connection), Ok(7));
        let failing = diesel::select(diesel::dsl::sql::<Integer>("1 / (n - 3) FROM generate_series(1, 5) n"));
        let rows: Vec<_> = failing.load_iter::<i32, RowByRow>(connection).unwrap().collect();
        assert!(rows.last().unwrap().as_ref().unwrap_err().to_string().contains("division by zero"));
    });
}

#[test]
fn a_transaction_does_not_succeed_if_rows_that_nobody_asked_for_are_an_error() {
    crate::run(|| {
        let connection = &mut connection();
        connection.batch_execute("CREATE TABLE kept (id INTEGER)").unwrap();
        let mut first = None;
        let outcome = connection.transaction(|connection| {
            connection.batch_execute("INSERT INTO kept VALUES (1)")?;
            // Far enough away for the first rows to arrive before.
            let failing = diesel::dsl::sql::<Integer>("1 / (n - 100000) FROM generate_series(1, 200000) n");
            first = diesel::select(failing).load_iter::<i32, RowByRow>(connection)?.next();
            QueryResult::Ok(())
        });
        assert_eq!(first, Some(Ok(0)));
        assert!(outcome.unwrap_err().to_string().contains("division by zero"));
        let kept = diesel::dsl::sql::<BigInt>("(SELECT count(*) FROM kept)");
        assert_eq!(diesel::select(kept).get_result(connection), Ok(0_i64));
    });
}

mod sql_types {
    #[derive(diesel::sql_types::SqlType, diesel::query_builder::QueryId)]
    #[diesel(postgres_type(name = "mood"))]
    pub struct Mood;
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Mood;

    moods (id) { id -> Integer, mood -> Mood, all -> Array<Mood>, }
}

#[derive(Debug, Clone, Copy, PartialEq, diesel::expression::AsExpression, diesel::deserialize::FromSqlRow)]
#[diesel(sql_type = sql_types::Mood)]
struct Mood(bool);

impl diesel::serialize::ToSql<sql_types::Mood, diesel::pg::Pg> for Mood {
    fn to_sql(&self, out: &mut diesel::serialize::Output<'_, '_, diesel::pg::Pg>) -> diesel::serialize::Result {
        std::io::Write::write_all(out, if self.0 { b"happy" } else { b"sad" })?;
        Ok(diesel::serialize::IsNull::No)
    }
}

impl diesel::deserialize::FromSql<sql_types::Mood, diesel::pg::Pg> for Mood {
    fn from_sql(value: diesel::pg::PgValue<'_>) -> diesel::deserialize::Result<Self> {
        Ok(Mood(value.as_bytes() == b"happy"))
    }
}

#[test]
fn types_of_ones_own_are_looked_up() {
    crate::run(|| {
        let connection = &mut connection();
        connection
            .batch_execute(
                "CREATE TYPE mood AS ENUM ('happy', 'sad');
                 CREATE TABLE moods (id INTEGER PRIMARY KEY, mood mood NOT NULL, \"all\" mood[] NOT NULL)",
            )
            .unwrap();
        let (happy, sad) = (Mood(true), Mood(false));
        for (id, mood) in [(1, happy), (2, sad)] {
            let row = (moods::id.eq(id), moods::mood.eq(mood), moods::all.eq(vec![sad, happy, mood]));
            diesel::insert_into(moods::table).values(row).execute(connection).unwrap();
        }
        let found = moods::table.filter(moods::mood.eq(sad)).load::<(i32, Mood, Vec<Mood>)>(connection);
        assert_eq!(found, Ok(vec![(2, sad, vec![sad, happy, sad])]));
        connection.batch_execute("DROP TABLE moods; DROP TYPE mood").unwrap();
        // One that isn't there is an error, and no more.
        let unknown = diesel::select(happy.into_sql::<sql_types::Mood>()).get_result::<Mood>(&mut self::connection());
        assert!(unknown.is_err(), "{unknown:?}");
    });
}

diesel::table! {
    values_of_postgres (id) {
        id -> Uuid, json -> Jsonb, list -> Array<Integer>, at -> Timestamptz, texts -> Nullable<Array<Text>>,
    }
}

#[test]
fn json_uuid_numeric_and_arrays_come_back() {
    type Row = (uuid::Uuid, serde_json::Value, Vec<i32>, chrono::DateTime<chrono::Utc>, Option<Vec<String>>);
    crate::run(|| {
        use values_of_postgres::{at, id, json, list, table, texts};
        let connection = &mut connection();
        connection
            .batch_execute(
                "CREATE TABLE values_of_postgres (id UUID PRIMARY KEY, json JSONB NOT NULL, list INTEGER[] NOT NULL,
                 at TIMESTAMPTZ NOT NULL, texts TEXT[])",
            )
            .unwrap();
        let row: Row = (
            uuid::Uuid::from_u128(7),
            serde_json::json!({ "a": [1, null, "x"] }),
            vec![1, -2],
            chrono::DateTime::from_timestamp(1_600_000_000, 0).unwrap(),
            Some(vec!["a".into(), "".into()]),
        );
        let insert = (id.eq(row.0), json.eq(&row.1), list.eq(&row.2), at.eq(row.3), texts.eq(&row.4));
        diesel::insert_into(table).values(insert).execute(connection).unwrap();
        assert_eq!(table.first::<Row>(connection), Ok(row.clone()));
        let found = table.filter(id.eq_any([row.0])).select(list).load::<Vec<i32>>(connection);
        assert_eq!(found, Ok(vec![vec![1, -2]]));
    });
}

#[test]
fn transactions_have_isolation_levels() {
    #[derive(QueryableByName)]
    struct Setting {
        #[diesel(sql_type = Text)]
        value: String,
    }
    crate::run(|| {
        let connection = &mut connection();
        connection.batch_execute("CREATE TABLE marks (id INTEGER)").unwrap();
        let level = connection.build_transaction().serializable().read_only().run(|connection| {
            let setting =
                "SELECT current_setting('transaction_isolation') || current_setting('transaction_read_only') AS value";
            sql_query(setting).get_result::<Setting>(connection)
        });
        assert_eq!(level.unwrap().value, "serializableon");
        let written = connection
            .build_transaction()
            .read_only()
            .run(|connection| sql_query("INSERT INTO marks VALUES (1)").execute(connection));
        assert!(matches!(written, Err(Error::DatabaseError(DatabaseErrorKind::ReadOnlyTransaction, _))));
        assert_eq!(sql_query("INSERT INTO marks VALUES (1)").execute(connection), Ok(1));
    });
}

diesel::table! {
    accounts (id) { id -> Integer, balance -> Integer, }
}

#[test]
fn a_conflict_of_serializable_transactions_is_told_and_leaves_the_connection_usable() {
    crate::run(|| {
        let mut one = connection();
        one.batch_execute(
            "CREATE TABLE accounts (id INTEGER, balance INTEGER); INSERT INTO accounts VALUES (1, 0), (2, 0)",
        )
        .unwrap();
        let schema: String =
            diesel::select(diesel::dsl::sql::<Text>("current_schema()::text")).get_result(&mut one).unwrap();
        let mut two = PgConnection::establish(shared_database()).unwrap();
        two.batch_execute(&format!("SET search_path TO {schema}")).unwrap();
        let sum = |connection: &mut PgConnection| {
            accounts::table.select(diesel::dsl::sum(accounts::balance)).first::<Option<i64>>(connection)
        };
        let conflict = one.build_transaction().serializable().run(|one| {
            sum(one)?;
            two.build_transaction().serializable().run(|two| {
                sum(two)?;
                update(accounts::table.filter(accounts::id.eq(1))).set(accounts::balance.eq(1)).execute(two)
            })?;
            update(accounts::table.filter(accounts::id.eq(2))).set(accounts::balance.eq(1)).execute(one)
        });
        assert!(
            matches!(conflict, Err(Error::DatabaseError(DatabaseErrorKind::SerializationFailure, _))),
            "{conflict:?}"
        );
        assert_eq!(sum(&mut one), Ok(Some(1)));
    });
}

#[test]
fn a_violation_that_is_found_at_the_commit_is_told() {
    crate::run(|| {
        let connection = &mut connection();
        connection
            .batch_execute(
                "CREATE TABLE a (id INTEGER PRIMARY KEY, other INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)",
            )
            .unwrap();
        let violation =
            connection.transaction(|connection| sql_query("INSERT INTO a VALUES (1, 7)").execute(connection));
        assert!(matches!(violation, Err(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _))));
        // Also without a transaction, where it comes after the rows.
        let returned = diesel::select(diesel::dsl::sql::<Integer>("1")).get_result::<i32>(connection);
        assert_eq!(returned, Ok(1));
        let violation = sql_query("INSERT INTO a VALUES (1, 7) RETURNING id").load::<Id>(connection);
        assert!(
            matches!(violation, Err(Error::DatabaseError(DatabaseErrorKind::ForeignKeyViolation, _))),
            "{violation:?}"
        );
        assert_eq!(sql_query("SELECT id FROM a").load::<Id>(connection), Ok(vec![]));
    });
}

#[derive(Debug, PartialEq, QueryableByName)]
struct Id {
    #[diesel(sql_type = Integer)]
    #[allow(dead_code, reason = "it is compared")]
    id: i32,
}

#[test]
fn notifications_arrive() {
    crate::run(|| {
        let mut listening = connection();
        let mut other = connection();
        listening.batch_execute("LISTEN kitchen").unwrap();
        assert_eq!(listening.notifications_iter().count(), 0);
        let nothing = listening.wait_for_notification(Some(Duration::from_millis(10))).unwrap();
        assert!(nothing.is_none());
        for payload in ["one", "two"] {
            diesel::select(diesel::dsl::sql::<Text>(&format!("pg_notify('kitchen', '{payload}')::text")))
                .execute(&mut other)
                .unwrap();
        }
        let first = listening.wait_for_notification(None).unwrap().unwrap();
        assert_eq!((first.channel.as_str(), first.payload.as_str()), ("kitchen", "one"));
        let second = listening.wait_for_notification(Some(Duration::from_secs(60))).unwrap().unwrap();
        assert_eq!(second.payload, "two");
        // Its own.
        listening.batch_execute("NOTIFY kitchen, 'three'").unwrap();
        assert_eq!(listening.notifications_iter().next().unwrap().unwrap().payload, "three");
    });
}

#[test]
fn errors_of_connecting_say_why() {
    crate::run(|| {
        let error = |url: &str| match PgConnection::establish(url) {
            Ok(_) => panic!("{url}"),
            Err(error) => error.to_string(),
        };
        assert!(error("postgres://postgres@127.0.0.1:1/x").contains("refused"));
        let nowhere = error(&shared_database().replace("/test", "/nowhere"));
        assert!(nowhere.contains("does not exist"), "{nowhere}");
        let invalid = error("postgres://localhost:port/");
        assert!(invalid.contains("invalid"), "{invalid}");
        let tls = error(&format!("{}?sslmode=require", shared_database()));
        assert!(tls.to_lowercase().contains("tls"), "{tls}");
    });
}

#[test]
fn connecting_takes_no_longer_than_it_may() {
    crate::run(|| {
        // It takes connections, and says nothing.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("postgres://postgres@{}/x", listener.local_addr().unwrap());
        let Err(error) = PgConnection::establish_within(&url, Duration::from_millis(50)) else { panic!() };
        assert!(error.to_string().contains("within 50ms"), "{error}");
    });
}

#[test]
fn connecting_to_a_server_that_falls_silent_takes_no_longer_either() {
    // It takes everybody in without a password, is ready for a query, and then answers none.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://postgres@{}/x", listener.local_addr().unwrap());
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I").unwrap();
        // Until the client goes.
        let _ = std::io::copy(&mut client, &mut std::io::sink());
    });
    crate::run(move || {
        let Err(error) = PgConnection::establish_within(&url, Duration::from_secs(1)) else { panic!() };
        assert!(error.to_string().contains("in time"), "{error}");
    });
    server.join().unwrap();
}

#[test]
fn a_text_with_a_zero_byte_is_an_error_and_no_more() {
    crate::run(|| {
        let connection = &mut connection();
        assert!(connection.batch_execute("SELECT '\0'").is_err());
        assert!(diesel::select("\0".into_sql::<Text>()).get_result::<String>(connection).is_err());
        assert_eq!(diesel::select(7.into_sql::<Integer>()).get_result(connection), Ok(7));
    });
}
