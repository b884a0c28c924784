//! Reads a request, with the checks of the kitchen.

use std::borrow::Cow;
use std::time::Duration;

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, web};
use percent_encoding::percent_decode;
use tokio::time::timeout;

use crate::error::Error;
use crate::orders::Order;

/// No body is longer, in bytes.
const MAX_BODY: usize = 64 << 10;
/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);
/// No name is longer, in characters.
const MAX_USER: usize = 64;
/// No order is longer, in bytes.
const MAX_DETAILS: usize = 4096;

/// No token is longer, in bytes.
const MAX_TOKEN: usize = 64;

/// The order in a request.
pub(crate) async fn order(http: &HttpRequest, payload: web::Payload) -> Result<Order, Error> {
    let query = http.query_string().as_bytes();
    check(query)?;
    let body = if http.method() == Method::POST { read_form(http, payload).await? } else { web::Bytes::new() };
    check(&body)?;
    let user = user(http, [query, &body])?;
    let details = find([query, &body], "details").unwrap_or_default();
    if details.contains(|c: char| c.is_control() && !matches!(c, '\t' | '\n' | '\r')) {
        return Err(Error::BadRequest("`details` are to be plain text"));
    }
    let details = details.trim();
    if details.is_empty() {
        return Err(Error::BadRequest("an order needs `details`"));
    }
    if details.len() > MAX_DETAILS {
        return Err(Error::TooLarge { what: "`details`", limit: MAX_DETAILS });
    }
    let token = find([query, &body], "token");
    let is_fine =
        |token: &str| (1..=MAX_TOKEN).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_graphic());
    if token.as_deref().is_some_and(|token| !is_fine(token)) {
        return Err(Error::BadRequest("a `token` is to be a short word"));
    }
    let token = token.map_or_else(|| format!("{:032x}", fastrand::u128(..)), Cow::into_owned);
    Ok(Order { token, user, details: details.into() })
}

/// Who sends a request that has nothing but a head.
pub(crate) fn user_of(http: &HttpRequest) -> Result<String, Error> {
    let query = http.query_string().as_bytes();
    check(query)?;
    user(http, [query, b""])
}

/// Reads a body that nobody wants. Without this the connection could not go on with the next request.
pub(crate) async fn skip_body(payload: web::Payload) {
    let _ = timeout(PATIENCE, payload.to_bytes_limited(MAX_BODY)).await;
}

fn user(http: &HttpRequest, params: [&[u8]; 2]) -> Result<String, Error> {
    let user = match find(params, "user").filter(|name| !name.trim().is_empty()) {
        Some(given) => given.into_owned(),
        None => user_cookie(http)?,
    };
    let user = user.trim();
    if user.chars().count() > MAX_USER || user.chars().any(char::is_control) {
        return Err(Error::BadRequest("`user` is to be a short name"));
    }
    Ok(if user.is_empty() { "anonymous" } else { user }.into())
}

fn user_cookie(http: &HttpRequest) -> Result<String, Error> {
    let headers = http.headers().get_all(header::COOKIE);
    let mut cookies = headers.flat_map(|value| value.as_bytes().split(|&byte| byte == b';'));
    let cookie = cookies.find_map(|cookie| cookie.trim_ascii().strip_prefix(b"user=")).unwrap_or_default();
    let user = percent_decode(cookie).decode_utf8();
    Ok(user.map_err(|_| Error::BadRequest("the cookie `user` is to be UTF-8"))?.into_owned())
}

async fn read_form(http: &HttpRequest, payload: web::Payload) -> Result<web::Bytes, Error> {
    let content_type = http.headers().get(header::CONTENT_TYPE).map_or("", |value| value.to_str().unwrap_or("?"));
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    if !media_type.is_empty() && !media_type.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Error::BadRequest("the body is to be a form, of type application/x-www-form-urlencoded"));
    }
    match timeout(PATIENCE, payload.to_bytes_limited(MAX_BODY)).await {
        Ok(Ok(Ok(body))) => Ok(body),
        Ok(Ok(Err(_))) => Err(Error::BadRequest("the body breaks off")),
        Ok(Err(_)) => Err(Error::TooLarge { what: "a request's body", limit: MAX_BODY }),
        Err(_) => Err(Error::TooSlow),
    }
}

/// The parser puts replacement characters for what isn't UTF-8, but they may also be meant.
fn check(params: &[u8]) -> Result<(), Error> {
    match percent_decode(params).decode_utf8() {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::BadRequest("the parameters are to be UTF-8")),
    }
}

/// A parameter, from the query or the form. If there are many of that name, the last one counts.
fn find<'a>(params: [&'a [u8]; 2], name: &str) -> Option<Cow<'a, str>> {
    let pairs = params.into_iter().flat_map(form_urlencoded::parse);
    pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value)
}
