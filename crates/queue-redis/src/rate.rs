//! The counter of one organization: a number that expires with its window.

use std::time::Duration;

use redis::aio::ConnectionLike;
use redis::{Cmd, RedisResult};
use windlass_application::ports::limits::Rate;

/// Counts one request, and starts the window with the first. One without an end, which somebody else
/// has made, gets one. Answers the count and the milliseconds that are left.
const COUNT: &str = "
local count = redis.call('INCR', KEYS[1])
local left = redis.call('PTTL', KEYS[1])
if left < 0 then
  left = tonumber(ARGV[1])
  redis.call('PEXPIRE', KEYS[1], left)
end
return {count, left}
";

/// Counts one request under this key.
///
/// # Errors
/// Redis cannot be asked, or does not let us.
pub(crate) async fn count(
    connection: &mut impl ConnectionLike,
    key: &str,
    limit: u32,
    window: Duration,
) -> RedisResult<Rate> {
    let mut command = Cmd::new();
    let window = u64::try_from(window.as_millis()).unwrap_or(u64::MAX).max(1);
    command.arg("EVAL").arg(COUNT).arg(1).arg(key).arg(window);
    let (count, left): (u64, u64) = command.query_async(connection).await?;
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    Ok(Rate {
        limit,
        remaining: limit.saturating_sub(count),
        resets_in: Duration::from_millis(left),
        exceeded: count > limit,
    })
}
