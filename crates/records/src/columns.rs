//! How ids, moments and counts stand in columns, in whatever database: a row struct that is made of
//! these and of plain texts, flags and bytes reads in every store.

use std::time::Duration;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};
use uuid::Uuid;
use windlass_domain::Timestamp;
use windlass_domain::id::WorkerId;
use windlass_domain::run::Holder;

use crate::Impossible;

/// An id that the server made: the 16 bytes of a UUID, which sort as the id does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Type)]
#[sqlx(transparent)]
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
    fn bytes(self) -> Vec<u8> {
        self.0.map_or_else(Vec::new, |holder| {
            let mut bytes = holder.worker_id.uuid().as_bytes().to_vec();
            bytes.extend_from_slice(&holder.incarnation.to_be_bytes());
            bytes
        })
    }

    fn read(bytes: &[u8]) -> Result<Self, Impossible> {
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

impl<DB: Database> Type<DB> for At
where
    i64: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <i64 as Type<DB>>::type_info()
    }

    fn compatible(type_info: &DB::TypeInfo) -> bool {
        <i64 as Type<DB>>::compatible(type_info)
    }
}

impl<'q, DB: Database> Encode<'q, DB> for At
where
    i64: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.0.millis().encode_by_ref(buffer)
    }
}

impl<'r, DB: Database> Decode<'r, DB> for At
where
    i64: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(Timestamp::from_millis(i64::decode(value)?)))
    }
}

impl<DB: Database> Type<DB> for Count
where
    i64: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <i64 as Type<DB>>::type_info()
    }

    fn compatible(type_info: &DB::TypeInfo) -> bool {
        <i64 as Type<DB>>::compatible(type_info)
    }
}

impl<'q, DB: Database> Encode<'q, DB> for Count
where
    i64: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        i64::from(self.0).encode_by_ref(buffer)
    }
}

impl<'r, DB: Database> Decode<'r, DB> for Count
where
    i64: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self(u32::try_from(i64::decode(value)?)?))
    }
}

impl<DB: Database> Type<DB> for HeldBy
where
    Vec<u8>: Type<DB>,
{
    fn type_info() -> DB::TypeInfo {
        <Vec<u8> as Type<DB>>::type_info()
    }

    fn compatible(type_info: &DB::TypeInfo) -> bool {
        <Vec<u8> as Type<DB>>::compatible(type_info)
    }
}

impl<'q, DB: Database> Encode<'q, DB> for HeldBy
where
    Vec<u8>: Encode<'q, DB>,
{
    fn encode_by_ref(&self, buffer: &mut DB::ArgumentBuffer) -> Result<IsNull, BoxDynError> {
        self.bytes().encode(buffer)
    }
}

impl<'r, DB: Database> Decode<'r, DB> for HeldBy
where
    Vec<u8>: Decode<'r, DB>,
{
    fn decode(value: DB::ValueRef<'r>) -> Result<Self, BoxDynError> {
        Ok(Self::read(&Vec::<u8>::decode(value)?)?)
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
