//! The text that a client sends: `lk_<id>_<secret>`.

use std::fmt;

use rand::Rng;
use sha2::{Digest, Sha256};

const PREFIX: &str = "lk_";
const ALPHABET: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH: usize = 12;
/// 62^43 > 2^256.
const SECRET_LENGTH: usize = 43;

/// Id and secret of a key. The secret is never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    id: String,
    secret: String,
}

impl Token {
    pub fn generate(rng: &mut (impl Rng + rand::CryptoRng)) -> Self {
        let mut text = |length| {
            (0..length)
                .map(|_| char::from(ALPHABET[rng.random_range(0..ALPHABET.len())]))
                .collect()
        };
        Self {
            id: text(ID_LENGTH),
            secret: text(SECRET_LENGTH),
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (id.len() == ID_LENGTH && secret.len() == SECRET_LENGTH && plain(id) && plain(secret)).then(
            || Self {
                id: id.to_owned(),
                secret: secret.to_owned(),
            },
        )
    }

    /// The public half, which may be logged.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What is kept of the secret.
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(&self.secret).into()
    }

    /// Whether this is what was kept, without telling by its time how much of it is right.
    pub fn matches(&self, hash: &[u8]) -> bool {
        let difference = self
            .hash()
            .iter()
            .zip(hash)
            .fold(0, |difference, (a, b)| difference | (a ^ b));
        std::hint::black_box(difference) == 0 && hash.len() == 32
    }

    /// The whole, to be shown once.
    pub fn reveal(&self) -> String {
        format!("{PREFIX}{}_{}", self.id, self.secret)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({}, …)", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_hash() {
        let token = Token::generate(&mut rand::rng());
        let text = token.reveal();
        assert_eq!(Token::parse(&text).as_ref(), Some(&token));
        assert!(token.matches(&token.hash()));
        assert!(!Token::generate(&mut rand::rng()).matches(&token.hash()));
        assert!(!token.matches(&[]) && !token.matches(&token.hash()[..31]));
        assert!(!format!("{token:?}").contains(&token.secret));
        for bad in [
            "",
            "lk_",
            "lk_a_b",
            &text[1..],
            &format!("{text}x"),
            &text.replace('_', "-"),
        ] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }
}
