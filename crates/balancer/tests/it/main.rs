//! A real node on loopback, real clients, real origins.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on may panic")]

mod failures;
mod garbage;
mod harness;
mod lifecycle;
mod protocols;
mod routing;
mod sticky;
mod two_ways;
