//! A blog, as Diesel's own tests have one.

use diesel::prelude::*;

diesel::table! {
    users (id) { id -> Integer, name -> Text, hair_color -> Nullable<Text>, }
}
diesel::table! {
    posts (id) { id -> Integer, user_id -> Integer, title -> Text, body -> Nullable<Text>, published -> Bool, }
}
diesel::table! {
    comments (id) { id -> Integer, post_id -> Integer, text -> Text, }
}
diesel::table! {
    values_of_types (id) {
        id -> Integer,
        small -> SmallInt,
        big -> BigInt,
        single -> Float,
        double -> Double,
        text -> Text,
        bytes -> Binary,
        truth -> Bool,
        date -> Date,
        time -> Time,
        timestamp -> Timestamp,
        absent -> Nullable<Integer>,
    }
}
diesel::joinable!(posts -> users (user_id));
diesel::joinable!(comments -> posts (post_id));
diesel::allow_tables_to_appear_in_same_query!(users, posts, comments);

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Insertable, AsChangeset)]
#[diesel(table_name = users)]
pub struct User {
    pub id: i32,
    pub name: String,
    pub hair_color: Option<String>,
}

impl User {
    pub fn new(id: i32, name: &str) -> Self {
        User { id, name: name.into(), hair_color: None }
    }
}

#[derive(Debug, Insertable)]
#[diesel(table_name = users)]
pub struct NewUser<'a> {
    pub name: &'a str,
    pub hair_color: Option<&'a str>,
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Associations)]
#[diesel(belongs_to(User))]
#[diesel(table_name = posts)]
pub struct Post {
    pub id: i32,
    pub user_id: i32,
    pub title: String,
    pub body: Option<String>,
    pub published: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Identifiable, Associations)]
#[diesel(belongs_to(Post))]
#[diesel(table_name = comments)]
pub struct Comment {
    pub id: i32,
    pub post_id: i32,
    pub text: String,
}

#[derive(Debug, PartialEq, QueryableByName)]
pub struct Named {
    #[diesel(sql_type = diesel::sql_types::Text)]
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Queryable, Selectable, Insertable)]
#[diesel(table_name = values_of_types)]
pub struct Values {
    pub id: i32,
    pub small: i16,
    pub big: i64,
    pub single: f32,
    pub double: f64,
    pub text: String,
    pub bytes: Vec<u8>,
    pub truth: bool,
    pub date: chrono::NaiveDate,
    pub time: chrono::NaiveTime,
    pub timestamp: chrono::NaiveDateTime,
    pub absent: Option<i32>,
}

/// Two users; Sean has two posts, the first with two comments; Tess has one post.
pub const ROWS: &str = "
    INSERT INTO users (name, hair_color) VALUES ('Sean', NULL), ('Tess', 'brown');
    INSERT INTO posts (user_id, title, body, published) VALUES
        (1, 'Hello', 'Content', TRUE), (2, 'World', NULL, FALSE), (1, 'Again', NULL, TRUE);
    INSERT INTO comments (post_id, text) VALUES (1, 'great'), (1, 'yay'), (3, 'so what');";

pub const POSTGRES: &str = "
    CREATE TABLE users (id SERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE, hair_color TEXT);
    CREATE TABLE posts (id SERIAL PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
        title TEXT NOT NULL CHECK (title <> ''), body TEXT, published BOOLEAN NOT NULL DEFAULT FALSE);
    CREATE TABLE comments (id SERIAL PRIMARY KEY, post_id INTEGER NOT NULL REFERENCES posts ON DELETE CASCADE,
        text TEXT NOT NULL);
    CREATE TABLE values_of_types (id INTEGER PRIMARY KEY, small SMALLINT NOT NULL, big BIGINT NOT NULL,
        single REAL NOT NULL, double DOUBLE PRECISION NOT NULL, text TEXT NOT NULL, bytes BYTEA NOT NULL,
        truth BOOLEAN NOT NULL, date DATE NOT NULL, time TIME NOT NULL, timestamp TIMESTAMP NOT NULL, absent INTEGER);";

pub const SQLITE: &str = "
    PRAGMA foreign_keys = ON;
    CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, hair_color TEXT);
    CREATE TABLE posts (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users ON DELETE CASCADE,
        title TEXT NOT NULL CHECK (title <> ''), body TEXT, published BOOLEAN NOT NULL DEFAULT FALSE);
    CREATE TABLE comments (id INTEGER PRIMARY KEY, post_id INTEGER NOT NULL REFERENCES posts ON DELETE CASCADE,
        text TEXT NOT NULL);
    CREATE TABLE values_of_types (id INTEGER PRIMARY KEY, small SMALLINT NOT NULL, big BIGINT NOT NULL,
        single REAL NOT NULL, double DOUBLE NOT NULL, text TEXT NOT NULL, bytes BLOB NOT NULL,
        truth BOOLEAN NOT NULL, date DATE NOT NULL, time TIME NOT NULL, timestamp TIMESTAMP NOT NULL, absent INTEGER);";
