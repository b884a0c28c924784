//! Those who may use a database, and not change its tables: what is only looked at needs no more than the right to look.

use std::fs;

use super::backends::{POSTGRES, run};
use super::client::get;
use super::program::{Program, kitchen};

/// Runs `kitchen` on this database, which ends with this code and says this.
#[track_caller]
fn assert_ends(database: &str, arguments: &[&str], code: i32, says: &str) {
    let (output, text) = run(kitchen().args(["--database", database]).args(arguments));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(says), "{arguments:?}: {text}");
}

const CHECK: &[&str] = &["migrate", "--check"];
const MIGRATE: &[&str] = &["migrate"];
const SERVE: &[&str] = &["--listen", "127.0.0.1:0"];

#[test]
fn a_role_that_may_not_make_tables() {
    let owner = POSTGRES.database();
    let waiter = owner.replace("//postgres@", "//waiter@");
    POSTGRES.execute(&owner, "REVOKE CREATE ON SCHEMA public FROM PUBLIC; CREATE ROLE waiter LOGIN");
    assert_ends(&waiter, CHECK, 1, "2 migrations are missing");
    assert_ends(&waiter, SERVE, 1, "permission denied");
    assert_eq!(POSTGRES.execute(&owner, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"), "0");

    assert_ends(&owner, MIGRATE, 0, "applied 2026-11-26-000000_tokens");
    let rights =
        "GRANT SELECT, INSERT, UPDATE ON orders TO waiter; GRANT SELECT ON __diesel_schema_migrations TO waiter";
    POSTGRES.execute(&owner, rights);
    assert_ends(&waiter, CHECK, 0, "up to date");
    assert_ends(&waiter, MIGRATE, 0, "up to date");
    let (program, address) = Program::start(kitchen().args(["--database", &waiter]));
    assert_eq!(get(address, "/?details=pizza").status, 200);
    program.signal("INT");
    program.assert_ends_well();

    POSTGRES.execute(&owner, "DELETE FROM __diesel_schema_migrations WHERE version = '20261126000000'");
    assert_ends(
        &waiter,
        CHECK,
        1,
        "1 migration is missing: `kitchen migrate` applies it\nmissing 2026-11-26-000000_tokens",
    );
    assert_ends(&waiter, SERVE, 1, "permission denied");
}

/// As a standby is.
#[test]
fn a_server_that_is_only_read() {
    let database = POSTGRES.database();
    let name = database.rsplit('/').next().unwrap();
    let set =
        |how| POSTGRES.execute(&database, &format!("ALTER DATABASE {name} SET default_transaction_read_only = {how}"));
    set("on");
    assert_ends(&database, CHECK, 1, "2 migrations are missing");
    POSTGRES.execute("postgres", &format!("ALTER DATABASE {name} RESET ALL"));
    assert_ends(&database, MIGRATE, 0, "applied ");
    set("on");
    assert_ends(&database, CHECK, 0, "up to date");
}

#[test]
fn a_file_that_is_only_read() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("orders");
    fs::write(&file, "").unwrap();
    let url = |mode: &str| format!("file:{}?mode={mode}", file.to_str().unwrap());
    assert_ends(&url("ro"), CHECK, 1, "2 migrations are missing");
    assert_eq!(fs::metadata(&file).unwrap().len(), 0);
    assert_ends(&url("rw"), MIGRATE, 0, "applied ");
    assert_ends(&url("ro"), CHECK, 0, "up to date");
}
