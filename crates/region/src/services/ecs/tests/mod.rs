//! Services as their users see them, on a stage where tasks and load balancer nodes play their
//! parts.

mod deployment;
mod failure;
mod history;
mod life;
mod placement;
pub(crate) mod stage;
