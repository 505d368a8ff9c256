//! How ids, moments and counts stand in columns, in whatever database: a row struct that is made of
//! these and of plain texts, flags and bytes reads in every store.

use std::time::Duration;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::{Database, Decode, Encode, Type};
use uuid::Uuid;
use windlass_domain::Timestamp;

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
