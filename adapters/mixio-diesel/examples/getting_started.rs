//! A blog, as in Diesel's guide: plain functions, which write, publish, show and delete posts.
//!
//! `MIXIO=blocking` runs the same, on the thread itself.
#![allow(missing_docs, reason = "what Diesel makes of a table")]

use std::error::Error;

use diesel::prelude::*;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};
use mixio_diesel::SqliteConnection; // was diesel::SqliteConnection

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("examples/migrations");

diesel::table! {
    posts (id) {
        id -> Integer,
        title -> Text,
        body -> Text,
        published -> Bool,
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = posts)]
struct Post {
    id: i32,
    title: String,
    body: String,
}

#[derive(Insertable)]
#[diesel(table_name = posts)]
struct NewPost<'a> {
    title: &'a str,
    body: &'a str,
}

fn write_post(connection: &mut SqliteConnection, title: &str, body: &str) -> QueryResult<Post> {
    let post = NewPost { title, body };
    diesel::insert_into(posts::table).values(&post).returning(Post::as_returning()).get_result(connection)
}

fn publish_post(connection: &mut SqliteConnection, id: i32) -> QueryResult<()> {
    diesel::update(posts::table.find(id)).set(posts::published.eq(true)).execute(connection)?;
    Ok(())
}

fn show_posts(connection: &mut SqliteConnection) -> QueryResult<usize> {
    let shown = posts::table.filter(posts::published).limit(5).select(Post::as_select()).load(connection)?;
    println!("{} published", shown.len());
    for post in &shown {
        println!("    {}: {}", post.title, post.body);
    }
    Ok(shown.len())
}

fn delete_posts(connection: &mut SqliteConnection, pattern: &str) -> QueryResult<usize> {
    diesel::delete(posts::table.filter(posts::title.like(pattern))).execute(connection)
}

fn blog(path: &str) -> Result<(), Box<dyn Error>> {
    let mut connection = SqliteConnection::establish(path)?;
    connection.run_pending_migrations(MIGRATIONS).map_err(|error| error.to_string())?;

    let post = write_post(&mut connection, "Diesel", "It waits, and nobody is blocked.")?;
    assert_eq!(show_posts(&mut connection)?, 0);
    publish_post(&mut connection, post.id)?;
    assert_eq!(show_posts(&mut connection)?, 1);

    let changed_mind = connection.transaction(|connection| {
        write_post(connection, "Diesel again", "..")?;
        delete_posts(connection, "%Diesel%")?;
        Err::<(), _>(diesel::result::Error::RollbackTransaction)
    });
    assert_eq!(changed_mind, Err(diesel::result::Error::RollbackTransaction));
    assert_eq!(show_posts(&mut connection)?, 1);

    assert_eq!(delete_posts(&mut connection, "%Diesel%")?, 1);
    assert_eq!(show_posts(&mut connection)?, 0);
    Ok(())
}

fn main() {
    let folder = tempfile::tempdir().expect("there is room for a file");
    let path = folder.path().join("blog.sqlite").display().to_string();
    mixio_tokio::run(move || blog(&path).expect("the blog works")); // the only line that knows
}
