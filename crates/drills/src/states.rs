//! A mistake in one stack does not reach another, and nothing that holds data goes by one.

mod database;
mod mistakes;

use std::cell::{Cell, RefCell};

use anyhow::Result;
use async_trait::async_trait;
use bytes::Bytes;
use http::Method;

use crate::desk::Desk;
use crate::office_hours::stay_open_for_delivery;
use crate::{Drill, Evidence, Site};

const NAME: &str = "states";
/// The stack whose state is spoiled and restored: nothing runs by it.
const SPOILED: &str = "registry";
/// Of the lock that nobody holds any more.
const LOCK: &str = "6b9f0a3e-0000-4000-8000-000000000001";

/// What is to be put back.
#[derive(Default)]
pub(crate) struct States {
    /// The databases whose protection was switched on, and the snapshots that were made of them.
    protected: RefCell<Vec<String>>,
    snapshots: RefCell<Vec<String>>,
    /// Whether the database's stack has to be applied again.
    database: Cell<bool>,
    /// The image that the service ran before it was broken.
    image: RefCell<Option<String>>,
    /// The state that was spoiled.
    state: RefCell<Option<Bytes>>,
    lock: Cell<bool>,
}

#[async_trait(?Send)]
impl Drill for States {
    fn name(&self) -> &'static str {
        NAME
    }

    fn claim(&self) -> &'static str {
        "A mistake stays in its stack: a protected database is not destroyed, a service that \
         breaks touches no other state, a state that is lost is restored, and a lock that a dead \
         run left can be opened."
    }

    fn proves(&self) -> &'static [&'static str] {
        &["R6"]
    }

    async fn run(&self, site: &Site, evidence: &mut Evidence<'_>) -> Result<()> {
        stay_open_for_delivery(site).await?;
        let desk = Desk::new(site, NAME).await?;
        self.destroy_the_database(site, &desk, evidence).await?;
        self.break_the_service(site, evidence).await?;
        self.lose_a_state(site, &desk, evidence).await?;
        self.leave_a_lock(site, &desk, evidence).await
    }

    async fn restore(&self, site: &Site) -> Result<()> {
        self.unlock(site).await?;
        if let Some(state) = self.state.take() {
            site.region.s3(Method::PUT, &key(site, ""), state).await?;
        }
        self.unprotect(site).await?;
        if let Some(image) = self.image.take() {
            site.apply("service", &[("image", &image)]).await?;
        }
        site.steady().await
    }
}

/// Where the state is that is spoiled, or something beside it.
fn key(site: &Site, ending: &str) -> String {
    format!("/{}/{SPOILED}/terraform.tfstate{ending}", site.bucket())
}
