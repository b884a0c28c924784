//! What a new connection says first.

use redis::{ConnectionLike, ErrorKind, RedisConnectionInfo, RedisError, RedisResult, Value, cmd, pipe};

use crate::Connection;

/// Says who it is and which database it wants, all at once.
pub(crate) fn set_up(connection: &mut Connection, info: &RedisConnectionInfo) -> RedisResult<()> {
    let mut commands = pipe();
    let mut checks: Vec<fn(RedisError) -> RedisError> = Vec::new();
    if info.protocol().supports_resp3() {
        let mut hello = cmd("HELLO");
        hello.arg(3);
        if let Some(password) = info.password() {
            hello.arg("AUTH").arg(info.username().unwrap_or("default")).arg(password);
        }
        commands.add_command(hello);
        checks.push(std::convert::identity);
    } else if let Some(password) = info.password() {
        commands.add_command(cmd("AUTH").arg(info.username()).arg(password).clone());
        checks.push(refused_password);
    }
    if info.db() != 0 {
        commands.cmd("SELECT").arg(info.db());
        checks.push(std::convert::identity);
    }
    if !info.skip_set_lib_name() {
        // Unchecked: not every server knows this.
        let (name, version) = (env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION"));
        commands.cmd("CLIENT").arg("SETINFO").arg("LIB-NAME").arg(info.lib_name().unwrap_or(name));
        commands.cmd("CLIENT").arg("SETINFO").arg("LIB-VER").arg(info.lib_ver().unwrap_or(version));
    }
    if commands.is_empty() {
        return Ok(());
    }
    let replies = connection.req_packed_commands(&commands.get_packed_pipeline(), 0, commands.len())?;
    for (reply, check) in replies.into_iter().zip(checks) {
        if let Value::ServerError(error) = reply {
            return Err(check(error.into()));
        }
    }
    Ok(())
}

/// As the redis crate has it.
fn refused_password(error: RedisError) -> RedisError {
    let why = error.detail().unwrap_or_default().to_owned();
    (ErrorKind::AuthenticationFailed, "Password authentication failed", why).into()
}
