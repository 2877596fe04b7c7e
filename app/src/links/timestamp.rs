//! `timestamptz` as a `jiff` timestamp.

use jiff::{SignedDuration, Timestamp};
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Postgres, Type};

/// A moment read from the database, to the microsecond.
pub(super) struct DatabaseTime(pub(super) Timestamp);

/// 2000-01-01T00:00:00Z, from which PostgreSQL counts.
const POSTGRES_EPOCH: Timestamp = Timestamp::constant(946_684_800, 0);

impl Type<Postgres> for DatabaseTime {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_name("timestamptz")
    }
}

impl Decode<'_, Postgres> for DatabaseTime {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => {
                let micros = <i64 as Decode<Postgres>>::decode(value)?;
                let since = SignedDuration::from_micros(micros);
                Ok(Self(POSTGRES_EPOCH.checked_add(since)?))
            }
            PgValueFormat::Text => Ok(Self(value.as_str()?.parse()?)),
        }
    }
}
