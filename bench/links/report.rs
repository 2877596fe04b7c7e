//! What was measured, as a table for people: printed as it comes, and kept in `RESULTS.md`.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::load::Load;

#[derive(Default)]
pub(crate) struct Report {
    rows: Vec<String>,
    said: Vec<String>,
}

impl Report {
    pub(crate) fn row(&mut self, name: &str, load: &Load, reads: Option<u64>) {
        let reads = reads.map_or(String::new(), |reads| reads.to_string());
        let time = |quantile| milliseconds(load.time(quantile));
        let row = format!(
            "| {name} | {:.0} | {} | {} | {reads} |",
            load.per_second(),
            time(0.5),
            time(0.99)
        );
        println!("{row}");
        self.rows.push(row);
    }

    pub(crate) fn say(&mut self, text: String) {
        println!("{text}");
        self.said.push(text);
    }

    /// Writes it beside the program that measured it.
    pub(crate) fn keep(&self) {
        let mut text = String::from("# What was measured of `links`\n\n");
        let now = Timestamp::now().strftime("%Y-%m-%d %H:%M UTC");
        let _ = writeln!(
            text,
            "By `bench/links/run` on {now}, {}. README.md says what the rows are.\n",
            machine()
        );
        text +=
            "| redirects | per second | half within (ms) | 99 % within (ms) | database reads |\n";
        text += "| --- | ---: | ---: | ---: | ---: |\n";
        for row in &self.rows {
            text += row;
            text.push('\n');
        }
        for said in &self.said {
            let _ = write!(text, "\n{said}\n");
        }
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/links/RESULTS.md");
        std::fs::write(&path, text).expect("write RESULTS.md");
    }
}

fn milliseconds(time: Duration) -> String {
    format!("{:.2}", time.as_secs_f64() * 1000.0)
}

fn machine() -> String {
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    let processors = read("/proc/cpuinfo");
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(": ").nth(1))
        .unwrap_or(std::env::consts::ARCH);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let release = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores of {model}, Linux {}", release.trim())
}
