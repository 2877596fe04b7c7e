//! Requests as they should not be, each in its protocol: what is answered, and what becomes of the
//! connection. Requests are signed by AWS's own signer.

mod bench;
mod broken;
mod connections;
mod signatures;
mod unknown;
