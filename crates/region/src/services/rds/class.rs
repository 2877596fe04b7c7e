//! Instance classes: what each has of CPU and memory.

/// A class as far as it matters to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Class {
    pub(super) virtual_cpus: u32,
    pub(super) memory_mib: u32,
}

/// Families, with the memory in GiB that comes with two virtual CPUs from `large` on.
const FAMILIES: &[(&str, u32)] = &[
    ("m5", 8),
    ("m5d", 8),
    ("m6g", 8),
    ("m6gd", 8),
    ("m6i", 8),
    ("m6id", 8),
    ("m7g", 8),
    ("m7i", 8),
    ("m8g", 8),
    ("r5", 16),
    ("r5b", 16),
    ("r5d", 16),
    ("r6g", 16),
    ("r6gd", 16),
    ("r6i", 16),
    ("r6id", 16),
    ("r7g", 16),
    ("r7i", 16),
    ("r8g", 16),
    ("c6gd", 4),
    ("x2g", 32),
];

/// Burstable families with the sizes that they have.
const BURSTABLE: &[&str] = &["t3", "t4g"];

const BURSTABLE_SIZES: &[(&str, u32, u32)] = &[
    ("micro", 2, 1024),
    ("small", 2, 2048),
    ("medium", 2, 4096),
    ("large", 2, 8192),
    ("xlarge", 4, 16_384),
    ("2xlarge", 8, 32_768),
];

/// Sizes as multiples of `large`.
const SIZES: &[(&str, u32)] = &[
    ("large", 1),
    ("xlarge", 2),
    ("2xlarge", 4),
    ("4xlarge", 8),
    ("8xlarge", 16),
    ("12xlarge", 24),
    ("16xlarge", 32),
    ("24xlarge", 48),
];

/// What a class such as `db.t4g.micro` has; `None` if there is none of that name.
pub(super) fn find(name: &str) -> Option<Class> {
    let (family, size) = name.strip_prefix("db.")?.split_once('.')?;
    if BURSTABLE.contains(&family) {
        let (_, virtual_cpus, memory_mib) = BURSTABLE_SIZES.iter().find(|one| one.0 == size)?;
        return Some(Class {
            virtual_cpus: *virtual_cpus,
            memory_mib: *memory_mib,
        });
    }
    // The smallest of the older general ones.
    if family == "m6gd" && size == "medium" {
        return Some(Class {
            virtual_cpus: 1,
            memory_mib: 4096,
        });
    }
    let (_, gib) = FAMILIES.iter().find(|one| one.0 == family)?;
    let (_, times) = SIZES.iter().find(|one| one.0 == size)?;
    Some(Class {
        virtual_cpus: 2 * times,
        memory_mib: gib * times * 1024,
    })
}

/// Every class, by name.
pub(super) fn all() -> impl Iterator<Item = String> {
    let burstable = BURSTABLE.iter().flat_map(|family| {
        BURSTABLE_SIZES
            .iter()
            .map(move |(size, _, _)| format!("db.{family}.{size}"))
    });
    let others = FAMILIES.iter().flat_map(|(family, _)| {
        SIZES
            .iter()
            .map(move |(size, _)| format!("db.{family}.{size}"))
    });
    burstable.chain(others)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_have_what_aws_lists() {
        for (name, virtual_cpus, gib) in [
            ("db.t4g.micro", 2, 1),
            ("db.t3.medium", 2, 4),
            ("db.m6g.large", 2, 8),
            ("db.m7g.4xlarge", 16, 64),
            ("db.r6g.xlarge", 4, 32),
            ("db.r6g.16xlarge", 64, 512),
        ] {
            let class = find(name).expect(name);
            assert_eq!(
                (class.virtual_cpus, class.memory_mib),
                (virtual_cpus, gib * 1024),
                "{name}"
            );
        }
        for name in ["db.t4g.16xlarge", "t4g.micro", "db.m6g", "db.z1.large"] {
            assert_eq!(find(name), None, "{name}");
        }
        assert!(all().all(|name| find(&name).is_some()));
    }
}
