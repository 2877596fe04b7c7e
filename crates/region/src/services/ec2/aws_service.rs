//! AWS's own services as packets find them: their names, their addresses, and as what a VPC
//! endpoint offers them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use wire::ec2 as api;

use crate::Settings;

/// The range that AWS's services have here: set aside for benchmarks, so nobody's.
const BASE: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 0);

pub(super) struct AwsService {
    /// As in `com.amazonaws.<region>.<name>`.
    pub(super) name: &'static str,
    /// Its public names; `{}` stands for the region.
    pub(super) hosts: &'static [&'static str],
    pub(super) gateway: bool,
    pub(super) interface: bool,
    /// Whether anything answers there.
    pub(super) served: bool,
}

const fn interface(name: &'static str, hosts: &'static [&'static str]) -> AwsService {
    AwsService {
        name,
        hosts,
        gateway: false,
        interface: true,
        served: true,
    }
}

/// The place in the list is the last part of the address: only ever add at the end.
pub(super) const SERVICES: &[AwsService] = &[
    AwsService {
        gateway: true,
        ..interface("s3", &["s3.{}.amazonaws.com", "*.s3.{}.amazonaws.com"])
    },
    AwsService {
        gateway: true,
        served: false,
        ..interface("dynamodb", &["dynamodb.{}.amazonaws.com"])
    },
    interface("ec2", &["ec2.{}.amazonaws.com"]),
    interface(
        "elasticloadbalancing",
        &["elasticloadbalancing.{}.amazonaws.com"],
    ),
    interface("ecs", &["ecs.{}.amazonaws.com"]),
    interface("ecr.api", &["api.ecr.{}.amazonaws.com"]),
    interface("ecr.dkr", &["*.dkr.ecr.{}.amazonaws.com"]),
    interface("rds", &["rds.{}.amazonaws.com"]),
    interface(
        "application-autoscaling",
        &["application-autoscaling.{}.amazonaws.com"],
    ),
    interface("monitoring", &["monitoring.{}.amazonaws.com"]),
    interface("logs", &["logs.{}.amazonaws.com"]),
    interface("sns", &["sns.{}.amazonaws.com"]),
    interface("sts", &["sts.{}.amazonaws.com", "sts.amazonaws.com"]),
    interface("secretsmanager", &["secretsmanager.{}.amazonaws.com"]),
    interface("kms", &["kms.{}.amazonaws.com"]),
    interface("acm", &["acm.{}.amazonaws.com"]),
    AwsService {
        interface: false,
        ..interface("iam", &["iam.amazonaws.com"])
    },
    AwsService {
        interface: false,
        ..interface("route53", &["route53.amazonaws.com"])
    },
];

impl AwsService {
    /// `com.amazonaws.eu-central-1.s3`
    pub(super) fn full_name(&self, settings: &Settings) -> String {
        format!("com.amazonaws.{}.{}", settings.region, self.name)
    }

    pub(super) fn names(&self, settings: &Settings) -> Vec<String> {
        self.hosts
            .iter()
            .map(|host| host.replace("{}", &settings.region))
            .collect()
    }

    /// The names that an interface endpoint takes over in its VPC.
    pub(super) fn private_names(&self, settings: &Settings) -> Vec<String> {
        let mut names = self.names(settings);
        names.retain(|name| name.contains(&settings.region));
        names
    }

    pub(super) fn offers(&self, kind: api::VpcEndpointType) -> bool {
        match kind {
            api::VpcEndpointType::Gateway => self.gateway,
            api::VpcEndpointType::Interface => self.interface,
            _ => false,
        }
    }

    /// A /24 each for those with a prefix list, the first two; the others share one.
    fn address(place: usize) -> Ipv4Addr {
        let place = u32::try_from(place).unwrap_or(u32::MAX);
        let offset = if place < 2 {
            ((place + 1) << 8) + 1
        } else {
            place
        };
        Ipv4Addr::from(u32::from(BASE) + offset)
    }
}

/// The range of a service with a prefix list.
pub(super) fn range(name: &str) -> Option<ipnet::Ipv4Net> {
    let place = SERVICES.iter().position(|service| service.name == name)?;
    ipnet::Ipv4Net::new(AwsService::address(place), 24)
        .ok()
        .map(|range| range.trunc())
}

pub(super) fn by_full_name(settings: &Settings, name: &str) -> Option<&'static AwsService> {
    SERVICES
        .iter()
        .find(|service| service.full_name(settings) == name)
}

/// Where each service that answers is found.
pub(super) fn addresses(settings: &Settings) -> BTreeMap<Ipv4Addr, Vec<String>> {
    SERVICES
        .iter()
        .enumerate()
        .filter(|(_, service)| service.served)
        .map(|(place, service)| (AwsService::address(place), service.names(settings)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_has_an_address_of_its_own_and_s3_lies_in_its_range() {
        let settings = Settings::default();
        let addresses = addresses(&settings);
        let served = SERVICES.iter().filter(|service| service.served).count();
        assert_eq!(addresses.len(), served);
        let s3 = addresses
            .iter()
            .find(|(_, names)| names.contains(&"s3.eu-central-1.amazonaws.com".to_owned()))
            .unwrap();
        assert!(range("s3").unwrap().contains(s3.0));
        let inside = addresses
            .keys()
            .filter(|address| range("s3").unwrap().contains(*address));
        assert_eq!(inside.count(), 1);
    }
}
