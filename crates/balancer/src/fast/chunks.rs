//! Chunked bodies: read strictly, without keeping them, and written anew. Extensions and trailers
//! end here, as on the general path.

use std::io::Write as _;

use super::answer::Bad;

/// Extensions of a whole body, and its trailers, are limited to so many bytes.
const EXTRAS_LIMIT: usize = 16 * 1024;
const TRAILERS_LIMIT: usize = 100;

/// The end of a chunked body.
pub(super) const LAST: &[u8] = b"0\r\n\r\n";

/// Where in a chunked body the next byte is.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    at: At,
    /// Of the chunk, what is still to come.
    left: u64,
    extension_bytes: usize,
    trailers: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The first digit of a size.
    #[default]
    Start,
    Size,
    /// Blanks after a size.
    Blank,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    Trailers,
    End,
}

impl Chunks {
    /// Takes the next bytes and writes the data among them as chunks. Says how many it took:
    /// all, or up to the end of the body.
    pub(super) fn pass(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<usize, Bad> {
        let mut used = 0;
        while let Some(byte) = bytes.get(used).copied()
            && self.at != At::End
        {
            if self.at == At::Data {
                let rest = &bytes[used..];
                let now = usize::try_from(self.left).map_or(rest.len(), |n| n.min(rest.len()));
                write(&rest[..now], out);
                used += now;
                self.left -= now as u64;
                if self.left == 0 {
                    self.at = At::DataCr;
                }
                continue;
            }
            self.at = self.step(byte)?;
            used += 1;
        }
        Ok(used)
    }

    pub(super) fn ended(&self) -> bool {
        self.at == At::End
    }

    fn step(&mut self, byte: u8) -> Result<At, Bad> {
        Ok(match (self.at, byte) {
            (At::Start | At::Size, b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                let digit = char::from(byte).to_digit(16).ok_or(Bad)?;
                let shifted = self.left.checked_mul(16).ok_or(Bad)?;
                self.left = shifted + u64::from(digit);
                At::Size
            }
            (At::Size | At::Blank, b' ' | b'\t') => At::Blank,
            (At::Size | At::Blank, b';') => At::Extension,
            (At::Size | At::Blank | At::Extension, b'\r') => At::SizeLf,
            (At::Extension, byte) if byte != b'\n' => {
                self.extension_bytes += 1;
                if self.extension_bytes >= EXTRAS_LIMIT {
                    return Err(Bad);
                }
                At::Extension
            }
            (At::SizeLf, b'\n') if self.left == 0 => At::Trailers,
            (At::SizeLf, b'\n') => At::Data,
            (At::DataCr, b'\r') => At::DataLf,
            (At::DataLf, b'\n') => At::Start,
            (At::Trailers, byte) => {
                self.trailers.push(byte);
                self.trailer()?
            }
            _ => return Err(Bad),
        })
    }

    /// Whether the last byte ended the trailers, which are read only to see that they are some.
    fn trailer(&self) -> Result<At, Bad> {
        let last = match &self.trailers[..] {
            [.., before, b'\n'] if *before != b'\r' => return Err(Bad),
            [.., b'\r', after] if *after != b'\n' => return Err(Bad),
            b"\r\n" => return Ok(At::End),
            trailers => trailers.ends_with(b"\r\n\r\n"),
        };
        if last {
            let mut room = [httparse::EMPTY_HEADER; TRAILERS_LIMIT];
            return match httparse::parse_headers(&self.trailers, &mut room) {
                Ok(httparse::Status::Complete(_)) => Ok(At::End),
                _ => Err(Bad),
            };
        }
        if self.trailers.len() >= EXTRAS_LIMIT {
            return Err(Bad);
        }
        Ok(At::Trailers)
    }
}

/// Writes a chunk, if it has data; an empty one would be the last.
pub(super) fn write(data: &[u8], out: &mut Vec<u8>) {
    if data.is_empty() {
        return;
    }
    write!(out, "{:x}\r\n", data.len()).expect("a Vec takes all that is written");
    out.extend_from_slice(data);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The data of a body that comes in pieces, what is left over, and whether it ended.
    fn read(pieces: &[&[u8]]) -> Result<(Vec<u8>, usize, bool), Bad> {
        let mut chunks = Chunks::default();
        let (mut out, mut left) = (Vec::new(), 0);
        for piece in pieces {
            left += piece.len() - chunks.pass(piece, &mut out)?;
        }
        // What was written is chunked again: read it by the book.
        let mut data = Vec::new();
        let mut rest = &out[..];
        while let Some(end) = rest.iter().position(|b| *b == b'\r') {
            let size = std::str::from_utf8(&rest[..end]).unwrap();
            let size = usize::from_str_radix(size, 16).unwrap();
            assert_ne!(size, 0);
            data.extend_from_slice(&rest[end + 2..end + 2 + size]);
            assert_eq!(&rest[end + 2 + size..end + 4 + size], b"\r\n");
            rest = &rest[end + 4 + size..];
        }
        Ok((data, left, chunks.ended()))
    }

    #[test]
    fn bodies_and_what_are_none() {
        for (body, expected) in [
            ("3\r\nabc\r\n0\r\n\r\nHTTP", Ok(("abc", 4, true))),
            (
                "A;x=\"y\"\r\n0123456789\r\n00\r\n\r\n",
                Ok(("0123456789", 0, true)),
            ),
            (
                "1 \t;e\r\na\r\n0\r\nX: y\r\nZ: z\r\n\r\n",
                Ok(("a", 0, true)),
            ),
            ("3\r\nab", Ok(("ab", 0, false))),
            ("", Ok(("", 0, false))),
            ("3\nabc\r\n0\r\n\r\n", Err(Bad)),
            ("3\r\nabcd\r\n0\r\n\r\n", Err(Bad)),
            ("3\r\nabc\n0\r\n\r\n", Err(Bad)),
            ("-3\r\nabc\r\n", Err(Bad)),
            ("0x3\r\nabc\r\n", Err(Bad)),
            (" 3\r\nabc\r\n", Err(Bad)),
            ("\r\n", Err(Bad)),
            ("10000000000000000\r\n", Err(Bad)),
            ("1;a\nb\r\na\r\n", Err(Bad)),
            ("0\r\nX: y\n\r\n", Err(Bad)),
            ("0\r\n\rX", Err(Bad)),
            ("0\r\nX y\r\n\r\n", Err(Bad)),
        ] {
            let expected =
                expected.map(|(data, left, ended)| (data.as_bytes().to_vec(), left, ended));
            assert_eq!(read(&[body.as_bytes()]), expected, "{body:?}");
        }
        let endless = format!("1;{}", "e".repeat(EXTRAS_LIMIT));
        assert_eq!(read(&[endless.as_bytes()]), Err(Bad));
        let endless = format!("0\r\n{}", "e: e\r\n".repeat(EXTRAS_LIMIT));
        assert_eq!(read(&[endless.as_bytes()]), Err(Bad));
    }

    proptest! {
        #[test]
        fn where_it_is_split_does_not_matter(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..5),
            cuts in prop::collection::vec(0usize..250, 0..6),
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                write(chunk, &mut body);
            }
            body.extend_from_slice(LAST);
            let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(body.len())).collect();
            cuts.extend([0, body.len()]);
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|cut| &body[cut[0]..cut[1]]).collect();
            prop_assert_eq!(read(&pieces), Ok((chunks.concat(), 0, true)));
        }

        #[test]
        fn nothing_makes_it_panic(body in prop::collection::vec(prop::sample::select(&b"019aF;\r\n x:"[..]), 0..60)) {
            let _ = read(&[&body]);
        }
    }
}
