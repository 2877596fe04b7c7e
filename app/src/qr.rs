//! QR codes.

use qrcode::{Color, EcLevel, QrCode};

/// The margin that the standard asks for, in modules.
const QUIET: usize = 4;

/// A code that survives some dirt (15 % of it, level M).
pub struct Code {
    width: usize,
    dark: Vec<bool>,
}

impl Code {
    /// None when the text is too long.
    pub fn of(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        Some(Self {
            width: code.width(),
            dark: code
                .into_colors()
                .into_iter()
                .map(|color| color == Color::Dark)
                .collect(),
        })
    }

    /// One path on white, of any size.
    pub fn svg(&self) -> String {
        use std::fmt::Write;
        let size = self.width + 2 * QUIET;
        let mut path = String::new();
        for (y, row) in self.dark.chunks(self.width).enumerate() {
            let mut x = 0;
            while x < self.width {
                let run = row[x..].iter().take_while(|dark| **dark).count();
                if run > 0 {
                    let (left, top) = (x + QUIET, y + QUIET);
                    write!(path, "M{left} {top}h{run}v1h-{run}z").expect("memory takes it");
                }
                x += run.max(1);
            }
        }
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {size} {size}\" shape-rendering=\"crispEdges\">\
             <path fill=\"#fff\" d=\"M0 0h{size}v{size}H0z\"/><path fill=\"#000\" d=\"{path}\"/></svg>"
        )
    }

    /// Black and white, `scale` pixels a module.
    pub fn png(&self, scale: u16) -> Vec<u8> {
        let scale = usize::from(scale);
        let size = (self.width + 2 * QUIET) * scale;
        let side = u32::try_from(size).unwrap_or(u32::MAX);
        let mut rows = Vec::new();
        for y in 0..size {
            let mut row = vec![0_u8; size.div_ceil(8)];
            for x in 0..size {
                if !self.is_dark(x / scale, y / scale) {
                    row[x / 8] |= 0x80 >> (x % 8);
                }
            }
            rows.extend(row);
        }
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, side, side);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(png::BitDepth::One);
        encoder
            .write_header()
            .and_then(|mut writer| writer.write_image_data(&rows))
            .expect("memory takes it, and the rows fit the header");
        bytes
    }

    fn is_dark(&self, x: usize, y: usize) -> bool {
        let inside = |at: usize| at.checked_sub(QUIET).filter(|at| *at < self.width);
        inside(x)
            .zip(inside(y))
            .is_some_and(|(x, y)| self.dark[y * self.width + x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_pictures_show_the_same_code() {
        let code = Code::of("https://sho.rt/example").unwrap();
        let bytes = code.png(3);
        let mut reader = png::Decoder::new(std::io::Cursor::new(bytes))
            .read_info()
            .unwrap();
        let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
        let info = reader.next_frame(&mut pixels).unwrap();
        let size = code.width + 2 * QUIET;
        assert_eq!(info.width as usize, size * 3);
        let dark = |x: usize, y: usize| pixels[y * info.line_size + x / 8] & (0x80 >> (x % 8)) == 0;
        for y in 0..size {
            for x in 0..size {
                assert_eq!(dark(x * 3 + 1, y * 3 + 1), code.is_dark(x, y), "{x} {y}");
            }
        }
        // A finder's upper edge: seven dark modules after the margin.
        assert!(code.svg().contains("M4 4h7v1h-7z"));
        assert!(Code::of(&"x".repeat(5000)).is_none());
    }
}
