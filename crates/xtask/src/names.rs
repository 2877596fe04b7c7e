//! From AWS's names to Rust's.

use std::collections::{BTreeMap, BTreeSet};

/// `DBInstanceIdentifier` to `db_instance_identifier`, `Ipv6CidrBlock` and `IPv6CidrBlock` to
/// `ipv6_cidr_block`, `VPCs` to `vpcs`.
pub(crate) fn snake(name: &str) -> String {
    let name = name.replace("IPv", "Ipv").replace("OAuth", "Oauth");
    let letters: Vec<char> = name.chars().collect();
    let mut out = String::new();
    for (at, &letter) in letters.iter().enumerate() {
        if !letter.is_ascii_alphanumeric() {
            if !out.ends_with('_') && !out.is_empty() {
                out.push('_');
            }
            continue;
        }
        if letter.is_ascii_uppercase() && at > 0 && !out.ends_with('_') {
            let before = letters[at - 1];
            let after = letters.get(at + 1).copied().unwrap_or('A');
            let second = letters.get(at + 2).copied().unwrap_or('A');
            // A single `s` after capitals makes a plural (`VPCs`, `CIDRs`), not a word.
            let plural = after == 's' && !second.is_ascii_lowercase();
            let starts_word = before.is_ascii_lowercase()
                || (before.is_ascii_digit() && after.is_ascii_lowercase() && !plural)
                || (before.is_ascii_uppercase() && after.is_ascii_lowercase() && !plural);
            if starts_word {
                out.push('_');
            }
        }
        out.push(letter.to_ascii_lowercase());
    }
    out
}

/// A snake-case name that may be used as an identifier.
pub(crate) fn field(name: &str) -> String {
    let name = snake(name);
    match name.as_str() {
        "type" | "match" | "in" | "ref" | "for" | "use" | "where" | "loop" | "move" | "static"
        | "async" | "await" | "const" | "enum" | "struct" | "return" | "final" | "override"
        | "priv" | "abstract" | "box" | "do" | "macro" | "yield" | "try" | "virtual" | "typeof"
        | "mod" | "pub" | "as" | "break" | "continue" | "else" | "false" | "true" | "fn" | "if"
        | "impl" | "let" | "mut" | "trait" | "unsafe" | "while" | "dyn" | "extern" | "gen" => {
            format!("r#{name}")
        }
        _ => name,
    }
}

/// A shape's type name: AWS's own with a capital first letter. Names that Rust's prelude
/// or the generated modules need get `Shape` behind them.
pub(crate) fn type_name(shape: &str) -> String {
    let name = capital(shape);
    match name.as_str() {
        "Option" | "Vec" | "String" | "Box" | "Result" | "Some" | "None" | "Ok" | "Err"
        | "Default" | "Clone" | "Error" | "Value" | "Unit" | "Self" => format!("{name}Shape"),
        _ => name,
    }
}

/// The names of the statics that hold schemas: unique, and upper case, since rustc's lint on
/// lower-case statics searches the whole crate for each one that it finds.
pub(crate) fn statics<'a>(shapes: impl Iterator<Item = &'a String>) -> BTreeMap<&'a str, String> {
    let mut taken = BTreeSet::new();
    let mut statics = BTreeMap::new();
    for shape in shapes {
        let mut name = snake(shape).to_ascii_uppercase();
        while !taken.insert(name.clone()) {
            name.push('_');
        }
        statics.insert(shape.as_str(), name);
    }
    statics
}

/// An enum value's variant name: `HTTP_HTTPS` to `HttpHttps`, `in-use` to `InUse`, `1.1` to `V1_1`.
pub(crate) fn variant(value: &str) -> String {
    let mut out = String::new();
    for word in value
        .split(|letter: char| !letter.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
    {
        let shouted = !word.chars().any(|letter| letter.is_ascii_lowercase());
        let word = if shouted {
            capital(&word.to_ascii_lowercase())
        } else {
            capital(word)
        };
        let digits = out.ends_with(|last: char| last.is_ascii_digit())
            && word.starts_with(|first: char| first.is_ascii_digit());
        if digits {
            out.push('_');
        }
        out.push_str(&word);
    }
    match out.as_str() {
        "" => "Empty".to_owned(),
        "Self" => "Self_".to_owned(),
        _ if out.starts_with(|first: char| first.is_ascii_digit()) => format!("V{out}"),
        _ => out,
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + letters.as_str()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn snake_case() {
        let cases = [
            ("VpcId", "vpc_id"),
            ("DBInstanceIdentifier", "db_instance_identifier"),
            ("DBInstanceNotFoundFault", "db_instance_not_found_fault"),
            ("IPv6CidrBlock", "ipv6_cidr_block"),
            (
                "Ipv6CidrBlockAssociationSet",
                "ipv6_cidr_block_association_set",
            ),
            ("VPCs", "vpcs"),
            ("ClientIDList", "client_id_list"),
            ("awsvpcConfiguration", "awsvpc_configuration"),
            ("CertificateArns", "certificate_arns"),
            ("EC2SecurityGroups", "ec2_security_groups"),
            ("S3Bucket", "s3_bucket"),
            ("SHA256", "sha256"),
            ("MD5OfBody", "md5_of_body"),
            ("Route53Name", "route53_name"),
            ("CACertificateIdentifier", "ca_certificate_identifier"),
            ("MasterUserSecretKmsKeyId", "master_user_secret_kms_key_id"),
            ("OpenIDConnectProviderArn", "open_id_connect_provider_arn"),
        ];
        for (name, expected) in cases {
            assert_eq!(snake(name), expected, "{name}");
        }
        assert_eq!(field("Type"), "r#type");
    }

    #[test]
    fn variants() {
        let cases = [
            ("HTTP_HTTPS", "HttpHttps"),
            ("in-use", "InUse"),
            ("1.1", "V1_1"),
            ("GB 30 YR", "Gb30Yr"),
            ("ELBSecurityPolicy", "ELBSecurityPolicy"),
            ("IPv4", "IPv4"),
            ("", "Empty"),
            ("self", "Self_"),
        ];
        for (value, expected) in cases {
            assert_eq!(variant(value), expected, "{value}");
        }
    }
}
