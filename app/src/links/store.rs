//! The rows of `links`.

use std::sync::Arc;

use jiff::Timestamp;

use super::timestamp::DatabaseTime;
use super::{Slug, Target};
use crate::database::{Database, DatabaseError};

const INSERT: &str = "insert into links (slug, target) values ($1, $2) \
                      on conflict (slug) do nothing returning created_at";
const SELECT: &str = "select target, created_at from links where slug = $1";
const DELETE: &str = "delete from links where slug = $1";

/// Keeps links in PostgreSQL.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub slug: String,
    pub target: String,
    pub created_at: Timestamp,
}

/// What became of a wish for a slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    New(Link),
    Taken,
}

impl Store {
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    pub async fn create(&self, slug: &Slug, target: &Target) -> Result<Created, DatabaseError> {
        let created_at: Option<(DatabaseTime,)> = self
            .database
            .fetch_optional(
                sqlx::query_as(INSERT)
                    .bind(slug.as_str())
                    .bind(target.as_str()),
            )
            .await?;
        Ok(match created_at {
            Some((DatabaseTime(created_at),)) => Created::New(Link {
                slug: slug.to_string(),
                target: target.to_string(),
                created_at,
            }),
            None => Created::Taken,
        })
    }

    pub async fn get(&self, slug: &Slug) -> Result<Option<Link>, DatabaseError> {
        let row: Option<(String, DatabaseTime)> = self
            .database
            .read_optional(|| sqlx::query_as(SELECT).bind(slug.as_str()))
            .await?;
        Ok(row.map(|(target, DatabaseTime(created_at))| Link {
            slug: slug.to_string(),
            target,
            created_at,
        }))
    }

    /// Whether there was such a link.
    pub async fn delete(&self, slug: &Slug) -> Result<bool, DatabaseError> {
        let query = sqlx::query(DELETE).bind(slug.as_str());
        Ok(self.database.execute(query).await? > 0)
    }
}
