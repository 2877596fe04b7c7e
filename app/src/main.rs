//! The backend service.

fn main() {}
