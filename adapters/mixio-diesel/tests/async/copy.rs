//! `COPY`.

use std::io::{BufRead as _, Read as _, Write as _};

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::sql_query;
use mixio_diesel::pool::Pool;
use mixio_diesel::{PgConnection, RowByRow};

use crate::suite;

diesel::table! {
    lines (id) { id -> Integer, text -> Nullable<Text>, }
}

fn connection() -> PgConnection {
    let mut connection: PgConnection = suite::postgres();
    connection.batch_execute("CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT)").unwrap();
    connection
}

#[test]
fn a_table_is_filled_and_read() {
    crate::run(|| {
        let connection = &mut connection();
        let mut copy = connection.copy_in("COPY lines FROM STDIN").unwrap();
        // More than fits anywhere on the way.
        for id in 0..100_000 {
            writeln!(copy, "{id}\tline {id}").unwrap();
        }
        assert_eq!(copy.finish(), Ok(100_000));
        assert_eq!(lines::table.count().get_result(connection), Ok(100_000_i64));

        let copy = connection.copy_out("COPY (SELECT * FROM lines ORDER BY id) TO STDOUT").unwrap();
        let read = copy.lines().map(Result::unwrap).enumerate();
        assert_eq!(read.inspect(|(id, line)| assert_eq!(line, &format!("{id}\tline {id}"))).count(), 100_000);
        // One that is left early.
        let mut start = [0; 8];
        connection
            .copy_out("COPY (SELECT * FROM lines ORDER BY id) TO STDOUT")
            .unwrap()
            .read_exact(&mut start)
            .unwrap();
        assert_eq!(&start, b"0\tline 0");
        assert_eq!(lines::table.count().get_result(connection), Ok(100_000_i64));
    });
}

#[test]
fn nothing_is_copied_unless_it_is_finished() {
    crate::run(|| {
        let connection = &mut connection();
        let mut copy = connection.copy_in("COPY lines FROM STDIN").unwrap();
        writeln!(copy, "1\tone").unwrap();
        copy.flush().unwrap();
        drop(copy);
        assert_eq!(lines::table.count().get_result(connection), Ok(0_i64));
        // In a transaction it is as any error.
        let outcome = connection.transaction(|connection| {
            drop(connection.copy_in("COPY lines FROM STDIN")?);
            lines::table.count().get_result::<i64>(connection)
        });
        assert!(outcome.unwrap_err().to_string().contains("aborted"));
        assert_eq!(lines::table.count().get_result(connection), Ok(0_i64));
    });
}

#[test]
fn a_transaction_does_not_succeed_if_a_copy_was_given_up() {
    crate::run(|| {
        let connection = &mut connection();
        let outcome = connection.transaction(|connection| {
            connection.batch_execute("INSERT INTO lines VALUES (1)")?;
            writeln!(connection.copy_in("COPY lines FROM STDIN")?, "2\ttwo").unwrap();
            QueryResult::Ok(())
        });
        assert!(outcome.unwrap_err().to_string().contains("given up"));
        assert_eq!(lines::table.count().get_result(connection), Ok(0_i64));
    });
}

#[test]
fn a_transaction_goes_on_from_before_a_copy_that_was_given_up() {
    crate::run(|| {
        let connection = &mut connection();
        let back = [
            |connection: &mut PgConnection| connection.batch_execute("ROLLBACK TO mark"),
            |connection: &mut PgConnection| diesel::sql_query("ROLLBACK TO mark").execute(connection).map(drop),
        ];
        for (id, back) in back.into_iter().enumerate() {
            connection
                .transaction(|connection| {
                    connection.batch_execute(&format!("INSERT INTO lines VALUES ({id}); SAVEPOINT mark"))?;
                    drop(connection.copy_in("COPY lines FROM STDIN")?);
                    back(connection)
                })
                .unwrap();
        }
        assert_eq!(lines::table.count().get_result(connection), Ok(2_i64));
    });
}

#[test]
fn a_transaction_does_not_succeed_if_what_nobody_read_is_an_error() {
    crate::run(|| {
        let connection = &mut connection();
        let outcome = connection.transaction(|connection| {
            connection.batch_execute("INSERT INTO lines VALUES (1)")?;
            // Far enough away for the first lines to arrive before.
            let failing = "COPY (SELECT 1 / (n - 100000) FROM generate_series(1, 200000) n) TO STDOUT";
            let mut line = String::new();
            connection.copy_out(failing)?.read_line(&mut line).unwrap();
            assert_eq!(line, "0\n");
            Ok::<_, diesel::result::Error>(())
        });
        assert!(outcome.unwrap_err().to_string().contains("division by zero"));
        assert_eq!(lines::table.count().get_result(connection), Ok(0_i64));
    });
}

#[test]
fn errors_say_what_is_wrong() {
    crate::run(|| {
        let connection = &mut connection();
        let Err(error) = connection.copy_in("COPY lines INTO STDIN") else { panic!() };
        assert!(error.to_string().contains("syntax error"), "{error}");
        let Err(error) = connection.copy_out("COPY nowhere TO STDOUT") else { panic!() };
        assert!(error.to_string().contains("nowhere"), "{error}");
        let mut copy = connection.copy_in("COPY lines FROM STDIN").unwrap();
        writeln!(copy, "one\tis no number").unwrap();
        let error = copy.finish().unwrap_err().to_string();
        assert!(error.contains("invalid input syntax"), "{error}");
        assert_eq!(lines::table.count().get_result(connection), Ok(0_i64));
    });
}

#[test]
fn a_statement_that_is_none_of_these_ends_the_connection_and_hangs_nobody() {
    crate::run(|| {
        for (out, sql) in [
            (true, "SELECT 1"),
            (true, "COPY lines FROM STDIN"),
            (true, "SET TIME ZONE 'UTC'"),
            (false, "SELECT 1"),
            (false, "COPY nowhere FROM STDIN"),
            (false, "COPY lines TO STDOUT"),
        ] {
            let connection = &mut connection();
            let error = match out {
                true => connection.copy_out(sql).map(drop),
                false => connection.copy_in(sql).map(drop),
            };
            assert!(error.is_err(), "{sql}");
            assert!(connection.batch_execute("SELECT 1").is_err(), "{sql}");
        }
    });
}

/// By what can't: the server waits for data, or sends some, and the next user of the connection would have to do with that.
#[test]
fn a_copy_by_other_means_ends_the_connection() {
    crate::run(|| {
        let url = suite::server::database();
        let pool: Pool<PgConnection> = Pool::builder(&url).max_size(1).build().unwrap();
        let get = || pool.get().unwrap();
        get().batch_execute("CREATE TABLE lines (id INTEGER PRIMARY KEY, text TEXT)").unwrap();
        let ways: [fn(&mut PgConnection, &str) -> QueryResult<()>; 4] = [
            |connection, sql| connection.batch_execute(sql),
            |connection, sql| sql_query(sql).execute(connection).map(drop),
            |connection, sql| sql_query(sql).load::<Nothing>(connection).map(drop),
            |connection, sql| {
                sql_query(sql).load_iter::<Nothing, RowByRow>(connection)?.collect::<Result<Vec<_>, _>>().map(drop)
            },
        ];
        for way in ways {
            for sql in ["COPY lines FROM STDIN", "COPY lines TO STDOUT"] {
                let mut connection = get();
                let error = way(&mut connection, sql).unwrap_err().to_string();
                assert!(error.contains("copy_in"), "{error}");
                assert!(connection.batch_execute("SELECT 1").is_err());
                drop(connection);
                assert_eq!(lines::table.count().get_result(&mut get()), Ok(0_i64));
            }
        }
    });
}

#[derive(QueryableByName)]
#[diesel(table_name = lines)]
struct Nothing {
    #[expect(dead_code)]
    id: i32,
}
