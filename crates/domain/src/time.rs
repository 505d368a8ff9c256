//! Moments, in whole milliseconds of UTC. The domain reads no clock: a moment is always given.

use std::fmt;
use std::ops::{Add, Sub};
use std::time::Duration;

use ::time::OffsetDateTime;
use ::time::format_description::well_known::Rfc3339;

/// A moment in milliseconds since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// The last moment that has a four-digit year, so that every moment can be written as RFC 3339.
const MAX_MILLIS: i64 = 253_402_300_799_999;

/// A text is not an RFC 3339 moment between the years 1970 and 9999.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an RFC 3339 moment such as 2026-01-05T10:00:00.000Z")]
pub struct NotATimestamp;

impl Timestamp {
    /// The start of the Unix epoch.
    pub const EPOCH: Self = Self(0);

    /// A moment from milliseconds since the Unix epoch, kept within the years 1970 to 9999.
    pub fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, MAX_MILLIS))
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub fn seconds(self) -> i64 {
        self.0 / 1000
    }

    /// Reads an RFC 3339 moment of any offset; what is finer than a millisecond is cut off.
    ///
    /// # Errors
    /// [`NotATimestamp`] where the text is none, or lies outside the years 1970 to 9999.
    pub fn parse(text: &str) -> Result<Self, NotATimestamp> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| NotATimestamp)?;
        let millis = moment.unix_timestamp_nanos().div_euclid(1_000_000);
        match i64::try_from(millis) {
            Ok(millis @ 0..=MAX_MILLIS) => Ok(Self(millis)),
            Ok(_) | Err(_) => Err(NotATimestamp),
        }
    }

    /// How long after `earlier` this is; zero where it is before.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// The moment of the next status of a resource that was last changed at `updated_at`: now, or
    /// one millisecond after that change where the clock has not moved on, so that events of one
    /// resource have rising moments. Source: docs/lifecycle.md, "Moments".
    pub fn following(self, updated_at: Self) -> Self {
        self.max(Self::from_millis(updated_at.0 + 1))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_add(millis))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, length: Duration) -> Self {
        let millis = i64::try_from(length.as_millis()).unwrap_or(i64::MAX);
        Self::from_millis(self.0.saturating_sub(millis))
    }
}

/// RFC 3339 in UTC with exactly three digits of milliseconds.
impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let moment = OffsetDateTime::UNIX_EPOCH + ::time::Duration::milliseconds(self.0);
        write!(
            formatter,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            moment.millisecond()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_reads_back_as_it_was_written() {
        let moment = Timestamp::from_millis(1_767_607_339_967);

        assert_eq!(moment.to_string(), "2026-01-05T10:02:19.967Z");
        assert_eq!(Timestamp::parse(&moment.to_string()), Ok(moment));
    }

    #[test]
    fn other_offsets_are_the_same_moment() {
        assert_eq!(
            Timestamp::parse("2026-01-05T11:02:19.9679+01:00"),
            Timestamp::parse("2026-01-05T10:02:19.967Z")
        );
    }

    #[test]
    fn what_is_no_moment_is_refused() {
        for text in [
            "",
            "2026-01-05",
            "2026-13-05T10:00:00Z",
            "1969-12-31T23:59:59Z",
            "now",
        ] {
            assert_eq!(Timestamp::parse(text), Err(NotATimestamp), "{text}");
        }
    }

    #[test]
    fn a_following_moment_is_always_later() {
        let before = Timestamp::from_millis(1000);

        assert_eq!(
            Timestamp::from_millis(1000).following(before).millis(),
            1001
        );
        assert_eq!(
            Timestamp::from_millis(5000).following(before).millis(),
            5000
        );
    }
}
