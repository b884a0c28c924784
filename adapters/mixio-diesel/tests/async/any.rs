//! Which database a URL is.

use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use mixio_diesel::{AnyConnection, SqliteConnection};

/// To SQLite it is a URI, as it is to Diesel.
#[test]
fn a_url_is_the_same_file_for_each_connection() {
    crate::run(|| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let file = folder.path().join("a b.sqlite");
        for url in [format!("sqlite://{path}/a%20b.sqlite?mode=rwc"), format!("sqlite:{path}/a%20b.sqlite")] {
            AnyConnection::establish(&url).unwrap().batch_execute("CREATE TABLE orders (id INTEGER)").unwrap();
            let mut plain = SqliteConnection::establish(file.to_str().unwrap()).unwrap();
            plain.batch_execute("DROP TABLE orders").unwrap();
        }
        let mut connection = AnyConnection::establish(&format!("sqlite://{path}/a%20b.sqlite?mode=ro")).unwrap();
        let error = connection.batch_execute("CREATE TABLE orders (id INTEGER)").unwrap_err().to_string();
        assert!(error.contains("readonly"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    });
}
