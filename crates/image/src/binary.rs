//! Whether a file is a program that can run in an otherwise empty image: a static ELF of the right architecture.

use std::fmt;
use std::path::Path;
use std::{fs, io};

use crate::error::BinaryError;

/// What an image can be for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Architecture {
    #[default]
    Amd64,
    Arm64,
}

const HEADER: usize = 64;
const PROGRAM_HEADER: usize = 56;
const PT_INTERP: u32 = 3;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Amd64 => "amd64",
            Self::Arm64 => "arm64",
        })
    }
}

/// Reads the program and checks it.
pub(crate) fn read(path: &Path, wanted: Architecture) -> Result<Vec<u8>, BinaryError> {
    let bytes = fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => BinaryError::Missing { path: path.into() },
        _ => BinaryError::Read {
            path: path.into(),
            source,
        },
    })?;
    check(&bytes, path, wanted)?;
    Ok(bytes)
}

fn check(bytes: &[u8], path: &Path, wanted: Architecture) -> Result<(), BinaryError> {
    // Magic, 64 bits, little-endian.
    if !bytes.starts_with(b"\x7fELF\x02\x01") {
        return Err(BinaryError::NotElf { path: path.into() });
    }
    let elf = Elf::parse(bytes).ok_or_else(|| BinaryError::Truncated { path: path.into() })?;
    let expected = match wanted {
        Architecture::Amd64 => EM_X86_64,
        Architecture::Arm64 => EM_AARCH64,
    };
    if elf.machine != expected {
        return Err(BinaryError::Architecture {
            path: path.into(),
            found: match elf.machine {
                EM_X86_64 => Architecture::Amd64.to_string(),
                EM_AARCH64 => Architecture::Arm64.to_string(),
                other => format!("ELF machine {other}"),
            },
            wanted,
        });
    }
    match elf.interpreter {
        None => Ok(()),
        Some(interpreter) => Err(BinaryError::Dynamic {
            path: path.into(),
            interpreter,
        }),
    }
}

struct Elf {
    machine: u16,
    /// The dynamic loader the program asks for; a static one asks for none.
    interpreter: Option<String>,
}

impl Elf {
    /// Nothing when the file ends before what its headers promise.
    fn parse(bytes: &[u8]) -> Option<Self> {
        bytes.get(..HEADER)?;
        let machine = u16_at(bytes, 18)?;
        let table = usize::try_from(u64_at(bytes, 32)?).ok()?;
        let size = usize::from(u16_at(bytes, 54)?);
        let count = usize::from(u16_at(bytes, 56)?);
        let mut interpreter = None;
        for index in 0..count {
            let start = table.checked_add(index.checked_mul(size)?)?;
            let header = bytes.get(start..start.checked_add(PROGRAM_HEADER)?)?;
            if u32_at(header, 0)? == PT_INTERP {
                let offset = usize::try_from(u64_at(header, 8)?).ok()?;
                let length = usize::try_from(u64_at(header, 32)?).ok()?;
                let name = bytes.get(offset..offset.checked_add(length)?)?;
                let name = name.strip_suffix(b"\0").unwrap_or(name);
                interpreter = Some(String::from_utf8_lossy(name).into_owned());
            }
        }
        Some(Self {
            machine,
            interpreter,
        })
    }
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(array_at(bytes, at)?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(array_at(bytes, at)?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(array_at(bytes, at)?))
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The smallest file that looks like a program.
    pub(crate) fn elf(machine: u16, interpreter: Option<&str>) -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[..6].copy_from_slice(b"\x7fELF\x02\x01");
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[32..40].copy_from_slice(&(HEADER as u64).to_le_bytes());
        bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
        bytes[56..58].copy_from_slice(&1_u16.to_le_bytes());
        let mut header = vec![0; PROGRAM_HEADER];
        if let Some(name) = interpreter {
            header[..4].copy_from_slice(&PT_INTERP.to_le_bytes());
            header[8..16].copy_from_slice(&((HEADER + PROGRAM_HEADER) as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(name.len() as u64 + 1).to_le_bytes());
            header.extend(name.bytes().chain([0]));
        }
        bytes.extend(header);
        bytes
    }

    #[test]
    fn tells_what_is_wrong_and_what_to_do() {
        let path = Path::new("target/links");
        let say = |bytes: &[u8]| {
            check(bytes, path, Architecture::Amd64)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(say(&elf(EM_X86_64, None)), None);
        for (bytes, expected) in [
            (
                elf(EM_X86_64, Some("/lib64/ld.so")),
                "asks for /lib64/ld.so",
            ),
            (elf(EM_X86_64, Some("/lib64/ld.so")), "+crt-static"),
            (
                elf(EM_AARCH64, None),
                "built for arm64, the image is for amd64",
            ),
            (elf(8, None), "ELF machine 8"),
            (b"#!/bin/sh\n".to_vec(), "not a Linux program"),
            (Vec::new(), "not a Linux program"),
        ] {
            let said = say(&bytes).expect("must be refused");
            assert!(said.contains(expected), "{said}");
        }
        let missing = read(Path::new("/nowhere/links"), Architecture::Amd64);
        assert!(matches!(missing, Err(BinaryError::Missing { .. })));
    }

    #[test]
    fn any_cut_and_any_offset_is_survived() {
        let path = Path::new("x");
        let whole = elf(EM_X86_64, Some("/lib64/ld.so"));
        for length in 0..whole.len() {
            assert!(check(&whole[..length], path, Architecture::Amd64).is_err());
        }
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] = 0xff;
            // Only must not panic.
            let _ = check(&broken, path, Architecture::Amd64);
        }
    }
}
