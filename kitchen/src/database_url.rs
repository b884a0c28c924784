//! Where the database is: a URL or a path, in one of two forms once it is [parsed](parse).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use crate::request::percent_decode;

/// Brings what was given to a form that has one meaning everywhere: a URL of PostgreSQL's; a `file:` URL, which SQLite reads with its
/// parameters, such as `?mode=ro`; or a path, of which each character is meant.
///
/// # Errors
///
/// With what is wrong, if that is neither PostgreSQL nor an SQLite file.
pub fn parse(text: &str) -> Result<String, String> {
    let url = match scheme(text) {
        Some(("postgres" | "postgresql", rest)) if rest.starts_with("//") => return Ok(text.into()),
        Some(("sqlite", rest)) => file_url(rest),
        Some(("file", _)) | None => text.into(),
        Some(_) => return Err("PostgreSQL or SQLite files can be used".into()),
    };
    let (path, parameters) = inside(&url).ok_or("the file is to be on this machine: file:///path")?;
    if path.is_empty() {
        Err("a file name is needed".into())
    } else if path == b":memory:" || parameters.split('&').any(is_memory) {
        // Each connection would have a database of its own, or all of them be gone with the program.
        Err("orders are to be kept in a file".into())
    } else {
        Ok(url)
    }
}

/// The file, if it is one of SQLite's. It need not be there.
pub fn file(url: &str) -> Option<PathBuf> {
    if matches!(scheme(url), Some(("postgres" | "postgresql", _))) {
        return None;
    }
    inside(url).map(|(path, _)| OsString::from_vec(path).into())
}

/// What is before the first colon, and what after it, if that makes it a URL.
fn scheme(text: &str) -> Option<(&str, &str)> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    text.split_once(':').filter(|(scheme, _)| {
        scheme.len() > 1 && scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(allowed)
    })
}

/// SQLite's URL for what is after `sqlite:`. As in Diesel the path follows two slashes, or none: there is no host between them.
fn file_url(rest: &str) -> String {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    // Two more would begin a host.
    match path.strip_prefix("//") {
        None => format!("file:{path}"),
        Some(path) => format!("file:/{}", path.trim_start_matches('/')),
    }
}

/// The path that SQLite takes from it, and the parameters. Nothing if it names another machine.
fn inside(url: &str) -> Option<(Vec<u8>, &str)> {
    let Some(rest) = url.strip_prefix("file:") else { return Some((url.into(), "")) };
    let rest = rest.split('#').next().unwrap_or_default();
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let path = match path.strip_prefix("//") {
        None => path,
        Some(path) => {
            let (host, path) = path.split_at(path.find('/').unwrap_or(path.len()));
            Some(path).filter(|_| matches!(host, "" | "localhost"))?
        }
    };
    Some((decode(path), parameters))
}

/// Whether this parameter has SQLite keep all in memory.
fn is_memory(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    matches!((&*decode(name), &*decode(value)), (b"mode", b"memory") | (b"vfs", b"memdb"))
}

/// As SQLite does it: whatever follows a `%00` doesn't count.
fn decode(text: &str) -> Vec<u8> {
    let mut decoded = percent_decode(text.as_bytes());
    let end = decoded.iter().position(|&byte| byte == 0).unwrap_or(decoded.len());
    decoded.truncate(end);
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As parsed, and which file that is.
    fn parsed(text: &str) -> (String, Option<String>) {
        let url = parse(text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let file = file(&url).map(|path| path.to_str().unwrap().to_owned());
        (url, file)
    }

    #[test]
    fn files() {
        for (text, url, path) in [
            ("a/b.sqlite3", "a/b.sqlite3", "a/b.sqlite3"),
            ("a%20b?mode=ro#c", "a%20b?mode=ro#c", "a%20b?mode=ro#c"),
            ("./a:b", "./a:b", "./a:b"),
            ("a/b://c", "a/b://c", "a/b://c"),
            ("file:a/b", "file:a/b", "a/b"),
            ("file:/a/b", "file:/a/b", "/a/b"),
            ("file:///a/b", "file:///a/b", "/a/b"),
            ("file://localhost/a/b", "file://localhost/a/b", "/a/b"),
            ("file:a%20b%3f?mode=ro&x#c", "file:a%20b%3f?mode=ro&x#c", "a b?"),
            ("file:a%00b", "file:a%00b", "a"),
            ("file:100%", "file:100%", "100%"),
            ("sqlite:a/b", "file:a/b", "a/b"),
            ("sqlite:/a/b?mode=rw", "file:/a/b?mode=rw", "/a/b"),
            ("sqlite://a/b", "file:a/b", "a/b"),
            ("sqlite:///a%20b", "file:/a%20b", "/a b"),
            ("sqlite:////a/b", "file:/a/b", "/a/b"),
        ] {
            assert_eq!(parsed(text), (url.into(), Some(path.into())), "{text:?}");
            assert_eq!(parsed(url).0, url, "{text:?}");
        }
    }

    #[test]
    fn servers() {
        for url in ["postgres://localhost/kitchen", "postgresql://ann:a%20b@localhost/kitchen?x=file:y"] {
            assert_eq!(parsed(url), (url.into(), None));
        }
    }

    #[test]
    fn what_keeps_no_orders() {
        for (reason, texts) in [
            ("name is needed", &["", "sqlite:", "sqlite://", "file:", "file:?mode=rwc", "file:%00a", "file://"][..]),
            ("kept in a file", &[":memory:", "sqlite::memory:", "sqlite://:memory:", "file::memory:?cache=shared"]),
            ("kept in a file", &["file:%3Amemory:", "file:a?mode=memory", "sqlite:a?cache=shared&mode=memory"]),
            ("kept in a file", &["file:a?%6dode=memor%79", "file:/a?vfs=memdb"]),
            ("PostgreSQL or SQLite", &["mysql://localhost/kitchen", "mysql:kitchen", "postgres:kitchen", "FILE:a"]),
            ("this machine", &["file://elsewhere/a"]),
        ] {
            for text in texts {
                let error = parse(text).expect_err(text);
                assert!(error.contains(reason), "{text:?}: {error}");
            }
        }
    }
}
