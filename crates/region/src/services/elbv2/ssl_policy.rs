//! The TLS policies a listener may name. What each allows is the node's to keep.

use wire::{Error, elbv2 as api};

use super::{error, page};
use crate::{Context, Region};

/// What a listener has that names none.
pub(super) const DEFAULT: &str = "ELBSecurityPolicy-2016-08";

const ALL: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2"];
const TLS_1_3: &[&str] = &[
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];
const FORWARD_SECRET: &[&str] = &[
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
];
const FORWARD_SECRET_CBC: &[&str] = &[
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
];
const SHA1: &[&str] = &[
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES256-SHA",
];
const RSA: &[&str] = &[
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
];
const RSA_SHA1: &[&str] = &["AES128-SHA", "AES256-SHA"];

/// Name, protocols, and its ciphers in groups.
type Policy = (
    &'static str,
    &'static [&'static str],
    &'static [&'static [&'static str]],
);

const POLICIES: &[Policy] = &[
    (
        DEFAULT,
        ALL,
        &[FORWARD_SECRET, FORWARD_SECRET_CBC, SHA1, RSA, RSA_SHA1],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-3-2021-06",
        &["TLSv1.3"],
        &[TLS_1_3],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        &["TLSv1.2", "TLSv1.3"],
        &[TLS_1_3, FORWARD_SECRET],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
        &["TLSv1.2", "TLSv1.3"],
        &[TLS_1_3, FORWARD_SECRET, FORWARD_SECRET_CBC],
    ),
    (
        "ELBSecurityPolicy-FS-1-2-Res-2020-10",
        &["TLSv1.2"],
        &[FORWARD_SECRET],
    ),
    (
        "ELBSecurityPolicy-FS-1-2-Res-2019-08",
        &["TLSv1.2"],
        &[FORWARD_SECRET, FORWARD_SECRET_CBC],
    ),
    (
        "ELBSecurityPolicy-TLS-1-2-2017-01",
        &["TLSv1.2"],
        &[FORWARD_SECRET, FORWARD_SECRET_CBC, RSA],
    ),
];

pub(super) fn check(name: &str) -> Result<(), Error> {
    if POLICIES.iter().any(|(known, ..)| *known == name) {
        return Ok(());
    }
    Err(error::refused(
        "SSLPolicyNotFound",
        format!("SSL policy '{name}' not found"),
    ))
}

pub(super) fn describe_ssl_policies(
    _: &Region,
    _: &Context,
    input: api::DescribeSSLPoliciesInput,
) -> Result<api::DescribeSSLPoliciesOutput, Error> {
    let names = input.names.unwrap_or_default();
    for name in &names {
        check(name)?;
    }
    let wanted = POLICIES
        .iter()
        .filter(|(name, ..)| names.is_empty() || names.iter().any(|one| one == name));
    let (policies, next_marker) = page::page(
        wanted.collect(),
        |policy: &&Policy| policy.0,
        input.marker,
        input.page_size,
    )?;
    let shown = policies.into_iter().map(|(name, protocols, ciphers)| {
        let ciphers = ciphers.iter().flat_map(|group| group.iter());
        let ciphers = (1..).zip(ciphers).map(|(priority, cipher)| api::Cipher {
            name: Some((*cipher).to_owned()),
            priority: Some(priority),
        });
        api::SslPolicy {
            ciphers: Some(ciphers.collect()),
            name: Some((*name).to_owned()),
            ssl_protocols: Some(protocols.iter().map(|&one| one.to_owned()).collect()),
            supported_load_balancer_types: Some(vec!["application".to_owned()]),
        }
    });
    Ok(api::DescribeSSLPoliciesOutput {
        ssl_policies: Some(shown.collect()),
        next_marker,
    })
}
