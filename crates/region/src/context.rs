//! What a call is given from outside: the time, chance, and who asks.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jiff::Timestamp;
use rand::{Rng, RngCore, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde::{Deserialize, Serialize};
use world::database::Secret;

/// What makes one region differ from another; fixed for its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Twelve digits.
    pub account: String,
    /// Such as `eu-central-1`.
    pub region: String,
    /// The letters of its availability zones, in order.
    pub zones: Vec<char>,
    /// Where clients of the machine reach the region, such as `127.0.0.1:4566`.
    pub endpoint: String,
    /// The certificate, as PEM, that the region's own TLS endpoints are signed with; empty where
    /// there are none.
    pub certificate_authority: String,
    /// Its private key, as PEM: on the curve P-256, PKCS #8. Empty where there is none; then no
    /// certificate can be issued.
    #[serde(skip)]
    pub certificate_authority_key: Secret,
    /// The major versions of PostgreSQL that a world can run; RDS offers no others.
    pub postgres_versions: Vec<u32>,
}

impl Settings {
    /// `eu-central-1a`, `eu-central-1b`, …
    pub fn zone_names(&self) -> impl Iterator<Item = String> {
        self.zones
            .iter()
            .map(|letter| format!("{}{letter}", self.region))
    }

    /// An ARN of this account and region, such as `arn:aws:ecs:eu-central-1:000000000000:cluster/a`.
    pub fn arn(&self, service: &str, resource: impl std::fmt::Display) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }

    /// An ARN of a global service, whose region is empty, such as `arn:aws:iam::000000000000:role/a`.
    pub fn global_arn(&self, service: &str, resource: impl std::fmt::Display) -> String {
        format!("arn:aws:{service}::{}:{resource}", self.account)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            account: "000000000000".to_owned(),
            region: "eu-central-1".to_owned(),
            zones: vec!['a', 'b', 'c'],
            endpoint: "127.0.0.1:4566".to_owned(),
            certificate_authority: String::new(),
            certificate_authority_key: Secret::default(),
            postgres_versions: vec![15],
        }
    }
}

/// Who makes a call, after the signature was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// The account's root; may do everything.
    Root,
    /// An IAM user, by name.
    User { name: String },
    /// A role in use, by role name and session name.
    Role { name: String, session: String },
    /// A part of the region itself, such as ECS acting for a service.
    Service { principal: &'static str },
    /// An unsigned call; a few operations take one.
    Anonymous,
}

/// Everything a call may know that is not a row. The control plane reads no clock and rolls no
/// dice of its own.
#[derive(Debug)]
pub struct Context<'a> {
    /// The region's time.
    pub now: Timestamp,
    /// What the clocks of clients show. It differs from `now` once the region's time was moved, and
    /// is for what clients hold against their own clocks: the end of a session or a password.
    pub wall: Timestamp,
    pub settings: &'a Settings,
    pub caller: Caller,
    /// Also what the client sees as the request's id.
    pub request_id: String,
    random: RefCell<ChaCha12Rng>,
}

impl<'a> Context<'a> {
    /// A context whose chance follows from `seed` alone.
    pub fn new(settings: &'a Settings, now: Timestamp, caller: Caller, seed: [u8; 32]) -> Self {
        let mut random = ChaCha12Rng::from_seed(seed);
        let request_id = uuid(&mut random);
        Self {
            now,
            wall: now,
            settings,
            caller,
            request_id,
            random: RefCell::new(random),
        }
    }

    /// Lower-case hexadecimal digits, as many as asked.
    pub fn hex(&self, digits: usize) -> String {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.pick(digits, DIGITS)
    }

    /// An EC2 resource id: a prefix and seventeen hexadecimal digits, such as `vpc-0a…`.
    /// Since 2018 the first digit of those is `0`.
    pub fn ec2_id(&self, prefix: &str) -> String {
        format!("{prefix}-0{}", self.hex(16))
    }

    /// A random (version 4) UUID with dashes.
    pub fn uuid(&self) -> String {
        uuid(&mut *self.random.borrow_mut())
    }

    /// Upper-case letters and digits, as in `AROA…` and `db-…`.
    pub fn upper_alphanumeric(&self, characters: usize) -> String {
        self.pick(characters, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
    }

    /// Letters of both cases and digits.
    pub fn alphanumeric(&self, characters: usize) -> String {
        self.pick(
            characters,
            b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
        )
    }

    /// As many characters of `alphabet` as asked.
    ///
    /// # Panics
    /// If `alphabet` is empty.
    pub fn pick(&self, characters: usize, alphabet: &[u8]) -> String {
        let mut random = self.random.borrow_mut();
        (0..characters)
            .map(|_| char::from(alphabet[random.random_range(0..alphabet.len())]))
            .collect()
    }

    /// A number below `bound`, which is not zero.
    pub fn below(&self, bound: u64) -> u64 {
        self.random.borrow_mut().random_range(0..bound)
    }

    /// Random bytes, good enough for keys: the seed comes from the operating system.
    pub fn bytes<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random.borrow_mut().fill_bytes(&mut bytes);
        bytes
    }

    /// Random bytes of a length known only at run time.
    pub fn byte_vec(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.random.borrow_mut().fill_bytes(&mut bytes);
        bytes
    }
}

fn uuid(random: &mut impl RngCore) -> String {
    let mut bytes = [0u8; 16];
    random.fill_bytes(&mut bytes);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = hex::encode(bytes);
    format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    )
}

/// Tags as every service keeps them.
pub type Tags = BTreeMap<String, String>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chance_follows_the_seed_and_ids_have_aws_form() {
        let settings = Settings::default();
        let make = |seed| Context::new(&settings, Timestamp::UNIX_EPOCH, Caller::Root, [seed; 32]);
        assert_eq!(make(1).hex(32), make(1).hex(32));
        assert_ne!(make(1).hex(32), make(2).hex(32));
        let id = make(1).ec2_id("vpc");
        assert_eq!((id.len(), &id[..5]), (21, "vpc-0"));
        assert_eq!(make(1).uuid().as_bytes()[14], b'4');
    }
}
