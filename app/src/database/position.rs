//! Places in the database's write-ahead log, by which a replica is known to have what was written.

/// A place in the log, in bytes from its beginning. The default, zero, is before everything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);

impl Position {
    /// As clients carry it: hexadecimal digits. Nothing when the text is something else.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = (1..=16).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
        digits
            .then(|| u64::from_str_radix(text, 16).ok().map(Self))
            .flatten()
    }
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_carry_it_as_text() {
        let position = Position(0x16_b374_d848);
        assert_eq!(Position::parse(&position.to_string()), Some(position));
        for bad in ["", "+1", "0x1", "11112222333344445", "g", "1 "] {
            assert_eq!(Position::parse(bad), None, "{bad:?}");
        }
    }
}
