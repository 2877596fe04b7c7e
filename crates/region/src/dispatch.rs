//! How a service says what it can do: a table of operations, and what it does as time passes.

use jiff::Timestamp;
use wire::{Error, Value};
use world::{Event, World};

use crate::{Context, Region};

/// One operation's code. A read may run beside other reads.
#[derive(Clone, Copy)]
pub enum Handler {
    Read(fn(&Region, &Context, Value) -> Result<Value, Error>),
    Write(fn(&mut Region, &Context, Value) -> Result<Value, Error>),
}

/// What a service is to the rest of the control plane. All but `id` and `handler` may be left
/// as in [`Service::new`].
#[derive(Clone, Copy)]
pub struct Service {
    /// As in [`wire::service`].
    pub id: &'static str,
    /// `None`: the operation is not there.
    pub handler: fn(&str) -> Option<Handler>,
    /// Makes what AWS has made in a fresh account. Runs once, on an empty region.
    pub bootstrap: fn(&mut Region, &Context),
    /// Moves rows towards what they should be: one look at what is wanted, what was observed and
    /// the time; changes nothing where nothing is to do. Level-triggered, so it may run again
    /// at any moment.
    pub reconcile: fn(&mut Region, &Context),
    /// When to reconcile again even if nothing happens. Only instants after
    /// [`Region::settled_at`] count.
    pub deadline: fn(&Region) -> Option<Timestamp>,
    /// Adds what should exist for this service.
    pub desire: fn(&Region, &mut World),
    /// Acts that were asked for and are not answered yet.
    pub actions: fn(&Region, &mut Vec<world::Action>),
    /// Takes note of what a world said. Events of no concern are ignored.
    pub observe: fn(&mut Region, &Context, &Event),
    /// Something that the world does and is soon done with, in words: time that is moved ahead
    /// waits for it.
    pub awaits: fn(&Region) -> Option<String>,
}

impl Service {
    /// A service that only answers calls.
    pub const fn new(id: &'static str, handler: fn(&str) -> Option<Handler>) -> Self {
        Self {
            id,
            handler,
            bootstrap: |_, _| {},
            reconcile: |_, _| {},
            deadline: |_| None,
            desire: |_, _| {},
            actions: |_, _| {},
            observe: |_, _, _| {},
            awaits: |_| None,
        }
    }
}

/// The operations of a service, each with the function that does it:
///
/// ```ignore
/// operations! { wire::ec2::op;
///     read DescribeVpcs => vpc::describe_vpcs,
///     write CreateVpc => vpc::create_vpc,
/// }
/// ```
///
/// makes `fn handler(&str) -> Option<Handler>`. A read is `fn(&Region, &Context, Input) ->
/// Result<Output, Error>`, a write takes `&mut Region`. A write that fails leaves no trace.
#[macro_export]
macro_rules! operations {
    ($($op:ident)::+; $($kind:ident $name:ident => $function:path),* $(,)?) => {
        pub(crate) fn handler(operation: &str) -> Option<$crate::Handler> {
            use $($op)::+ as operations;
            match operation {
                $(stringify!($name) => Some($crate::operations!(@$kind operations::$name, $function)),)*
                _ => None,
            }
        }
    };
    (@read $op:path, $function:path) => {
        $crate::Handler::Read(|region, context, value| {
            $crate::dispatch::answer::<$op>(value, |input| $function(region, context, input))
        })
    };
    (@write $op:path, $function:path) => {
        $crate::Handler::Write(|region, context, value| {
            $crate::dispatch::answer::<$op>(value, |input| $function(region, context, input))
        })
    };
}

/// Turns a value into an operation's input, and its output into a value.
#[doc(hidden)]
pub fn answer<O: wire::Operation>(
    input: Value,
    function: impl FnOnce(O::Input) -> Result<O::Output, Error>,
) -> Result<Value, Error> {
    let input = <O::Input as wire::Shape>::from_value(input)?;
    function(input).map(wire::Shape::into_value)
}
