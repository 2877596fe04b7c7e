//! `timestamptz` as a `jiff` timestamp.

use jiff::{SignedDuration, Timestamp};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// A moment in the database, to the microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseTime(pub Timestamp);

/// 2000-01-01T00:00:00Z, from which PostgreSQL counts.
const POSTGRES_EPOCH: Timestamp = Timestamp::constant(946_684_800, 0);
/// `timestamptz`, the same in every PostgreSQL.
const OID: Oid = Oid(1184);

impl Type<Postgres> for DatabaseTime {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(OID)
    }

    fn compatible(ty: &PgTypeInfo) -> bool {
        ty.oid() == Some(OID)
    }
}

impl Encode<'_, Postgres> for DatabaseTime {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = self.0.as_microsecond() - POSTGRES_EPOCH.as_microsecond();
        <i64 as Encode<Postgres>>::encode(micros, buffer)
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
