//! The command line as its users meet it, most of all where something is wrong.

mod full_disk;
mod leftovers;
mod logs;
mod ordinary_user;
mod refusals;
mod support;
mod system;
