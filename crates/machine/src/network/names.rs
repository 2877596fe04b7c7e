//! Short names and numbers for things whose ids the kernel has no room for.

use std::collections::BTreeMap;

use world::InterfaceId;
use world::VpcId;
use world::id::SubnetId;

use crate::host::digest;

/// The router's end of an interface. The kernel allows 15 bytes.
pub(crate) fn device(interface: &InterfaceId) -> String {
    format!("v{}", tail(interface.as_str()))
}

/// The internet's end of a VPC's link to it.
pub(crate) fn internet_device(vpc: &VpcId) -> String {
    format!("i{}", tail(vpc.as_str()))
}

/// The last characters of an id, its random part; an id in unusual characters is digested.
fn tail(id: &str) -> String {
    let id = id.split_once('-').map_or(id, |(_, rest)| rest);
    if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        id[id.len().saturating_sub(14)..].to_owned()
    } else {
        format!("{:014x}", digest(id.as_bytes()) >> 8)
    }
}

/// A name that nftables takes for a set or a chain, from an id.
pub(crate) fn identifier(prefix: &str, id: &str) -> String {
    let plain: String = id
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    format!("{prefix}_{plain}")
}

/// A number for each subnet, used as packet mark and routing table. It depends on the subnets'
/// ids and hardly ever on which others there are, so that tables stay while subnets come and go.
pub(crate) fn subnet_numbers<'a>(
    subnets: impl Iterator<Item = &'a SubnetId>,
) -> BTreeMap<&'a SubnetId, u32> {
    let mut taken = std::collections::BTreeSet::new();
    subnets
        .map(|subnet| {
            // Low numbers are the kernel's own tables.
            let hash = digest(subnet.as_str().as_bytes());
            let mut number = 1000 + u32::try_from(hash >> 34).unwrap_or_default();
            while !taken.insert(number) {
                number += 1;
            }
            (subnet, number)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_the_kernel() {
        assert_eq!(device(&"eni-0123456789abcdef0".into()), "v3456789abcdef0");
        assert_eq!(device(&"eni-web".into()), "vweb");
        assert_eq!(device(&"eni-a_b".into()).len(), 15);
        assert_eq!(internet_device(&"vpc-1".into()), "i1");
    }

    #[test]
    fn a_subnet_keeps_its_number_when_others_come() {
        let (a, b) = (SubnetId::new("subnet-a"), SubnetId::new("subnet-b"));
        let alone = subnet_numbers([&b].into_iter())[&b];
        assert_eq!(subnet_numbers([&a, &b].into_iter())[&b], alone);
    }
}
