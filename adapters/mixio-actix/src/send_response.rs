//! A response that can go from thread to thread.

use actix_web::body::{BodySize, BoxBody, MessageBody as _};
use actix_web::http::header::HeaderMap;
use actix_web::http::{ConnectionType, StatusCode};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, Responder};

/// A response that is `Send`, as [`by_setting()`](crate::by_setting) needs it: an [`HttpResponse`] whose body is there
/// already.
///
/// It keeps status, reason, headers, body, and whether the connection is to be closed. It doesn't keep
/// [`extensions`](HttpResponse::extensions), nor the [`error`](HttpResponse::error) that the response was made of.
///
/// # Example
///
/// ```
/// use actix_web::HttpResponse;
/// use mixio_actix::SendResponse;
///
/// fn order() -> SendResponse {
///     SendResponse::new(HttpResponse::Created().insert_header(("location", "/orders/5")).body("served"))
/// }
/// # fn is_send<T: Send>(_: T) {}
/// # is_send(order());
/// ```
#[derive(Clone, Debug)]
pub struct SendResponse {
    status: StatusCode,
    reason: Option<&'static str>,
    headers: HeaderMap,
    closes: bool,
    /// None is another thing than empty: there is no `content-length` then.
    body: Option<Bytes>,
}

impl SendResponse {
    /// Takes a response apart.
    ///
    /// # Panics
    ///
    /// If its body is a stream: that can't leave its thread.
    #[track_caller]
    pub fn new(response: HttpResponse) -> Self {
        let (mut head, body) = response.into_parts();
        let is_none = body.size() == BodySize::None;
        let Ok(body) = body.try_into_bytes() else {
            panic!("a response whose body is a stream can't leave its thread")
        };
        SendResponse {
            status: head.status(),
            reason: head.head().reason,
            closes: head.head().connection_type() == ConnectionType::Close,
            headers: std::mem::replace(head.headers_mut(), HeaderMap::new()),
            body: (!is_none).then_some(body),
        }
    }
}

impl From<SendResponse> for HttpResponse {
    fn from(sent: SendResponse) -> Self {
        let mut response = HttpResponse::new(sent.status);
        let head = response.head_mut();
        head.reason = sent.reason;
        head.headers = sent.headers;
        if sent.closes {
            head.set_connection_type(ConnectionType::Close);
        }
        match sent.body {
            Some(body) => response.set_body(BoxBody::new(body)),
            None => response,
        }
    }
}

impl Responder for SendResponse {
    type Body = BoxBody;

    fn respond_to(self, _: &HttpRequest) -> HttpResponse {
        self.into()
    }
}
