//! The rows of `api_keys`.

use jiff::Timestamp;

use super::{Key, Scope, Token};
use crate::database::time::DatabaseTime;
use crate::database::{Database, DatabaseError};

const INSERT: &str = "insert into api_keys (id, name, secret_hash, scopes, requests_per_minute, expires_at) \
    values ($1, $2, $3, $4, $5, $6)";
const SELECT: &str = "select id, name, secret_hash, scopes, requests_per_minute, created_at, expires_at, revoked_at \
    from api_keys where id = $1";
const LIST: &str = "select id, name, secret_hash, scopes, requests_per_minute, created_at, expires_at, revoked_at \
    from api_keys order by created_at, id";
const REVOKE: &str = "update api_keys set revoked_at = coalesce(revoked_at, now()) where id = $1";

pub struct KeyStore<'a>(pub &'a Database);

/// A key that is wanted.
#[derive(Debug)]
pub struct NewKey {
    pub name: String,
    pub scopes: Vec<Scope>,
    pub requests_per_minute: u32,
    pub expires_at: Option<Timestamp>,
}

type Row = (
    String,
    String,
    Vec<u8>,
    Vec<String>,
    i32,
    DatabaseTime,
    Option<DatabaseTime>,
    Option<DatabaseTime>,
);

impl KeyStore<'_> {
    /// Makes a key. The token is not kept: this is the only time that it is seen.
    pub async fn create(&self, new: &NewKey) -> Result<Token, DatabaseError> {
        let token = Token::generate(&mut rand::rng());
        let names: Vec<_> = new.scopes.iter().map(ToString::to_string).collect();
        let query = sqlx::query(INSERT)
            .bind(token.id())
            .bind(new.name.as_str())
            .bind(token.hash().to_vec())
            .bind(names)
            .bind(i32::try_from(new.requests_per_minute).unwrap_or(i32::MAX))
            .bind(new.expires_at.map(DatabaseTime));
        let mut transaction = self.0.begin().await?;
        transaction.execute(query).await?;
        self.0.commit_quietly(transaction).await?;
        Ok(token)
    }

    /// Always from the writer: a key that was given up must not work because a replica is late.
    pub async fn find(&self, id: &str) -> Result<Option<(Key, Vec<u8>)>, DatabaseError> {
        let query = || sqlx::query_as(SELECT).bind(id);
        let rows: Vec<Row> = self.0.read_current(query).await?;
        Ok(rows.into_iter().next().map(key))
    }

    pub async fn list(&self) -> Result<Vec<Key>, DatabaseError> {
        let rows: Vec<Row> = self.0.read(self.0.seen(), || sqlx::query_as(LIST)).await?;
        Ok(rows.into_iter().map(|row| key(row).0).collect())
    }

    /// Whether there is such a key. Giving it up again changes nothing.
    pub async fn revoke(&self, id: &str) -> Result<bool, DatabaseError> {
        let mut transaction = self.0.begin().await?;
        let touched = transaction.execute(sqlx::query(REVOKE).bind(id)).await?;
        self.0.commit_quietly(transaction).await?;
        Ok(touched > 0)
    }
}

fn key(row: Row) -> (Key, Vec<u8>) {
    let (id, name, hash, scopes, requests, created_at, expires_at, revoked_at) = row;
    let key = Key {
        id,
        name,
        // A scope of a newer version is none of this one's.
        scopes: scopes
            .iter()
            .filter_map(|scope| scope.parse().ok())
            .collect(),
        requests_per_minute: u32::try_from(requests).unwrap_or(1),
        created_at: created_at.0,
        expires_at: expires_at.map(|at| at.0),
        revoked_at: revoked_at.map(|at| at.0),
    };
    (key, hash)
}
