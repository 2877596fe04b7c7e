//! Takes links from a stream.

use futures_util::{Stream, StreamExt};
use serde::Serialize;

use super::split::{Broken, Splitter};
use super::{Format, Record};
use crate::cache::Routes;
use crate::database::DatabaseError;
use crate::links::{NewLink, Slug, Store};

/// Links in one transaction.
const BATCH: usize = 500;
/// What is told in full; the rest is counted.
const MAX_FAILURES: usize = 100;
/// Caches that are told at the same time.
const TELLING: usize = 32;

/// Where links go.
pub struct Import<'a> {
    pub store: &'a Store,
    /// None where nothing caches: on the command line.
    pub routes: Option<&'a Routes>,
    pub own_host: Option<&'a str>,
}

/// What became of an import. Every record is in one of the three numbers.
#[derive(Debug, Default, Serialize, utoipa::ToSchema)]
pub struct Summary {
    /// Links that were made.
    pub created: u64,
    /// Records whose slug was taken: left as they were.
    pub skipped: u64,
    /// Records that are not valid.
    pub failed: u64,
    /// The first 100 of those.
    pub failures: Vec<Failure>,
    /// Why the rest was not read, if it was not.
    pub stopped: Option<Failure>,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Failure {
    /// The line on which the record begins, from 1.
    pub line: u64,
    pub detail: String,
}

impl Import<'_> {
    /// Reads to the end, or to what cannot be read. What was made until then stays; done again, it is skipped.
    pub async fn run<E: std::fmt::Display>(
        &self,
        format: Format,
        mut pieces: impl Stream<Item = Result<impl AsRef<[u8]>, E>> + Unpin,
    ) -> Result<Summary, DatabaseError> {
        let mut summary = Summary::default();
        let mut splitter = Splitter::new(format);
        let mut batch = Vec::new();
        loop {
            let piece = pieces.next().await;
            let bytes = match &piece {
                Some(Ok(bytes)) if bytes.as_ref().is_empty() => continue,
                Some(Ok(bytes)) => bytes.as_ref(),
                Some(Err(error)) => {
                    summary.stopped = Some(Failure {
                        line: 0,
                        detail: error.to_string(),
                    });
                    break;
                }
                None => &[],
            };
            // A piece is bounded by the connection's buffer, so the batch is too.
            let split = splitter.push(bytes, |line, record| {
                self.take(line, record, &mut batch, &mut summary);
            });
            while batch.len() >= BATCH {
                let rest = batch.split_off(BATCH);
                self.write(std::mem::replace(&mut batch, rest), &mut summary)
                    .await?;
            }
            if let Err(Broken { line, reason }) = split {
                summary.stopped = Some(Failure {
                    line,
                    detail: reason,
                });
                break;
            }
            if piece.is_none() {
                break;
            }
        }
        self.write(batch, &mut summary).await?;
        Ok(summary)
    }

    fn take(
        &self,
        line: u64,
        record: Result<Record, String>,
        batch: &mut Vec<(Slug, NewLink)>,
        summary: &mut Summary,
    ) {
        match record.and_then(|record| record.check(self.own_host)) {
            Ok(new) => {
                let slug = new.slug.clone();
                let slug = slug.unwrap_or_else(|| Slug::generate(&mut rand::rng()));
                batch.push((slug, new));
            }
            Err(detail) => {
                summary.failed += 1;
                if summary.failures.len() < MAX_FAILURES {
                    summary.failures.push(Failure { line, detail });
                }
            }
        }
    }

    async fn write(
        &self,
        batch: Vec<(Slug, NewLink)>,
        summary: &mut Summary,
    ) -> Result<(), DatabaseError> {
        if batch.is_empty() {
            return Ok(());
        }
        let imported = self.store.import(&batch).await?;
        if let Some(routes) = self.routes {
            futures_util::stream::iter(&imported.links)
                .for_each_concurrent(TELLING, |link| routes.changed(link, imported.position))
                .await;
        }
        summary.created += count(imported.links.len());
        summary.skipped += count(batch.len() - imported.links.len());
        Ok(())
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
