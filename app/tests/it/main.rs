//! `links` as its clients and its platform see it: real processes, a real PostgreSQL.

mod api;
mod credentials;
mod life;
mod support;
