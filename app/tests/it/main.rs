//! `links` as its clients and its platform see it: real processes, a real PostgreSQL, a real Redis, a real browser.

mod access;
mod api;
mod cache;
mod clicks;
mod credentials;
mod drill;
mod faults;
mod fuzz;
mod life;
mod list;
mod page;
mod replica;
mod support;
mod telemetry;
mod transfer;
