//! How ids, moments and counts stand in columns, in whatever database: a row struct that is made of
//! these and of plain texts, flags and bytes reads in every store.

use std::time::Duration;

use uuid::Uuid;
use windlass_domain::Timestamp;
use windlass_domain::id::WorkerId;
use windlass_domain::run::Holder;

use crate::Impossible;

/// An id that the server made: the 16 bytes of a UUID, which sort as the id does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "postgres", derive(sqlx::Type), sqlx(transparent))]
pub struct Id(pub Uuid);

/// A moment: milliseconds since the Unix epoch, in a column of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct At(pub Timestamp);

/// A number that counts something, in a column of 64 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Count(pub u32);

/// A length as columns have it: in milliseconds. What is longer than 292 million years is kept as
/// that.
pub fn millis(length: Duration) -> i64 {
    i64::try_from(length.as_millis()).unwrap_or(i64::MAX)
}

/// The start of a worker that keeps a run's session and alone may take the run: the 16 bytes of the
/// worker's id and 4 of the start's number, the highest first. No bytes where any worker may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldBy(pub Option<Holder>);

/// The bytes of an id and of a number.
const HOLDER_BYTES: usize = 20;

impl HeldBy {
    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.map_or_else(Vec::new, |holder| {
            let mut bytes = holder.worker_id.uuid().as_bytes().to_vec();
            bytes.extend_from_slice(&holder.incarnation.to_be_bytes());
            bytes
        })
    }

    pub(crate) fn read(bytes: &[u8]) -> Result<Self, Impossible> {
        if bytes.is_empty() {
            return Ok(Self(None));
        }
        let bytes: [u8; HOLDER_BYTES] = bytes.try_into().map_err(|_| {
            let length = bytes.len();
            Impossible::new(format!(
                "who holds has {HOLDER_BYTES} bytes; it has {length}"
            ))
        })?;
        let [id @ .., a, b, c, d] = bytes;
        Ok(Self(Some(Holder {
            worker_id: WorkerId::from_uuid(Uuid::from_bytes(id)),
            incarnation: u32::from_be_bytes([a, b, c, d]),
        })))
    }
}

#[cfg(test)]
mod tests {
    use windlass_domain::id::Random;

    use super::*;

    #[test]
    fn who_holds_is_read_back() {
        let holder = Holder {
            worker_id: WorkerId::new(Timestamp::EPOCH, Random([7; 10])),
            incarnation: 258,
        };
        for held_by in [HeldBy(None), HeldBy(Some(holder))] {
            assert_eq!(HeldBy::read(&held_by.bytes()), Ok(held_by));
        }
        assert_eq!(HeldBy(None).bytes(), Vec::<u8>::new());
        assert!(HeldBy::read(&[1; 19]).is_err());
    }
}
