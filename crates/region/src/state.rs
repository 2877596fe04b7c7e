//! The region's whole state, and the one way to change it.

use jiff::Timestamp;
use wire::{Error, Value};
use world::{Action, Event, World};

use crate::context::{Context, Settings};
use crate::dispatch::{Handler, Service};
use crate::services;
use crate::table::{AnyTable, Change, LoadError, Tables};

/// More rounds than any chain of services needs; see [`Region::settle`].
const MOST_ROUNDS: usize = 32;

macro_rules! region {
    ($($(#[$doc:meta])* $service:ident),* $(,)?) => {
        /// Every service's rows.
        #[derive(Debug)]
        pub struct Region {
            pub settings: Settings,
            /// When it last came to rest; what was due then has been done.
            pub settled_at: Timestamp,
            $($(#[$doc])* pub $service: services::$service::State,)*
        }

        impl Region {
            /// A region in which nothing was ever made.
            pub fn empty(settings: Settings) -> Self {
                Self { settings, settled_at: Timestamp::MIN, $($service: services::$service::State::default(),)* }
            }

            fn tables(&self) -> Vec<&dyn AnyTable> {
                let mut all = Vec::new();
                $(all.extend(self.$service.tables());)*
                all
            }

            fn tables_mut(&mut self) -> Vec<&mut dyn AnyTable> {
                let mut all = Vec::new();
                $(all.extend(self.$service.tables_mut());)*
                all
            }
        }

        /// In an order in which each finds what it needs already made.
        static SERVICES: &[Service] = &[$(services::$service::SERVICE),*];
    };
}

region! {
    iam,
    sts,
    kms,
    secretsmanager,
    s3,
    logs,
    sns,
    cloudwatch,
    ec2,
    route53,
    acm,
    ecr,
    elbv2,
    rds,
    ecs,
    application_autoscaling,
}

impl Region {
    /// A fresh account: what AWS has made by itself is there.
    pub fn new(context: &Context) -> Self {
        let mut region = Self::empty(context.settings.clone());
        region.bootstrap(context);
        region
    }

    /// Makes what AWS has made in a fresh account.
    pub fn bootstrap(&mut self, context: &Context) {
        for service in SERVICES {
            (service.bootstrap)(self, context);
        }
        self.settle(context);
    }

    /// Takes back a stored row.
    ///
    /// # Errors
    /// If the row is not one that this version writes, or its table is unknown.
    pub fn load(&mut self, table: &str, key: &str, row: &[u8]) -> Result<(), LoadError> {
        for candidate in self.tables_mut() {
            if candidate.name() == table {
                return candidate.load(key, row);
            }
        }
        Err(LoadError::Table {
            table: table.to_owned(),
        })
    }

    /// Finds the code of an operation; `None` if it is not there.
    pub fn handler(service: &str, operation: &str) -> Option<Handler> {
        let service = SERVICES.iter().find(|one| one.id == service)?;
        (service.handler)(operation)
    }

    /// Runs a change and all that follows from it at once. What it changed waits to be stored:
    /// take [`Self::changes`], make them durable, then [`Self::commit`].
    ///
    /// # Errors
    /// Those of `change`; then nothing is changed.
    pub fn write<T>(
        &mut self,
        context: &Context,
        change: impl FnOnce(&mut Self, &Context) -> Result<T, Error>,
    ) -> Result<T, Error> {
        match change(self, context) {
            Ok(answer) => {
                self.settle(context);
                Ok(answer)
            }
            Err(error) => {
                self.rollback();
                Err(error)
            }
        }
    }

    /// Runs one call by its handler, as [`Self::write`] does.
    ///
    /// # Errors
    /// The service's answer to a call it refuses.
    pub fn call(
        &mut self,
        context: &Context,
        handler: Handler,
        input: Value,
    ) -> Result<Value, Error> {
        match handler {
            Handler::Read(read) => read(self, context, input),
            Handler::Write(write) => {
                self.write(context, |region, context| write(region, context, input))
            }
        }
    }

    /// Takes note of what a world said, and does what follows.
    pub fn observe(&mut self, context: &Context, event: &Event) {
        for service in SERVICES {
            (service.observe)(self, context, event);
        }
        self.settle(context);
    }

    /// Does what is due now. Called when [`Self::deadline`] is reached.
    pub fn settle(&mut self, context: &Context) {
        for _ in 0..MOST_ROUNDS {
            let before = self.version();
            for service in SERVICES {
                (service.reconcile)(self, context);
            }
            if self.version() == before {
                self.settled_at = context.now;
                return;
            }
        }
        self.settled_at = context.now;
        debug_assert!(false, "the reconcilers do not come to rest");
    }

    /// When something becomes due by time alone.
    pub fn deadline(&self) -> Option<Timestamp> {
        SERVICES
            .iter()
            .filter_map(|service| (service.deadline)(self))
            .filter(|at| *at > self.settled_at)
            .min()
    }

    /// What should exist, from the rows alone.
    pub fn world(&self) -> World {
        let mut world = World::default();
        for service in SERVICES {
            (service.desire)(self, &mut world);
        }
        world
    }

    /// The acts that were asked for and not answered yet.
    pub fn actions(&self) -> Vec<Action> {
        let mut actions = Vec::new();
        for service in SERVICES {
            (service.actions)(self, &mut actions);
        }
        actions
    }

    /// Something that the world does and is soon done with, in words; `None`: it has done all that
    /// AWS would have done within some minutes.
    pub fn awaits(&self) -> Option<String> {
        SERVICES.iter().find_map(|service| (service.awaits)(self))
    }

    /// What was changed since the last commit, as rows to store.
    pub fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        for table in self.tables() {
            if table.changed() {
                table.changes(&mut changes);
            }
        }
        changes
    }

    /// Keeps what was changed.
    pub fn commit(&mut self) {
        for table in self.tables_mut() {
            table.commit();
        }
    }

    /// Puts back what was changed since the last commit.
    pub fn rollback(&mut self) {
        for table in self.tables_mut() {
            table.rollback();
        }
    }

    /// Removes everything and begins anew, as a change that waits to be stored.
    pub fn reset(&mut self, context: &Context) {
        for table in self.tables_mut() {
            table.clear();
        }
        self.bootstrap(context);
    }

    /// Grows with every change of any row.
    fn version(&self) -> u64 {
        self.tables().iter().map(|table| table.version()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_found_by_the_name_that_calls_come_with() {
        // The gateway speaks S3 by itself.
        for service in SERVICES.iter().filter(|service| service.id != "s3") {
            assert!(
                wire::service(service.id).is_some(),
                "no call ever comes for {}",
                service.id
            );
        }
    }
}
