//! A region to test with: typed calls, a clock that only the test moves, chance from a counter.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use wire::{Error, Operation, Shape};
use world::{Action, Event, World};

use crate::{Caller, Context, Region, Settings};

pub(crate) struct Bench {
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    pub(crate) caller: Caller,
    calls: u64,
    /// What an engine would have on disk.
    stored: BTreeMap<(&'static str, String), Vec<u8>>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(Settings::default())
    }

    pub(crate) fn with(settings: Settings) -> Self {
        let now = "2026-01-05T08:00:00Z".parse().expect("it is a moment");
        let context = Context::new(&settings, now, Caller::Root, [0; 32]);
        let region = Region::new(&context);
        let mut bench = Self {
            region,
            now,
            caller: Caller::Root,
            calls: 0,
            stored: BTreeMap::new(),
        };
        bench.commit();
        bench
    }

    fn commit(&mut self) {
        for change in self.region.changes() {
            let key = (change.table, change.key);
            match change.row {
                Some(row) => self.stored.insert(key, row),
                None => self.stored.remove(&key),
            };
        }
        self.region.commit();
    }

    /// Does something with the region as the engine does: settled, then kept or put back.
    pub(crate) fn write<T>(
        &mut self,
        change: impl FnOnce(&mut Region, &Context) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.calls += 1;
        let settings = self.region.settings.clone();
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.calls.to_le_bytes());
        let context = Context::new(&settings, self.now, self.caller.clone(), seed);
        let answer = self.region.write(&context, change);
        if answer.is_err() {
            assert_eq!(self.region.changes(), [], "a refused call leaves no trace");
        }
        self.commit();
        answer
    }

    /// Calls an operation of a service.
    pub(crate) fn call<O: Operation>(
        &mut self,
        service: &str,
        input: O::Input,
    ) -> Result<O::Output, Error> {
        let name = O::SCHEMA.name;
        let handler =
            Region::handler(service, name).unwrap_or_else(|| panic!("there is no {name}"));
        let value = match handler {
            crate::Handler::Read(read) => {
                self.calls += 1;
                let settings = self.region.settings.clone();
                let mut seed = [0; 32];
                seed[..8].copy_from_slice(&self.calls.to_le_bytes());
                let context = Context::new(&settings, self.now, self.caller.clone(), seed);
                read(&self.region, &context, input.into_value())
            }
            crate::Handler::Write(write) => {
                self.write(|region, context| write(region, context, input.into_value()))
            }
        };
        Ok(O::Output::from_value(value?).expect("an answer has its own shape"))
    }

    /// As [`Self::call`], for a call that has to be refused: its code and message.
    pub(crate) fn refused<O: Operation>(
        &mut self,
        service: &str,
        input: O::Input,
    ) -> (String, String) {
        match self.call::<O>(service, input) {
            Ok(_) => panic!("{} was not refused", O::SCHEMA.name),
            Err(error) => (error.code.into_owned(), error.message),
        }
    }

    /// Lets time pass, stopping at every deadline on the way as the engine does.
    pub(crate) fn pass(&mut self, duration: SignedDuration) {
        let end = self.now + duration;
        while let Some(at) = self.region.deadline().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.settle();
            let next = self.region.deadline();
            assert!(next != Some(at), "what was due at {at} is still due");
        }
        self.now = end;
        self.settle();
    }

    fn settle(&mut self) {
        let settled = self.write(|region, context| {
            region.settle(context);
            Ok(())
        });
        settled.expect("to settle refuses nothing");
    }

    pub(crate) fn observe(&mut self, event: &Event) {
        let heard = self.write(|region, context| {
            region.observe(context, event);
            Ok(())
        });
        heard.expect("to listen refuses nothing");
    }

    pub(crate) fn world(&self) -> World {
        self.region.world()
    }

    pub(crate) fn actions(&self) -> Vec<Action> {
        self.region.actions()
    }

    /// Begins again from what is stored.
    pub(crate) fn restart(&mut self) {
        let mut again = Region::empty(self.region.settings.clone());
        for ((table, key), row) in &self.stored {
            again
                .load(table, key, row)
                .expect("a row that was stored can be read");
        }
        self.region = again;
    }
}
