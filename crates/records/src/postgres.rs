//! How columns stand in PostgreSQL, and how a query is put together for it.

use std::fmt;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, QueryBuilder, Type};
use windlass_domain::Timestamp;

use crate::Query;
use crate::columns::{At, Count, HeldBy, Id};

impl Type<Postgres> for At {
    fn type_info() -> PgTypeInfo {
        <i64 as Type<Postgres>>::type_info()
    }

    fn compatible(type_info: &PgTypeInfo) -> bool {
        <i64 as Type<Postgres>>::compatible(type_info)
    }
}

impl Encode<'_, Postgres> for At {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&self.0.millis(), buffer)
    }
}

impl<'row> Decode<'row, Postgres> for At {
    fn decode(value: PgValueRef<'row>) -> Result<Self, BoxDynError> {
        Ok(Self(Timestamp::from_millis(
            <i64 as Decode<Postgres>>::decode(value)?,
        )))
    }
}

impl Type<Postgres> for Count {
    fn type_info() -> PgTypeInfo {
        <i64 as Type<Postgres>>::type_info()
    }

    fn compatible(type_info: &PgTypeInfo) -> bool {
        <i64 as Type<Postgres>>::compatible(type_info)
    }
}

impl Encode<'_, Postgres> for Count {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode_by_ref(&i64::from(self.0), buffer)
    }
}

impl<'row> Decode<'row, Postgres> for Count {
    fn decode(value: PgValueRef<'row>) -> Result<Self, BoxDynError> {
        Ok(Self(u32::try_from(<i64 as Decode<Postgres>>::decode(
            value,
        )?)?))
    }
}

impl Type<Postgres> for HeldBy {
    fn type_info() -> PgTypeInfo {
        <Vec<u8> as Type<Postgres>>::type_info()
    }

    fn compatible(type_info: &PgTypeInfo) -> bool {
        <Vec<u8> as Type<Postgres>>::compatible(type_info)
    }
}

impl Encode<'_, Postgres> for HeldBy {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        Encode::<Postgres>::encode(self.bytes(), buffer)
    }
}

impl<'row> Decode<'row, Postgres> for HeldBy {
    fn decode(value: PgValueRef<'row>) -> Result<Self, BoxDynError> {
        Ok(Self::read(<&[u8] as Decode<Postgres>>::decode(value)?)?)
    }
}

impl Query for QueryBuilder<Postgres> {
    fn push(&mut self, text: fmt::Arguments<'_>) {
        self.push(text);
    }

    fn push_id(&mut self, id: Id) {
        self.push_bind(id);
    }

    fn push_at(&mut self, at: At) {
        self.push_bind(at);
    }

    fn push_number(&mut self, number: i64) {
        self.push_bind(number);
    }

    fn push_text(&mut self, text: String) {
        self.push_bind(text);
    }
}
