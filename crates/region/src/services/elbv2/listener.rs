//! Listeners, their attributes and their certificates.

use std::collections::BTreeMap;

use wire::{Error, elbv2 as api};

use super::state::{Listener, LoadBalancer};
use super::{action, attribute, certificate, error, load_balancer, page, ssl_policy, tags};
use crate::{Context, Region};

/// Listeners of a load balancer.
const MOST: usize = 50;

/// A listener by its ARN.
pub(super) fn get<'a>(region: &'a Region, arn: &str) -> Result<&'a Listener, Error> {
    region
        .elbv2
        .listeners
        .get(arn)
        .ok_or_else(|| error::listener(arn))
}

/// The ARNs of a load balancer's listeners.
pub(super) fn of(region: &Region, balancer: &str) -> Vec<String> {
    let all = region.elbv2.listeners.values();
    all.filter(|row| row.load_balancer == balancer)
        .map(|row| row.arn.clone())
        .collect()
}

/// The listener whose default rule this is.
pub(super) fn by_default_rule<'a>(region: &'a Region, rule: &str) -> Option<&'a Listener> {
    let mut all = region.elbv2.listeners.values();
    all.find(|row| row.default_rule == rule)
}

/// Takes a listener away with its rules.
pub(super) fn remove(region: &mut Region, arn: &str) {
    let rules: Vec<String> = region
        .elbv2
        .rules
        .values()
        .filter(|rule| rule.listener == arn)
        .map(|rule| rule.arn.clone())
        .collect();
    for rule in rules {
        region.elbv2.rules.remove(&rule);
        tags::forget(region, &rule);
    }
    if let Some(row) = region.elbv2.listeners.remove(arn) {
        tags::forget(region, &row.default_rule);
    }
    tags::forget(region, arn);
}

fn checked_port(port: i64) -> Result<u16, Error> {
    u16::try_from(port)
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| error::validation(format!("Listener port '{port}' is not from 1 to 65535")))
}

fn check_protocol(protocol: api::ProtocolEnum) -> Result<(), Error> {
    use api::ProtocolEnum::{Http, Https};
    if matches!(protocol, Http | Https) {
        return Ok(());
    }
    Err(error::validation(format!(
        "Listener protocol '{protocol}' must be one of 'HTTP, HTTPS'"
    )))
}

fn check_port_free(
    region: &Region,
    balancer: &LoadBalancer,
    port: u16,
    own: Option<&str>,
) -> Result<(), Error> {
    let taken = region.elbv2.listeners.values().any(|row| {
        row.load_balancer == balancer.arn && row.port == port && own != Some(row.arn.as_str())
    });
    if taken {
        return Err(error::refused(
            "DuplicateListener",
            format!(
                "A listener already exists on this port for this load balancer '{}'",
                balancer.arn
            ),
        ));
    }
    Ok(())
}

/// The certificates and policy of a listener with a protocol, or why they do not go together.
fn secured(
    region: &Region,
    protocol: api::ProtocolEnum,
    certificates: Option<Vec<api::Certificate>>,
    policy: Option<String>,
) -> Result<(Vec<String>, Option<String>), Error> {
    let count = certificates.as_ref().map_or(0, Vec::len);
    let policy = policy.filter(|name| !name.is_empty());
    if protocol == api::ProtocolEnum::Http {
        if count > 0 || policy.is_some() {
            return Err(error::validation(
                "Certificates and SSL policies cannot be specified for HTTP listeners",
            ));
        }
        return Ok((Vec::new(), None));
    }
    if count == 0 {
        return Err(error::validation(
            "A certificate must be specified for HTTPS listeners",
        ));
    }
    if count > 1 {
        return Err(error::validation(
            "Only one certificate can be specified; add the others to the listener",
        ));
    }
    let policy = policy.unwrap_or_else(|| ssl_policy::DEFAULT.to_owned());
    ssl_policy::check(&policy)?;
    Ok((certificate::checked(region, certificates)?, Some(policy)))
}

fn refuse_mutual(asked: Option<&api::MutualAuthenticationAttributes>) -> Result<(), Error> {
    let on = asked
        .and_then(|one| one.mode.as_deref())
        .is_some_and(|mode| mode != "off");
    error::none_of(&[("mutual TLS", on)])
}

pub(super) fn create_listener(
    region: &mut Region,
    context: &Context,
    input: api::CreateListenerInput,
) -> Result<api::CreateListenerOutput, Error> {
    let balancer = load_balancer::get(region, &input.load_balancer_arn)?.clone();
    let protocol = input
        .protocol
        .ok_or_else(|| error::validation("A listener protocol must be specified"))?;
    check_protocol(protocol)?;
    let port = input
        .port
        .ok_or_else(|| error::validation("A listener port must be specified"))?;
    let port = checked_port(port)?;
    refuse_mutual(input.mutual_authentication.as_ref())?;
    check_port_free(region, &balancer, port, None)?;
    if of(region, &balancer.arn).len() >= MOST {
        return Err(error::refused(
            "TooManyListeners",
            "The maximum number of listeners has been reached",
        ));
    }
    let (certificates, ssl_policy) =
        secured(region, protocol, input.certificates, input.ssl_policy)?;
    let default_actions = action::checked(region, &balancer, protocol, input.default_actions)?;
    let tags = tags::checked(input.tags)?;
    let id = context.hex(16);
    let settings = &region.settings;
    let row = Listener {
        arn: settings.arn(
            "elasticloadbalancing",
            format_args!("listener/{}/{id}", balancer.id),
        ),
        load_balancer: balancer.arn,
        port,
        protocol,
        ssl_policy,
        certificates,
        default_rule: settings.arn(
            "elasticloadbalancing",
            format_args!("listener-rule/{}/{id}/{}", balancer.id, context.hex(16)),
        ),
        default_actions,
    };
    let shown = answer(&row);
    tags::keep(region, &row.arn, tags);
    region.elbv2.listeners.insert(row.arn.clone(), row);
    Ok(api::CreateListenerOutput {
        listeners: Some(vec![shown]),
    })
}

pub(super) fn modify_listener(
    region: &mut Region,
    _: &Context,
    input: api::ModifyListenerInput,
) -> Result<api::ModifyListenerOutput, Error> {
    let mut row = get(region, &input.listener_arn)?.clone();
    let balancer = load_balancer::get(region, &row.load_balancer)?.clone();
    refuse_mutual(input.mutual_authentication.as_ref())?;
    if let Some(port) = input.port {
        row.port = checked_port(port)?;
        check_port_free(region, &balancer, row.port, Some(&row.arn))?;
    }
    let before = row.protocol;
    if let Some(protocol) = input.protocol {
        check_protocol(protocol)?;
        row.protocol = protocol;
    }
    let secure = row.protocol == api::ProtocolEnum::Https;
    if input.certificates.is_some() || row.protocol != before {
        let policy = input.ssl_policy.or(row.ssl_policy.filter(|_| secure));
        let (default, policy) = secured(region, row.protocol, input.certificates, policy)?;
        // The certificates beside the default one stay.
        let others = row.certificates.into_iter().skip(1).filter(|_| secure);
        let others: Vec<String> = others.filter(|arn| !default.contains(arn)).collect();
        row.certificates = default.into_iter().chain(others).collect();
        row.ssl_policy = policy;
    } else if let Some(policy) = input.ssl_policy.filter(|name| !name.is_empty()) {
        ssl_policy::check(&policy)?;
        if !secure {
            return Err(error::validation(
                "Certificates and SSL policies cannot be specified for HTTP listeners",
            ));
        }
        row.ssl_policy = Some(policy);
    }
    if let Some(actions) = input.default_actions {
        row.default_actions = action::checked(region, &balancer, row.protocol, actions)?;
    }
    let shown = answer(&row);
    region.elbv2.listeners.insert(row.arn.clone(), row);
    Ok(api::ModifyListenerOutput {
        listeners: Some(vec![shown]),
    })
}

pub(super) fn delete_listener(
    region: &mut Region,
    _: &Context,
    input: api::DeleteListenerInput,
) -> Result<api::DeleteListenerOutput, Error> {
    get(region, &input.listener_arn)?;
    remove(region, &input.listener_arn);
    Ok(api::DeleteListenerOutput {})
}

pub(super) fn describe_listeners(
    region: &Region,
    _: &Context,
    input: api::DescribeListenersInput,
) -> Result<api::DescribeListenersOutput, Error> {
    let arns = input.listener_arns.unwrap_or_default();
    let rows: Vec<&Listener> = match (&input.load_balancer_arn, arns.is_empty()) {
        (Some(balancer), true) => {
            load_balancer::get(region, balancer)?;
            let all = region.elbv2.listeners.values();
            all.filter(|row| row.load_balancer == *balancer).collect()
        }
        (None, false) => {
            let all: Option<Vec<_>> = arns
                .iter()
                .map(|arn| region.elbv2.listeners.get(arn))
                .collect();
            all.ok_or_else(|| {
                error::refused("ListenerNotFound", "One or more listeners not found")
            })?
        }
        _ => {
            return Err(error::validation(
                "You must specify either listener ARNs or a load balancer ARN",
            ));
        }
    };
    let (rows, next_marker) =
        page::page(rows, |row| row.arn.as_str(), input.marker, input.page_size)?;
    Ok(api::DescribeListenersOutput {
        listeners: Some(rows.into_iter().map(answer).collect()),
        next_marker,
    })
}

fn answer(row: &Listener) -> api::Listener {
    let default = row.certificates.first().map(|arn| {
        vec![api::Certificate {
            certificate_arn: Some(arn.clone()),
            is_default: None,
        }]
    });
    let secure = row.protocol == api::ProtocolEnum::Https;
    api::Listener {
        certificates: default,
        default_actions: Some(action::answers(&row.default_actions)),
        listener_arn: Some(row.arn.clone()),
        load_balancer_arn: Some(row.load_balancer.clone()),
        mutual_authentication: secure.then(|| api::MutualAuthenticationAttributes {
            mode: Some("off".to_owned()),
            ..Default::default()
        }),
        port: Some(i64::from(row.port)),
        protocol: Some(row.protocol),
        ssl_policy: row.ssl_policy.clone(),
        ..Default::default()
    }
}

fn attributes() -> Vec<api::ListenerAttribute> {
    let all = attribute::all(attribute::LISTENER, &BTreeMap::new());
    all.into_iter()
        .map(|(key, value)| api::ListenerAttribute {
            key: Some(key),
            value: Some(value),
        })
        .collect()
}

pub(super) fn describe_listener_attributes(
    region: &Region,
    _: &Context,
    input: api::DescribeListenerAttributesInput,
) -> Result<api::DescribeListenerAttributesOutput, Error> {
    get(region, &input.listener_arn)?;
    Ok(api::DescribeListenerAttributesOutput {
        attributes: Some(attributes()),
    })
}

/// No attribute can be other than it is, because no node acts on any.
pub(super) fn modify_listener_attributes(
    region: &mut Region,
    _: &Context,
    input: api::ModifyListenerAttributesInput,
) -> Result<api::ModifyListenerAttributesOutput, Error> {
    get(region, &input.listener_arn)?;
    let asked = input.attributes.into_iter().map(|one| (one.key, one.value));
    attribute::change(attribute::LISTENER, "Listener", &mut BTreeMap::new(), asked)?;
    Ok(api::ModifyListenerAttributesOutput {
        attributes: Some(attributes()),
    })
}

/// Certificates a listener has beside its default one.
const MOST_CERTIFICATES: usize = 25;

pub(super) fn add_listener_certificates(
    region: &mut Region,
    _: &Context,
    input: api::AddListenerCertificatesInput,
) -> Result<api::AddListenerCertificatesOutput, Error> {
    let mut row = get(region, &input.listener_arn)?.clone();
    if row.protocol != api::ProtocolEnum::Https {
        return Err(error::validation(
            "Certificates can only be added to HTTPS listeners",
        ));
    }
    let new = certificate::checked(region, Some(input.certificates))?;
    for arn in &new {
        if !row.certificates.contains(arn) {
            row.certificates.push(arn.clone());
        }
    }
    if row.certificates.len() > MOST_CERTIFICATES + 1 {
        return Err(error::refused(
            "TooManyCertificates",
            "The maximum number of certificates has been reached",
        ));
    }
    region.elbv2.listeners.insert(row.arn.clone(), row);
    let added = new.into_iter().map(|arn| api::Certificate {
        certificate_arn: Some(arn),
        is_default: Some(false),
    });
    Ok(api::AddListenerCertificatesOutput {
        certificates: Some(added.collect()),
    })
}

pub(super) fn remove_listener_certificates(
    region: &mut Region,
    _: &Context,
    input: api::RemoveListenerCertificatesInput,
) -> Result<api::RemoveListenerCertificatesOutput, Error> {
    let mut row = get(region, &input.listener_arn)?.clone();
    for one in input.certificates {
        let arn = one.certificate_arn.unwrap_or_default();
        if row.certificates.first() == Some(&arn) {
            return Err(error::not_permitted(
                "The default certificate of a listener cannot be removed",
            ));
        }
        row.certificates.retain(|other| *other != arn);
    }
    region.elbv2.listeners.insert(row.arn.clone(), row);
    Ok(api::RemoveListenerCertificatesOutput {})
}

pub(super) fn describe_listener_certificates(
    region: &Region,
    _: &Context,
    input: api::DescribeListenerCertificatesInput,
) -> Result<api::DescribeListenerCertificatesOutput, Error> {
    let row = get(region, &input.listener_arn)?;
    let (arns, next_marker) = page::page(
        row.certificates.iter().collect(),
        |arn: &&String| arn.as_str(),
        input.marker,
        input.page_size,
    )?;
    let default = row.certificates.first();
    let certificates = arns.into_iter().map(|arn| api::Certificate {
        certificate_arn: Some(arn.clone()),
        is_default: Some(default == Some(arn)),
    });
    Ok(api::DescribeListenerCertificatesOutput {
        certificates: Some(certificates.collect()),
        next_marker,
    })
}
