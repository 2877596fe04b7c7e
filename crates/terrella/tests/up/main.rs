//! What is true of a system that is up: the unmodified Terraform brought it into a region of the
//! test's own, and requests go through it. One story a file, each with a region of its own. They
//! take minutes, most of them the provider's own waits.

mod delivery;
mod line;
mod load;
mod region;
mod remains;
mod scaling;
mod watching;
