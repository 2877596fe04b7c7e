//! Address arithmetic: ranges as clients write them, and free addresses in them.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::{Ipv4Net, Ipv6Net};
use wire::Error;

use super::error;
use crate::Context;

/// A range with its host bits masked, as AWS does silently.
pub(super) fn parse(text: &str) -> Result<Ipv4Net, Error> {
    text.parse::<Ipv4Net>()
        .map(|range| range.trunc())
        .map_err(|_| {
            error::invalid(format!(
                "Value ({text}) for parameter cidrBlock is invalid. This is not a valid CIDR block."
            ))
        })
}

/// A range of a rule or a route, with that call's own text.
pub(super) fn parse_rule(text: &str) -> Result<Ipv4Net, Error> {
    text.parse::<Ipv4Net>()
        .map(|range| range.trunc())
        .map_err(|_| error::invalid(format!("CIDR block {text} is malformed")))
}

pub(super) fn parse_ipv6(text: &str) -> Result<Ipv6Net, Error> {
    text.parse::<Ipv6Net>()
        .map(|range| range.trunc())
        .map_err(|_| error::invalid(format!("CIDR block {text} is malformed")))
}

pub(super) fn overlap(one: Ipv4Net, other: Ipv4Net) -> bool {
    one.contains(&other) || other.contains(&one)
}

/// Whether AWS keeps an address of a subnet for itself: the first four and the last.
pub(super) fn reserved(subnet: Ipv4Net, address: Ipv4Addr) -> bool {
    let from_start = u32::from(address).wrapping_sub(u32::from(subnet.network()));
    from_start < 4 || address == subnet.broadcast()
}

/// How many addresses of a subnet may be given out at all.
pub(super) fn capacity(subnet: Ipv4Net) -> u32 {
    (1u32 << (32 - u32::from(subnet.prefix_len()).max(1))).saturating_sub(5)
}

/// A free address of a subnet, from a place left to chance so that an address just given back
/// is rarely the next one given out.
pub(super) fn free_address(
    context: &Context,
    subnet: Ipv4Net,
    used: &BTreeSet<Ipv4Addr>,
) -> Option<Ipv4Addr> {
    let capacity = capacity(subnet);
    if capacity == 0 {
        return None;
    }
    let first = u32::from(subnet.network()) + 4;
    probe(context, first, capacity, used)
}

/// The first free of `count` addresses from `first` on, beginning at a place left to chance.
pub(super) fn probe(
    context: &Context,
    first: u32,
    count: u32,
    used: &BTreeSet<Ipv4Addr>,
) -> Option<Ipv4Addr> {
    let start = u32::try_from(context.below(u64::from(count))).ok()?;
    (0..count)
        .map(|step| Ipv4Addr::from(first + (start + step) % count))
        .find(|address| !used.contains(address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Caller, Settings};
    use jiff::Timestamp;
    use proptest::prelude::*;

    #[test]
    fn host_bits_are_masked() {
        assert_eq!(
            parse("100.68.0.18/18").unwrap().to_string(),
            "100.68.0.0/18"
        );
        for bad in ["", "10.0.0.0", "10.0.0.0/33", "300.0.0.0/8", "x"] {
            assert_eq!(parse(bad).unwrap_err().code, "InvalidParameterValue");
        }
    }

    proptest! {
        #[test]
        fn no_address_is_given_twice_and_none_that_is_reserved(
            seed: [u8; 32],
            network in any::<u32>(),
            length in 25u8..=28,
        ) {
            let settings = Settings::default();
            let context = Context::new(&settings, Timestamp::UNIX_EPOCH, Caller::Root, seed);
            let subnet = Ipv4Net::new(Ipv4Addr::from(network), length).unwrap().trunc();
            let mut used = BTreeSet::new();
            while let Some(address) = free_address(&context, subnet, &used) {
                prop_assert!(subnet.contains(&address));
                prop_assert!(!reserved(subnet, address));
                prop_assert!(used.insert(address));
            }
            prop_assert_eq!(used.len(), capacity(subnet) as usize);
        }
    }
}
