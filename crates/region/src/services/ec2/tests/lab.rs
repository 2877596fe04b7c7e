//! A region in a test: calls with typed inputs, and time that moves when told to.

use jiff::{SignedDuration, Timestamp};
use wire::{Error, Operation, Shape};

use crate::{Caller, Context, Region, Settings};

pub(crate) struct Lab {
    pub(crate) region: Region,
    pub(crate) now: Timestamp,
    calls: u64,
}

impl Lab {
    pub(crate) fn new() -> Self {
        Self::of(Settings::default())
    }

    pub(crate) fn of(settings: Settings) -> Self {
        let now: Timestamp = "2026-01-05T08:00:00Z".parse().expect("it is a time");
        let context = Context::new(&settings, now, Caller::Root, [0; 32]);
        let mut region = Region::new(&context);
        region.commit();
        Self {
            region,
            now,
            calls: 0,
        }
    }

    /// Runs something with a context of its own, and keeps what it changed.
    pub(crate) fn with<T>(
        &mut self,
        change: impl FnOnce(&mut Region, &Context) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.calls += 1;
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&self.calls.to_be_bytes());
        let settings = self.region.settings.clone();
        let context = Context::new(&settings, self.now, Caller::Root, seed);
        let result = self.region.write(&context, change);
        if result.is_err() {
            assert_eq!(self.region.changes(), [], "a refused call left a trace");
        }
        self.region.commit();
        result
    }

    /// Makes a call, as a client would.
    pub(crate) fn try_call<O: Operation>(
        &mut self,
        _: O,
        input: O::Input,
    ) -> Result<O::Output, Error> {
        let name = O::SCHEMA.name;
        let service = wire::SERVICES.iter().find(|service| {
            let mut own = service.operations.iter();
            own.any(|own| std::ptr::eq(*own, O::SCHEMA))
        });
        let service = service.expect("an operation is of a service").id;
        let handler = Region::handler(service, name).unwrap_or_else(|| panic!("no {name}"));
        let value = self.with(|region, context| match handler {
            crate::Handler::Read(read) => read(region, context, input.into_value()),
            crate::Handler::Write(write) => write(region, context, input.into_value()),
        })?;
        Ok(O::Output::from_value(value).expect("an answer has its shape"))
    }

    /// A call that has to succeed.
    pub(crate) fn call<O: Operation>(&mut self, operation: O, input: O::Input) -> O::Output {
        self.try_call(operation, input)
            .unwrap_or_else(|error| panic!("{}: {error}", O::SCHEMA.name))
    }

    /// A call that has to be refused: its code and text.
    pub(crate) fn refused<O: Operation>(
        &mut self,
        operation: O,
        input: O::Input,
    ) -> (String, String) {
        match self.try_call(operation, input) {
            Ok(answer) => panic!("{} was not refused: {answer:?}", O::SCHEMA.name),
            Err(error) => (error.code.into_owned(), error.message),
        }
    }

    /// Lets time pass, stopping wherever something is due.
    pub(crate) fn pass(&mut self, seconds: i64) {
        let end = self.now + SignedDuration::from_secs(seconds);
        while let Some(due) = self.region.deadline().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.settle();
        }
        self.now = end;
        self.settle();
    }

    fn settle(&mut self) {
        self.with(|_, _| Ok(())).expect("nothing is asked");
    }
}
