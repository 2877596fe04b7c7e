//! The TLS policies a listener may name. What each allows is the node's to keep.

use wire::{Error, elbv2 as api};

use super::{error, page};
use crate::{Context, Region};

/// What a listener has that names none.
pub(super) const DEFAULT: &str = "ELBSecurityPolicy-2016-08";

/// What ciphers a policy takes: all of a kind or none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Tls13,
    /// Forward secret, authenticated.
    Gcm,
    /// Forward secret, in blocks.
    Cbc,
    /// Forward secret, in blocks, with SHA-1.
    CbcSha1,
    Rsa,
    RsaSha1,
}

use Kind::{Cbc, CbcSha1, Gcm, Rsa, RsaSha1, Tls13};

/// In the order in which AWS prefers them.
const CIPHERS: &[(&str, Kind)] = &[
    ("TLS_AES_128_GCM_SHA256", Tls13),
    ("TLS_AES_256_GCM_SHA384", Tls13),
    ("TLS_CHACHA20_POLY1305_SHA256", Tls13),
    ("ECDHE-ECDSA-AES128-GCM-SHA256", Gcm),
    ("ECDHE-RSA-AES128-GCM-SHA256", Gcm),
    ("ECDHE-ECDSA-AES128-SHA256", Cbc),
    ("ECDHE-RSA-AES128-SHA256", Cbc),
    ("ECDHE-ECDSA-AES128-SHA", CbcSha1),
    ("ECDHE-RSA-AES128-SHA", CbcSha1),
    ("ECDHE-ECDSA-AES256-GCM-SHA384", Gcm),
    ("ECDHE-RSA-AES256-GCM-SHA384", Gcm),
    ("ECDHE-ECDSA-AES256-SHA384", Cbc),
    ("ECDHE-RSA-AES256-SHA384", Cbc),
    ("ECDHE-ECDSA-AES256-SHA", CbcSha1),
    ("ECDHE-RSA-AES256-SHA", CbcSha1),
    ("AES128-GCM-SHA256", Rsa),
    ("AES128-SHA256", Rsa),
    ("AES128-SHA", RsaSha1),
    ("AES256-GCM-SHA384", Rsa),
    ("AES256-SHA256", Rsa),
    ("AES256-SHA", RsaSha1),
];

const PROTOCOLS: &[&str] = &["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"];

const FORWARD_SECRET: &[Kind] = &[Gcm, Cbc, CbcSha1];
const OLD: &[Kind] = &[Gcm, Cbc, CbcSha1, Rsa, RsaSha1];
const ALL: &[Kind] = &[Tls13, Gcm, Cbc, CbcSha1, Rsa, RsaSha1];

/// Name, the first and last of its protocols, and its ciphers.
type Policy = (&'static str, (usize, usize), &'static [Kind]);

/// Those whose names hold FIPS are not here: no node has a validated module.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
const POLICIES: &[Policy] = &[
    (DEFAULT, (0, 2), OLD),
    ("ELBSecurityPolicy-TLS13-1-3-2021-06", (3, 3), &[Tls13]),
    (
        "ELBSecurityPolicy-TLS13-1-2-2021-06",
        (2, 3),
        &[Tls13, Gcm, Cbc],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        (2, 3),
        &[Tls13, Gcm],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext1-2021-06",
        (2, 3),
        &[Tls13, Gcm, Cbc, Rsa],
    ),
    ("ELBSecurityPolicy-TLS13-1-2-Ext2-2021-06", (2, 3), ALL),
    ("ELBSecurityPolicy-TLS13-1-1-2021-06", (1, 3), ALL),
    ("ELBSecurityPolicy-TLS13-1-0-2021-06", (0, 3), ALL),
    ("ELBSecurityPolicy-TLS13-1-3-PQ-2025-09", (3, 3), &[Tls13]),
    (
        "ELBSecurityPolicy-TLS13-1-2-PQ-2025-09",
        (2, 3),
        &[Tls13, Gcm, Cbc],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09",
        (2, 3),
        &[Tls13, Gcm],
    ),
    (
        "ELBSecurityPolicy-TLS13-1-2-Ext1-PQ-2025-09",
        (2, 3),
        &[Tls13, Gcm, Cbc, Rsa],
    ),
    ("ELBSecurityPolicy-TLS13-1-2-Ext2-PQ-2025-09", (2, 3), ALL),
    ("ELBSecurityPolicy-TLS13-1-0-PQ-2025-09", (0, 3), ALL),
    ("ELBSecurityPolicy-TLS-1-2-Ext-2018-06", (2, 2), OLD),
    (
        "ELBSecurityPolicy-TLS-1-2-2017-01",
        (2, 2),
        &[Gcm, Cbc, Rsa],
    ),
    ("ELBSecurityPolicy-TLS-1-1-2017-01", (1, 2), OLD),
    ("ELBSecurityPolicy-FS-1-2-Res-2020-10", (2, 2), &[Gcm]),
    ("ELBSecurityPolicy-FS-1-2-Res-2019-08", (2, 2), &[Gcm, Cbc]),
    ("ELBSecurityPolicy-FS-1-2-2019-08", (2, 2), FORWARD_SECRET),
    ("ELBSecurityPolicy-FS-1-1-2019-08", (1, 2), FORWARD_SECRET),
    ("ELBSecurityPolicy-FS-2018-06", (0, 2), FORWARD_SECRET),
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
    let shown = policies.into_iter().map(|(name, (first, last), kinds)| {
        let ciphers = CIPHERS.iter().filter(|(_, kind)| kinds.contains(kind));
        let ciphers = (1..)
            .zip(ciphers)
            .map(|(priority, (cipher, _))| api::Cipher {
                name: Some((*cipher).to_owned()),
                priority: Some(priority),
            });
        let protocols = &PROTOCOLS[*first..=*last];
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
