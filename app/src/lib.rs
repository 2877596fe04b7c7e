//! `links`: a link shortener behind a load balancer, with a PostgreSQL behind it.

pub mod cache;
pub mod clicks;
pub mod commands;
pub mod config;
pub mod credentials;
pub mod database;
pub mod http;
pub mod json;
pub mod keys;
pub mod lifecycle;
pub mod links;
pub mod logs;
pub mod migrations;
pub mod probe;
pub mod qr;
pub mod server;
pub mod telemetry;
pub mod transfer;
