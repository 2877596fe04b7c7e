//! Whether a record's value is one of its type, and if not, how Route 53 says so.
//!
//! <https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html>

use std::net::{Ipv4Addr, Ipv6Addr};

use wire::route53::RRType;

use super::name::{BadName, Name};

/// Bytes of one string of a TXT value.
const MOST_OF_STRING: usize = 255;

fn fatal(code: &str, why: &str, value: &str) -> String {
    format!("Invalid Resource Record: FATAL problem: {code} ({why}) encountered with '{value}'")
}

/// What is wrong with a value of a type.
pub(super) fn check(kind: RRType, value: &str) -> Result<(), String> {
    match kind {
        RRType::A => match value.parse::<Ipv4Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(fatal(
                "ARRDATAIllegalIPv4Address",
                "Value is not a valid IPv4 address",
                value,
            )),
        },
        RRType::Aaaa => match value.parse::<Ipv6Addr>() {
            Ok(_) => Ok(()),
            Err(_) => Err(fatal(
                "AAAARRDATAIllegalIPv6Address",
                "Value is not a valid IPv6 address",
                value,
            )),
        },
        RRType::Cname | RRType::Ns | RRType::Ptr => name(value),
        RRType::Txt | RRType::Spf => strings(value),
        RRType::Mx => {
            let [priority, host] = fields(
                value,
                "MXRRDATANotTwoFields",
                "MX record doesn't have 2 fields",
            )?;
            number::<u16>(priority, value)?;
            host_or_root(host)
        }
        RRType::Srv => {
            let [priority, weight, port, host] = fields(
                value,
                "SRVRRDATANotFourFields",
                "SRV record doesn't have 4 fields",
            )?;
            for one in [priority, weight, port] {
                number::<u16>(one, value)?;
            }
            host_or_root(host)
        }
        RRType::Soa => {
            let [server, mailbox, times @ ..] = fields::<7>(
                value,
                "SOARRDATANotSevenFields",
                "SOA record doesn't have 7 fields",
            )?;
            name(server)?;
            name(mailbox)?;
            times.iter().try_for_each(|one| number::<u32>(one, value))
        }
        RRType::Caa => {
            let mut parts = value.splitn(3, ' ');
            let (Some(flags), Some(tag), Some(text)) = (parts.next(), parts.next(), parts.next())
            else {
                return Err(fatal(
                    "CAARRDATANotThreeFields",
                    "CAA record doesn't have 3 fields",
                    value,
                ));
            };
            number::<u8>(flags, value)?;
            if tag.is_empty() || !tag.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
                return Err(fatal(
                    "CAARRDATAIllegalTag",
                    "CAA tag has to be letters and digits",
                    value,
                ));
            }
            strings(text)
        }
        RRType::Ds => {
            let [tag, algorithm, digest_kind, digest] = fields(
                value,
                "DSRRDATANotFourFields",
                "DS record doesn't have 4 fields",
            )?;
            number::<u16>(tag, value)?;
            number::<u8>(algorithm, value)?;
            number::<u8>(digest_kind, value)?;
            hexadecimal(digest, value)
        }
        RRType::Tlsa => {
            let [usage, selector, matching, data] = fields(
                value,
                "TLSARRDATANotFourFields",
                "TLSA record doesn't have 4 fields",
            )?;
            for one in [usage, selector, matching] {
                number::<u8>(one, value)?;
            }
            hexadecimal(data, value)
        }
        RRType::Sshfp => {
            let [algorithm, print_kind, print] = fields(
                value,
                "SSHFPRRDATANotThreeFields",
                "SSHFP record doesn't have 3 fields",
            )?;
            number::<u8>(algorithm, value)?;
            number::<u8>(print_kind, value)?;
            hexadecimal(print, value)
        }
        RRType::Naptr => {
            let parts: Vec<&str> = value.split_ascii_whitespace().collect();
            let [order, preference, flags, service, expression, host] = parts[..] else {
                return Err(fatal(
                    "NAPTRRRDATANotSixFields",
                    "NAPTR record doesn't have 6 fields",
                    value,
                ));
            };
            number::<u16>(order, value)?;
            number::<u16>(preference, value)?;
            for one in [flags, service, expression] {
                strings(one)?;
            }
            host_or_root(host)
        }
        RRType::Svcb | RRType::Https => {
            let mut parts = value.split_ascii_whitespace();
            let (Some(priority), Some(host)) = (parts.next(), parts.next()) else {
                return Err(fatal(
                    "SVCBRRDATATooFewFields",
                    "Record needs a priority and a target",
                    value,
                ));
            };
            number::<u16>(priority, value)?;
            host_or_root(host)
        }
    }
}

fn name(value: &str) -> Result<(), String> {
    match Name::parse(value) {
        Ok(_) => Ok(()),
        Err(BadName(why)) => Err(format!("Invalid Resource Record: {why}")),
    }
}

fn host_or_root(value: &str) -> Result<(), String> {
    if value == "." { Ok(()) } else { name(value) }
}

fn fields<'a, const N: usize>(
    value: &'a str,
    code: &str,
    why: &str,
) -> Result<[&'a str; N], String> {
    let parts: Vec<&str> = value.split_ascii_whitespace().collect();
    parts.try_into().map_err(|_| fatal(code, why, value))
}

fn number<T: std::str::FromStr>(text: &str, value: &str) -> Result<(), String> {
    match text.parse::<T>() {
        Ok(_) if text.bytes().all(|byte| byte.is_ascii_digit()) => Ok(()),
        _ => Err(fatal(
            "InvalidNumber",
            "A number is not one or is out of its range",
            value,
        )),
    }
}

fn hexadecimal(text: &str, value: &str) -> Result<(), String> {
    if !text.is_empty()
        && text.len().is_multiple_of(2)
        && text.bytes().all(|byte| byte.is_ascii_hexdigit())
    {
        return Ok(());
    }
    Err(fatal(
        "InvalidHexadecimal",
        "Value should be an even number of hexadecimal digits",
        value,
    ))
}

/// One string in quotation marks or several.
fn strings(value: &str) -> Result<(), String> {
    let unquoted = || {
        fatal(
            "InvalidCharacterString",
            "Value should be enclosed in quotation marks",
            value,
        )
    };
    let mut rest = value.trim();
    if rest.is_empty() {
        return Err(unquoted());
    }
    while !rest.is_empty() {
        let text = rest.strip_prefix('"').ok_or_else(unquoted)?;
        let end = closing(text).ok_or_else(unquoted)?;
        if length(&text[..end]) > MOST_OF_STRING {
            return Err(fatal("CharacterStringTooLong", "Value is too long", value));
        }
        rest = text[end + 1..].trim_start();
    }
    Ok(())
}

/// Where the quotation mark is that ends a string.
fn closing(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(at),
            _ => {}
        }
    }
    None
}

/// The bytes a string stands for: `\ooo` is one, and so is `\"`.
fn length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut count) = (0, 0);
    while at < bytes.len() {
        at += match bytes[at] {
            b'\\' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => 4,
            b'\\' => 2,
            _ => 1,
        };
        count += 1;
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_form_of_their_type() {
        use RRType::{
            A, Aaaa, Caa, Cname, Ds, Https, Mx, Naptr, Ns, Ptr, Soa, Srv, Sshfp, Tlsa, Txt,
        };
        let long = format!("\"{}\"", "a".repeat(256));
        for (kind, value, code) in [
            (A, "192.0.2.1", ""),
            (A, "192.0.2.256", "ARRDATAIllegalIPv4Address"),
            (A, "", "ARRDATAIllegalIPv4Address"),
            (Aaaa, "2001:db8::1", ""),
            (Aaaa, "192.0.2.1", "AAAARRDATAIllegalIPv6Address"),
            (Cname, "www.example.com", ""),
            (Cname, "www..example.com", "DomainLabelEmpty"),
            (Ns, "ns-1.example.net.", ""),
            (Ptr, "host name", "UnsupportedCharacter"),
            (Txt, "\"v=spf1 -all\" \"more\"", ""),
            (Txt, "\"a \\\" quote\"", ""),
            (Txt, "v=spf1", "InvalidCharacterString"),
            (Txt, "\"open", "InvalidCharacterString"),
            (Txt, &long, "CharacterStringTooLong"),
            (Mx, "10 mail.example.com.", ""),
            (Mx, "mail.example.com.", "MXRRDATANotTwoFields"),
            (Mx, "70000 mail.example.com.", "InvalidNumber"),
            (Srv, "1 10 5269 xmpp.example.com.", ""),
            (Srv, "1 10 5269", "SRVRRDATANotFourFields"),
            (Caa, "0 issue \"amazon.com\"", ""),
            (Caa, "0 issue", "CAARRDATANotThreeFields"),
            (Caa, "0 issue amazon.com", "InvalidCharacterString"),
            (Soa, "ns. host. 1 7200 900 1209600 86400", ""),
            (Soa, "ns. host. 1 7200 900", "SOARRDATANotSevenFields"),
            (Ds, "12345 13 2 ABCDEF", ""),
            (Ds, "12345 13 2 XYZ", "InvalidHexadecimal"),
            (Tlsa, "3 1 1 AB", ""),
            (Sshfp, "1 1 ABC", "InvalidHexadecimal"),
            (Naptr, "100 50 \"u\" \"E2U+sip\" \"!^.*$!sip:a@b!\" .", ""),
            (Naptr, "100 50 u", "NAPTRRRDATANotSixFields"),
            (Https, "1 . alpn=\"h2\"", ""),
            (Https, "1", "SVCBRRDATATooFewFields"),
        ] {
            match check(kind, value) {
                Ok(()) => assert_eq!(code, "", "{kind} {value}"),
                Err(why) => assert!(
                    !code.is_empty() && why.contains(code),
                    "{kind} {value}: {why}"
                ),
            }
        }
        assert_eq!(
            check(A, "x").unwrap_err(),
            "Invalid Resource Record: FATAL problem: ARRDATAIllegalIPv4Address (Value is not a valid IPv4 address) encountered with 'x'"
        );
    }
}
