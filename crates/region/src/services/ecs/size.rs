//! Task sizes that Fargate runs.
//!
//! <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html>

/// Whether Fargate has this combination of CPU units and MiB.
pub(super) fn fits(cpu: u32, memory: u32) -> bool {
    let steps = |from: u32, to: u32, step: u32| {
        memory.is_multiple_of(1024) && {
            let gib = memory / 1024;
            (from..=to).contains(&gib) && (gib - from).is_multiple_of(step)
        }
    };
    match cpu {
        256 => matches!(memory, 512 | 1024 | 2048),
        512 => steps(1, 4, 1),
        1024 => steps(2, 8, 1),
        2048 => steps(4, 16, 1),
        4096 => steps(8, 30, 1),
        8192 => steps(16, 60, 4),
        16384 => steps(32, 120, 8),
        32768 => [60, 120, 244].contains(&(memory / 1024)) && memory.is_multiple_of(1024),
        _ => false,
    }
}

/// CPU units from what was registered: units, or `.25 vCPU` and the like.
pub(super) fn cpu(text: &str) -> Option<u32> {
    let text = text.trim();
    if let Ok(units) = text.parse() {
        return Some(units);
    }
    let number = text.to_ascii_lowercase();
    let number = number.strip_suffix("vcpu")?.trim().parse::<f64>().ok()?;
    whole(number * 1024.0)
}

/// MiB from what was registered: MiB, or `0.5GB`, `1 GB` and the like.
pub(super) fn memory(text: &str) -> Option<u32> {
    let text = text.trim();
    if let Ok(mib) = text.parse() {
        return Some(mib);
    }
    let number = text.to_ascii_lowercase();
    let number = number.strip_suffix("gb")?.trim().parse::<f64>().ok()?;
    whole(number * 1024.0)
}

fn whole(number: f64) -> Option<u32> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be a whole number in range"
    )]
    (number.fract() == 0.0 && (0.0..=1e9).contains(&number)).then_some(number as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (cpu, memory) in [
            (256, 512),
            (256, 2048),
            (512, 4096),
            (1024, 2048),
            (4096, 30720),
            (8192, 61440),
            (8192, 20480),
            (16384, 32768),
            (32768, 249_856),
        ] {
            assert!(fits(cpu, memory), "{cpu} {memory}");
        }
        for (cpu, memory) in [
            (256, 4096),
            (512, 512),
            (512, 1500),
            (1024, 1024),
            (8192, 17408),
            (300, 512),
            (0, 0),
        ] {
            assert!(!fits(cpu, memory), "{cpu} {memory}");
        }
    }

    #[test]
    fn texts() {
        assert_eq!(cpu("256"), Some(256));
        assert_eq!(cpu(".25 vCPU"), Some(256));
        assert_eq!(cpu("1 vcpu"), Some(1024));
        assert_eq!(memory("0.5GB"), Some(512));
        assert_eq!(memory("2 GB"), Some(2048));
        assert_eq!(memory("two"), None);
        assert_eq!(cpu("NaN vCPU"), None);
    }
}
