//! The header fields that concern a load balancer, found by name without hashing.

use std::mem::MaybeUninit;

use httparse::Header;

/// Room for the fields of a head, and for what each is about.
pub(super) struct Room<'a, const N: usize> {
    pub fields: [MaybeUninit<Header<'a>>; N],
    pub kinds: [Kind; N],
}

impl<const N: usize> Default for Room<'_, N> {
    fn default() -> Self {
        Self {
            fields: [MaybeUninit::uninit(); N],
            kinds: [Kind::Other; N],
        }
    }
}

/// What a field is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Passed on as it is.
    Other,
    Host,
    ContentLength,
    TransferEncoding,
    Connection,
    Upgrade,
    Expect,
    /// Concerns one connection only, as in [`crate::headers::remove_hop_by_hop`].
    HopByHop,
    ForwardedFor,
    /// X-Forwarded-Proto and X-Forwarded-Port, which are the load balancer's to tell.
    Forwarded,
    TraceId,
    /// X-Amzn-Tls-Version and X-Amzn-Tls-Cipher-Suite.
    Tls,
    Date,
}

pub(super) fn kind(name: &str) -> Kind {
    let known: &[(&str, Kind)] = match name.len() {
        2 => &[("te", Kind::HopByHop)],
        4 => &[("host", Kind::Host), ("date", Kind::Date)],
        6 => &[("expect", Kind::Expect)],
        7 => &[("upgrade", Kind::Upgrade), ("trailer", Kind::HopByHop)],
        10 => &[
            ("connection", Kind::Connection),
            ("keep-alive", Kind::HopByHop),
        ],
        14 => &[("content-length", Kind::ContentLength)],
        15 => &[
            ("x-forwarded-for", Kind::ForwardedFor),
            ("x-amzn-trace-id", Kind::TraceId),
        ],
        16 => &[
            ("x-forwarded-port", Kind::Forwarded),
            ("proxy-connection", Kind::HopByHop),
        ],
        17 => &[
            ("x-forwarded-proto", Kind::Forwarded),
            ("transfer-encoding", Kind::TransferEncoding),
        ],
        18 => &[
            ("x-amzn-tls-version", Kind::Tls),
            ("proxy-authenticate", Kind::HopByHop),
        ],
        23 => &[("x-amzn-tls-cipher-suite", Kind::Tls)],
        _ => &[],
    };
    known
        .iter()
        .find(|(known, _)| name.eq_ignore_ascii_case(known))
        .map_or(Kind::Other, |(_, kind)| *kind)
}

/// The value of a field that says a number in plain digits, as both lengths do.
pub(super) fn digits(value: &[u8]) -> Option<u64> {
    let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| digits)?
        .parse()
        .ok()
}

/// Writes a field's line. Names go out in lower case, as from the general path.
pub(super) fn write(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.reserve(name.len() + value.len() + ": \r\n".len());
    let start = out.len();
    out.extend_from_slice(name.as_bytes());
    out[start..].make_ascii_lowercase();
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Whether a list of tokens, as Connection has them, holds one.
pub(super) fn lists(value: &[u8], token: &str) -> bool {
    crate::fields::text(value).is_some_and(|text| {
        text.split(',')
            .any(|t| t.trim().eq_ignore_ascii_case(token))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for (name, expected) in [
            ("Host", Kind::Host),
            ("TRANSFER-ENCODING", Kind::TransferEncoding),
            ("keep-Alive", Kind::HopByHop),
            ("Keep_Alive", Kind::Other),
            ("x-forwarded-f0r", Kind::Other),
            ("", Kind::Other),
        ] {
            assert_eq!(kind(name), expected, "{name}");
        }
    }

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        for (value, expected) in [
            (&b"0"[..], Some(0)),
            (b"18446744073709551615", Some(u64::MAX)),
            (b"18446744073709551616", None),
            (b"+3", None),
            (b"3, 3", None),
            (b"", None),
            (b"\xff", None),
        ] {
            assert_eq!(digits(value), expected);
        }
    }
}
