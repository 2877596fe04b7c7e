//! Stickiness cookies. What they say is sealed: a client can neither read nor forge it.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::{COOKIE, SET_COOKIE};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::digest::{SHA256, digest};

use crate::fields::{Fields, text};

/// A group, or a set of groups, in short: cookies must stay small.
pub(crate) type Tag = u64;

/// The tag of a text.
pub(crate) fn tag(text: &str) -> Tag {
    let digest = digest(&SHA256, text.as_bytes());
    let mut first = [0; 8];
    first.copy_from_slice(&digest.as_ref()[..8]);
    Tag::from_be_bytes(first)
}

/// What a cookie binds a client to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bond {
    /// A target of a group (`AWSALB`, `AWSALBAPP-0`).
    Target { group: Tag, target: SocketAddr },
    /// One of the groups of a forward action (`AWSALBTG`).
    Group { action: Tag, group: Tag },
}

/// Seals and opens cookie values.
pub(crate) struct Sealer(LessSafeKey);

impl std::fmt::Debug for Sealer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Sealer")
    }
}

impl Sealer {
    pub(crate) fn new(secret: &str) -> Self {
        let key = digest(&SHA256, secret.as_bytes());
        Self(LessSafeKey::new(
            UnboundKey::new(&AES_256_GCM, key.as_ref())
                .expect("a SHA-256 digest is an AES-256 key"),
        ))
    }

    /// The cookie value that binds until `until`. `chance` must not be told twice.
    pub(crate) fn seal(&self, bond: Bond, until: SystemTime, chance: [u64; 2]) -> String {
        let mut nonce = [0; NONCE_LEN];
        nonce[..8].copy_from_slice(&chance[0].to_be_bytes());
        nonce[8..].copy_from_slice(&chance[1].to_be_bytes()[4..]);
        let mut plain = Vec::with_capacity(64);
        plain.extend_from_slice(&unix_seconds(until).to_be_bytes());
        match bond {
            Bond::Target { group, target } => {
                plain.push(1);
                plain.extend_from_slice(&group.to_be_bytes());
                plain.extend_from_slice(&target.port().to_be_bytes());
                match target.ip() {
                    IpAddr::V4(ip) => plain.extend_from_slice(&ip.octets()),
                    IpAddr::V6(ip) => plain.extend_from_slice(&ip.octets()),
                }
            }
            Bond::Group { action, group } => {
                plain.push(2);
                plain.extend_from_slice(&action.to_be_bytes());
                plain.extend_from_slice(&group.to_be_bytes());
            }
        }
        self.0
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::empty(),
                &mut plain,
            )
            .expect("a few bytes can be sealed");
        let mut value = nonce.to_vec();
        value.append(&mut plain);
        URL_SAFE_NO_PAD.encode(value)
    }

    /// What a cookie value binds to, if it is ours and still holds.
    pub(crate) fn open(&self, value: &str, now: SystemTime) -> Option<Bond> {
        let mut bytes = URL_SAFE_NO_PAD.decode(value).ok()?;
        let (nonce, sealed) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let plain = &*self.0.open_in_place(nonce, Aad::empty(), sealed).ok()?;
        let (until, rest) = plain.split_first_chunk()?;
        if u64::from_be_bytes(*until) <= unix_seconds(now) {
            return None;
        }
        let (kind, rest) = rest.split_first()?;
        let (first, rest) = rest.split_first_chunk()?;
        let first = Tag::from_be_bytes(*first);
        match kind {
            1 => {
                let (port, address) = rest.split_first_chunk()?;
                let ip = match address.len() {
                    4 => IpAddr::from(<[u8; 4]>::try_from(address).ok()?),
                    _ => IpAddr::from(<[u8; 16]>::try_from(address).ok()?),
                };
                Some(Bond::Target {
                    group: first,
                    target: SocketAddr::new(ip, u16::from_be_bytes(*port)),
                })
            }
            2 => Some(Bond::Group {
                action: first,
                group: Tag::from_be_bytes(rest.try_into().ok()?),
            }),
            _ => None,
        }
    }
}

fn unix_seconds(at: SystemTime) -> u64 {
    at.duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

/// The value of a request's cookie.
pub(crate) fn get<'a>(headers: Fields<'a>, name: &str) -> Option<&'a str> {
    headers
        .all(&COOKIE)
        .filter_map(text)
        .flat_map(|text| text.split(';'))
        .find_map(|pair| {
            let (key, value) = pair.trim().split_once('=')?;
            (key == name).then_some(value)
        })
}

/// Whether an answer of a target sets the cookie.
pub(crate) fn is_set(headers: Fields<'_>, name: &str) -> bool {
    headers.all(&SET_COOKIE).any(|value| {
        value
            .strip_prefix(name.as_bytes())
            .is_some_and(|rest| rest.starts_with(b"="))
    })
}

/// The `Set-Cookie` values for a cookie and its twin for other sites.
pub(crate) fn set(
    name: &str,
    cross_site_name: Option<&str>,
    value: &str,
    expires: SystemTime,
    secure: bool,
) -> impl Iterator<Item = HeaderValue> {
    let expires = httpdate::fmt_http_date(expires);
    let own = format!("{name}={value}; Expires={expires}; Path=/");
    let twin = cross_site_name.map(|name| {
        let secure = if secure { "; Secure" } else { "" };
        format!("{name}={value}; Expires={expires}; Path=/; SameSite=None{secure}")
    });
    std::iter::once(own)
        .chain(twin)
        .filter_map(|text| HeaderValue::from_str(&text).ok())
}

/// How long a browser keeps the load balancer's own cookies, whatever they bind.
pub(crate) const KEPT: Duration = Duration::from_hours(7 * 24);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn what_is_sealed_opens_until_it_ends_and_only_with_the_same_secret() {
        let sealer = Sealer::new("secret");
        for bond in [
            Bond::Target {
                group: tag("a"),
                target: "10.0.0.1:80".parse().unwrap(),
            },
            Bond::Target {
                group: tag("a"),
                target: "[fd00::1]:80".parse().unwrap(),
            },
            Bond::Group {
                action: tag("x"),
                group: tag("b"),
            },
        ] {
            let value = sealer.seal(bond, at(100), [1, 2]);
            assert_eq!(sealer.open(&value, at(99)), Some(bond));
            assert_eq!(sealer.open(&value, at(100)), None);
            assert_eq!(Sealer::new("other").open(&value, at(99)), None);
        }
    }

    #[test]
    fn cookies_are_found_among_others() {
        let mut headers = http::HeaderMap::new();
        headers.append(COOKIE, HeaderValue::from_static("a=1; AWSALB=xyz=="));
        headers.append(COOKIE, HeaderValue::from_static("b=2"));
        let headers = Fields::Map(&headers);
        assert_eq!(get(headers, "AWSALB"), Some("xyz=="));
        assert_eq!(get(headers, "b"), Some("2"));
        assert_eq!(get(headers, "AWSALBCORS"), None);
        let set: Vec<_> = set("AWSALB", Some("AWSALBCORS"), "v", at(0), true).collect();
        assert_eq!(
            set[0],
            "AWSALB=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"
        );
        assert_eq!(
            set[1],
            "AWSALBCORS=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/; SameSite=None; Secure"
        );
    }

    proptest! {
        #[test]
        fn nothing_but_the_sealed_value_opens(garbage in "[A-Za-z0-9_-]{0,120}", flip in 0usize..60) {
            let sealer = Sealer::new("secret");
            prop_assert_eq!(sealer.open(&garbage, at(0)), None);
            let bond = Bond::Group { action: 1, group: 2 };
            let mut bytes = URL_SAFE_NO_PAD.decode(sealer.seal(bond, at(9), [3, 4])).unwrap();
            let index = flip % bytes.len();
            bytes[index] ^= 1;
            prop_assert_eq!(sealer.open(&URL_SAFE_NO_PAD.encode(bytes), at(0)), None);
        }
    }
}
