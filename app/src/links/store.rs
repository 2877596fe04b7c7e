//! The rows of `links`.

use std::sync::Arc;

use jiff::Timestamp;

use super::list::words;
use super::once::{Answer, Once};
use super::{Change, Changed, Cursor, Link, List, Listed, NewLink, Precondition, Redirect, Slug};
use crate::database::time::DatabaseTime;
use crate::database::{Database, DatabaseError, Position, Transaction};

/// A generated slug is taken about never; this bounds the bad luck.
const GENERATE_ATTEMPTS: usize = 5;

const SELECT: &str = "select slug, target, note, redirect, enabled, expires_at, created_at, updated_at, version \
    from links where slug = $1";
const LIST: &str = "select slug, target, note, redirect, enabled, expires_at, created_at, updated_at, version \
    from links where ($1::text is null or words @@ to_tsquery('simple', $1)) \
    and ($2::timestamptz is null or (created_at, slug) < ($2, $3)) \
    order by created_at desc, slug desc limit $4";
const INSERT: &str = "insert into links (slug, target, note, redirect, enabled, expires_at) \
    values ($1, $2, $3, $4, $5, $6) on conflict (slug) do nothing \
    returning slug, target, note, redirect, enabled, expires_at, created_at, updated_at, version";
const LOCK: &str = "select slug, target, note, redirect, enabled, expires_at, created_at, updated_at, version \
    from links where slug = $1 for no key update";
const UPDATE: &str = "update links set target = $2, note = $3, redirect = $4, enabled = $5, expires_at = $6, \
    updated_at = now(), version = nextval('link_versions') where slug = $1 \
    returning slug, target, note, redirect, enabled, expires_at, created_at, updated_at, version";
const DELETE: &str = "delete from links where slug = $1 returning nextval('link_versions')";
const IMPORT: &str = "insert into links (slug, target, note, redirect, enabled, expires_at) \
    select distinct on (slug) slug, target, note, redirect, enabled, expires_at \
    from unnest($1::text[], $2::text[], $3::text[], $4::smallint[], $5::boolean[], $6::timestamptz[]) \
    with ordinality as new (slug, target, note, redirect, enabled, expires_at, line) order by slug, line \
    on conflict (slug) do nothing \
    returning slug, target, note, redirect, enabled, expires_at, created_at, updated_at, version";
const EXPORT: &str = "select slug, target, note, redirect, enabled, expires_at, created_at, updated_at, version \
    from links where slug > $1 order by slug limit $2";

const CLAIM: &str = "insert into idempotency_keys (owner, key, request_hash) values ($1, $2, $3) \
    on conflict (owner, key) do update set request_hash = excluded.request_hash, slug = '', body = '', etag = '', \
    created_at = now() where idempotency_keys.created_at < now() - interval '1 day' returning true";
const CLAIMED: &str =
    "select request_hash, slug, body, etag from idempotency_keys where owner = $1 and key = $2";
const SETTLE: &str =
    "update idempotency_keys set slug = $3, body = $4, etag = $5 where owner = $1 and key = $2";
const PURGE: [&str; 2] = [
    "delete from idempotency_keys where created_at < now() - interval '1 day'",
    "delete from click_batches where written_at < now() - interval '1 day'",
];

/// Keeps links in PostgreSQL.
#[derive(Clone)]
pub struct Store {
    database: Arc<Database>,
}

/// What became of a wish for a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Created {
    New(Link, Position),
    Taken,
    /// Sent again: the answer of the first time.
    Before(Answer),
    /// The same idempotency key came with another request before.
    OtherRequest,
    /// Every generated slug was taken.
    NoneFree,
}

/// What became of a wish to be rid of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// With the version that stands for its absence.
    Done(i64, Position),
    Missing,
    Refused,
}

/// What became of a part of an import.
#[derive(Debug)]
pub struct Imported {
    pub links: Vec<Link>,
    pub position: Position,
}

impl Store {
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    pub async fn get(&self, slug: &Slug, after: Position) -> Result<Option<Link>, DatabaseError> {
        let row: Option<Row> = self
            .database
            .read_one(after, || sqlx::query_as(SELECT).bind(slug.as_str()))
            .await?;
        Ok(row.map(Link::from))
    }

    pub async fn list(&self, list: &List, after: Position) -> Result<Listed, DatabaseError> {
        let words = words(&list.search);
        let from = list.after.as_ref();
        let rows: Vec<Row> = self
            .database
            .read(after, || {
                sqlx::query_as(LIST)
                    .bind(words.as_deref())
                    .bind(from.map(|cursor| DatabaseTime(cursor.created_at)))
                    .bind(from.map(|cursor| cursor.slug.as_str()))
                    // One more tells whether there is more.
                    .bind(i64::from(list.limit) + 1)
            })
            .await?;
        let limit = usize::from(list.limit);
        let more = rows.len() > limit;
        let links: Vec<_> = rows.into_iter().take(limit).map(Link::from).collect();
        let next = links.last().filter(|_| more).map(Cursor::after);
        Ok(Listed { links, next })
    }

    /// Up to `limit` links in the order of their slugs, of which `after` was the last.
    pub async fn export(&self, after: &str, limit: i64) -> Result<Vec<Link>, DatabaseError> {
        let rows: Vec<Row> = self
            .database
            .read(self.database.seen(), || {
                sqlx::query_as(EXPORT).bind(after).bind(limit)
            })
            .await?;
        Ok(rows.into_iter().map(Link::from).collect())
    }

    /// Makes a link; with `once`, at most once. `answer` gives the body that is kept to be given again.
    pub async fn create(
        &self,
        new: &NewLink,
        once: Option<&Once>,
        answer: impl Fn(&Link) -> String + Send,
    ) -> Result<Created, DatabaseError> {
        let mut transaction = self.database.begin().await?;
        if let Some(once) = once
            && let Some(before) = claim(&mut transaction, once).await?
        {
            transaction.rollback().await;
            return Ok(before);
        }
        let Some(link) = insert(&mut transaction, new).await? else {
            // Nothing is kept, also not the claim.
            transaction.rollback().await;
            return Ok(match new.slug {
                Some(_) => Created::Taken,
                None => Created::NoneFree,
            });
        };
        if let Some(once) = once {
            let settle = sqlx::query(SETTLE)
                .bind(once.owner.as_str())
                .bind(once.key.as_str())
                .bind(link.slug.as_str())
                .bind(answer(&link))
                .bind(link.etag());
            transaction.execute(settle).await?;
        }
        let position = self.database.commit(transaction).await?;
        Ok(Created::New(link, position))
    }

    pub async fn change(
        &self,
        slug: &Slug,
        change: &Change,
        condition: &Precondition,
    ) -> Result<(Changed, Position), DatabaseError> {
        let mut transaction = self.database.begin().await?;
        let found: Option<Row> = transaction
            .fetch_optional(sqlx::query_as(LOCK).bind(slug.as_str()))
            .await?;
        let Some(link) = found.map(Link::from) else {
            transaction.rollback().await;
            return Ok((Changed::Missing, Position::default()));
        };
        if !condition.allows(link.version) {
            transaction.rollback().await;
            return Ok((Changed::Refused, Position::default()));
        }
        let target = change.target.as_ref().map(super::Target::as_str);
        let note = change.note.as_ref().map(super::Note::as_str);
        let update = sqlx::query_as(UPDATE)
            .bind(slug.as_str())
            .bind(target.unwrap_or(&link.target))
            .bind(note.unwrap_or(&link.note))
            .bind(status(change.redirect.unwrap_or(link.redirect)))
            .bind(change.enabled.unwrap_or(link.enabled))
            .bind(
                change
                    .expires_at
                    .unwrap_or(link.expires_at)
                    .map(DatabaseTime),
            );
        let row: Option<Row> = transaction.fetch_optional(update).await?;
        let Some(changed) = row.map(Link::from) else {
            transaction.rollback().await;
            return Ok((Changed::Missing, Position::default()));
        };
        let position = self.database.commit(transaction).await?;
        Ok((Changed::To(changed), position))
    }

    pub async fn delete(
        &self,
        slug: &Slug,
        condition: &Precondition,
    ) -> Result<Removed, DatabaseError> {
        let mut transaction = self.database.begin().await?;
        if let Precondition::Versions(_) = condition {
            let found: Option<Row> = transaction
                .fetch_optional(sqlx::query_as(LOCK).bind(slug.as_str()))
                .await?;
            let refused = found.is_some_and(|row| !condition.allows(Link::from(row).version));
            if refused {
                transaction.rollback().await;
                return Ok(Removed::Refused);
            }
        }
        let row: Option<(i64,)> = transaction
            .fetch_optional(sqlx::query_as(DELETE).bind(slug.as_str()))
            .await?;
        let Some((version,)) = row else {
            transaction.rollback().await;
            return Ok(Removed::Missing);
        };
        let position = self.database.commit(transaction).await?;
        Ok(Removed::Done(version, position))
    }

    /// Makes those of these links whose slug is free. Each has a slug.
    pub async fn import(&self, new: &[(Slug, NewLink)]) -> Result<Imported, DatabaseError> {
        let mut transaction = self.database.begin().await?;
        let column = |of: fn(&(Slug, NewLink)) -> String| new.iter().map(of).collect::<Vec<_>>();
        let query = sqlx::query_as(IMPORT)
            .bind(column(|(slug, _)| slug.to_string()))
            .bind(column(|(_, new)| new.target.to_string()))
            .bind(column(|(_, new)| new.note.as_str().to_owned()))
            .bind(
                new.iter()
                    .map(|(_, new)| status(new.redirect))
                    .collect::<Vec<_>>(),
            )
            .bind(new.iter().map(|(_, new)| new.enabled).collect::<Vec<_>>())
            .bind(
                new.iter()
                    .map(|(_, new)| new.expires_at.map(|at| at.to_string()))
                    .collect::<Vec<_>>(),
            );
        let rows: Vec<Row> = transaction.fetch_all(query).await?;
        let position = self.database.commit(transaction).await?;
        Ok(Imported {
            links: rows.into_iter().map(Link::from).collect(),
            position,
        })
    }
}

/// Forgets what is kept for a day only. Any task may do it, at any time.
pub async fn purge(database: &Database) -> Result<(), DatabaseError> {
    for sql in PURGE {
        let mut transaction = database.begin().await?;
        transaction.execute(sqlx::query(sql)).await?;
        database.commit_quietly(transaction).await?;
    }
    Ok(())
}

/// Takes the key for this request, or says what became of the request that took it before. A twin that is not yet
/// committed is waited for.
async fn claim(
    transaction: &mut Transaction,
    once: &Once,
) -> Result<Option<Created>, DatabaseError> {
    let claim = sqlx::query_as(CLAIM)
        .bind(once.owner.as_str())
        .bind(once.key.as_str())
        .bind(once.request_hash.to_vec());
    let claimed: Option<(bool,)> = transaction.fetch_optional(claim).await?;
    if claimed.is_some() {
        return Ok(None);
    }
    let before: Option<(Vec<u8>, String, String, String)> = transaction
        .fetch_optional(
            sqlx::query_as(CLAIMED)
                .bind(once.owner.as_str())
                .bind(once.key.as_str()),
        )
        .await?;
    Ok(before.map(|(hash, slug, body, etag)| {
        if hash == once.request_hash {
            Created::Before(Answer { slug, body, etag })
        } else {
            Created::OtherRequest
        }
    }))
}

async fn insert(
    transaction: &mut Transaction,
    new: &NewLink,
) -> Result<Option<Link>, DatabaseError> {
    let attempts = if new.slug.is_some() {
        1
    } else {
        GENERATE_ATTEMPTS
    };
    for _ in 0..attempts {
        let generated;
        let slug = if let Some(slug) = &new.slug {
            slug
        } else {
            generated = Slug::generate(&mut rand::rng());
            &generated
        };
        let query = sqlx::query_as(INSERT)
            .bind(slug.as_str())
            .bind(new.target.as_str())
            .bind(new.note.as_str())
            .bind(status(new.redirect))
            .bind(new.enabled)
            .bind(new.expires_at.map(DatabaseTime));
        let row: Option<Row> = transaction.fetch_optional(query).await?;
        if let Some(row) = row {
            return Ok(Some(Link::from(row)));
        }
    }
    Ok(None)
}

/// In the order of the columns in the statements above.
type Row = (
    String,
    String,
    String,
    i16,
    bool,
    Option<DatabaseTime>,
    DatabaseTime,
    DatabaseTime,
    i64,
);

impl From<Row> for Link {
    fn from(row: Row) -> Self {
        let (slug, target, note, redirect, enabled, expires_at, created_at, updated_at, version) =
            row;
        let moment = |DatabaseTime(at): DatabaseTime| -> Timestamp { at };
        Self {
            slug: Slug::stored(slug),
            target,
            note,
            // The table holds no other status.
            redirect: Redirect::from_status(redirect.into()).unwrap_or_default(),
            enabled,
            expires_at: expires_at.map(moment),
            created_at: moment(created_at),
            updated_at: moment(updated_at),
            version,
        }
    }
}

fn status(redirect: Redirect) -> i16 {
    redirect.status().cast_signed()
}
