//! From the driver's errors to Diesel's.

use std::error::Error as _;

use diesel::result::{DatabaseErrorInformation, DatabaseErrorKind, Error as DieselError};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, ErrorPosition, SqlState};

// What kind an error is can't be asked: what its text begins with tells.
const UNEXPECTED: &str = "unexpected message";
const NOT_SENT: &str = "error encoding message";

pub(super) fn from_postgres(error: &Error) -> DieselError {
    match error.as_db_error() {
        Some(said) => DieselError::DatabaseError(kind(said.code()), Box::new(Said(said.clone()))),
        None if error.is_closed() => {
            DieselError::DatabaseError(DatabaseErrorKind::ClosedConnection, Box::new(describe(error)))
        }
        None => {
            let mut text = describe(error);
            if text.starts_with(UNEXPECTED) {
                text += " (`COPY` is for `copy_in` and `copy_out`, which are for nothing else)";
            }
            DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(text))
        }
    }
}

/// For a connection that can't be used, not because of what the server has said.
pub(super) fn lost(reason: String) -> DieselError {
    DieselError::DatabaseError(DatabaseErrorKind::UnableToSendCommand, Box::new(reason))
}

/// Whether the question never got to the server: there is a zero byte in a text, say.
pub(super) fn was_not_sent(error: &Error) -> bool {
    error.to_string().starts_with(NOT_SENT)
}

/// With its causes: the driver's own text is only where it happened.
pub(super) fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

fn kind(state: &SqlState) -> DatabaseErrorKind {
    match *state {
        SqlState::UNIQUE_VIOLATION => DatabaseErrorKind::UniqueViolation,
        SqlState::FOREIGN_KEY_VIOLATION => DatabaseErrorKind::ForeignKeyViolation,
        SqlState::RESTRICT_VIOLATION => DatabaseErrorKind::RestrictViolation,
        SqlState::EXCLUSION_VIOLATION => DatabaseErrorKind::ExclusionViolation,
        SqlState::T_R_SERIALIZATION_FAILURE => DatabaseErrorKind::SerializationFailure,
        SqlState::READ_ONLY_SQL_TRANSACTION => DatabaseErrorKind::ReadOnlyTransaction,
        SqlState::NOT_NULL_VIOLATION => DatabaseErrorKind::NotNullViolation,
        SqlState::CHECK_VIOLATION => DatabaseErrorKind::CheckViolation,
        SqlState::CONNECTION_EXCEPTION
        | SqlState::CONNECTION_FAILURE
        | SqlState::CONNECTION_DOES_NOT_EXIST
        | SqlState::ADMIN_SHUTDOWN
        | SqlState::CRASH_SHUTDOWN
        | SqlState::CANNOT_CONNECT_NOW
        | SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
        | SqlState::IDLE_SESSION_TIMEOUT => DatabaseErrorKind::ClosedConnection,
        _ => DatabaseErrorKind::Unknown,
    }
}

/// What the server has said.
struct Said(DbError);

impl DatabaseErrorInformation for Said {
    fn message(&self) -> &str {
        self.0.message()
    }

    fn details(&self) -> Option<&str> {
        self.0.detail()
    }

    fn hint(&self) -> Option<&str> {
        self.0.hint()
    }

    fn table_name(&self) -> Option<&str> {
        self.0.table()
    }

    fn column_name(&self) -> Option<&str> {
        self.0.column()
    }

    fn constraint_name(&self) -> Option<&str> {
        self.0.constraint()
    }

    fn statement_position(&self) -> Option<i32> {
        match self.0.position()? {
            ErrorPosition::Original(position) | ErrorPosition::Internal { position, .. } => (*position).try_into().ok(),
        }
    }
}
