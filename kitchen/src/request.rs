//! What a view gets: a request, read to its end, and what the application has.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::{Method, header};
use actix_web::{FromRequest, HttpRequest, web};
use mixio_actix::Views;
use tokio::time::timeout;
use tracing::Span;
use ureq::http::Uri;

use crate::consumers::Consumers;
use crate::database::Database;
use crate::error::Error;
use crate::http::Http;
use crate::logs::request_span;
use crate::settings::Settings;
use crate::underway::Underway;

/// No body is longer, in bytes.
const MAX_BODY: usize = 64 << 10;

/// How long a body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(10);

/// No name is longer, in characters.
const MAX_USER: usize = 64;

/// What the views of one worker share.
pub struct App {
    /// What was set when the program was started.
    pub settings: Arc<Settings>,
    /// Where the orders are cooked.
    pub kitchen_service: Uri,
    /// Where the orders are kept.
    pub database: Database,
    /// For calling the kitchen.
    pub http: Http,
    /// Who is connected; all workers share this.
    pub consumers: Arc<Consumers>,
    /// Which views are running; all workers share this too.
    pub views: Views,
    /// Which orders somebody takes care of; all workers share this too.
    pub underway: Arc<Underway>,
}

/// A request. It holds on to nothing of the connection that it came from.
pub struct Request {
    app: web::Data<App>,
    user: String,
    params: Vec<(String, String)>,
    span: Span,
}

impl Request {
    async fn read(http: HttpRequest, payload: web::Payload) -> Result<Self, Error> {
        let http = &http;
        let app = http.app_data::<web::Data<App>>().expect("the server has set it").clone();
        let mut params = parse(http.query_string().as_bytes())?;
        if http.method() == Method::POST {
            params.extend(parse(&read_form(http, payload).await?)?);
        }
        let user = user(http, &params)?;
        let span = request_span(http, &user);
        Ok(Request { app, user, params, span })
    }

    /// What the views share.
    pub fn app(&self) -> &App {
        &self.app
    }

    /// Who sends it.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// What its view logs is logged in this.
    pub fn span(&self) -> &Span {
        &self.span
    }

    /// A parameter, from the form or from the query. If there are many of that name, the last one counts.
    pub fn param(&self, name: &str) -> Option<&str> {
        find(&self.params, name)
    }
}

/// Reads it, to its end. That is an error if it is too long or too slow, or there is something wrong with it.
impl FromRequest for Request {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(http: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let payload = web::Payload::from_request(http, payload).into_inner().expect("a payload can always be had");
        Box::pin(Self::read(http.clone(), payload))
    }
}

/// Who sends a request that has nothing but a head.
///
/// # Errors
///
/// If that is no name.
pub fn user_of(http: &HttpRequest) -> Result<String, Error> {
    user(http, &parse(http.query_string().as_bytes())?)
}

fn user(http: &HttpRequest, params: &[(String, String)]) -> Result<String, Error> {
    let user = match find(params, "user").filter(|name| !name.trim().is_empty()) {
        Some(given) => given.into(),
        None => user_cookie(http)?,
    };
    let user = user.trim();
    if user.chars().count() > MAX_USER || user.chars().any(char::is_control) {
        return Err(Error::BadRequest("`user` is to be a short name"));
    }
    Ok(if user.is_empty() { "anonymous" } else { user }.into())
}

/// The cookie `user`, or nothing. Other cookies may be as odd as they like: other programs may have set them.
fn user_cookie(http: &HttpRequest) -> Result<String, Error> {
    let headers = http.headers().get_all(header::COOKIE);
    let mut cookies = headers.flat_map(|value| value.as_bytes().split(|&byte| byte == b';'));
    let cookie = cookies.find_map(|cookie| cookie.trim_ascii().strip_prefix(b"user=")).unwrap_or_default();
    String::from_utf8(percent_decode(cookie)).map_err(|_| Error::BadRequest("the cookie `user` is to be UTF-8"))
}

/// Reads a body that nobody wants. Without this the connection could not go on with the next request.
pub async fn skip_body(payload: web::Payload) {
    let _ = timeout(PATIENCE, payload.to_bytes_limited(MAX_BODY)).await;
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

fn parse(text: &[u8]) -> Result<Vec<(String, String)>, Error> {
    let params: Vec<(String, String)> =
        serde_urlencoded::from_bytes(text).map_err(|_| Error::BadRequest("the parameters cannot be read"))?;
    // The parser puts replacement characters for what isn't UTF-8, but they may also be meant.
    if str::from_utf8(&percent_decode(text)).is_err() {
        return Err(Error::BadRequest("the parameters are to be UTF-8"));
    }
    Ok(params)
}

/// A `%` that no two digits follow stands for itself.
pub(crate) fn percent_decode(text: &[u8]) -> Vec<u8> {
    let digit = |at: usize| text.get(at).and_then(|&byte| char::from(byte).to_digit(16)?.try_into().ok());
    let mut decoded = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        let escaped: Option<(u8, u8)> = if byte == b'%' { digit(at + 1).zip(digit(at + 2)) } else { None };
        decoded.push(escaped.map_or(byte, |(high, low)| high << 4 | low));
        at += if escaped.is_some() { 3 } else { 1 };
    }
    decoded
}

fn find<'a>(params: &'a [(String, String)], name: &str) -> Option<&'a str> {
    params.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_signs() {
        for (text, decoded) in [
            ("", &b""[..]),
            ("a+b", b"a+b"),
            ("%41%c3%BC", b"A\xc3\xbc"),
            ("%FF", b"\xff"),
            ("100%", b"100%"),
            ("%4", b"%4"),
            ("%%34%+1%g1", b"%4%+1%g1"),
        ] {
            assert_eq!(percent_decode(text.as_bytes()), decoded, "{text:?}");
        }
    }
}
