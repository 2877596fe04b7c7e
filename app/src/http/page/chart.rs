//! Plots, drawn here as SVG: colours and sizes are the style sheet's, so they follow the page into the dark.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{Markup, html};

use super::layout::{clicks, number};
use crate::clicks::{Resolution, Share};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 44.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 12.0;

/// A bar for each hour or day, and the same as a table for who cannot see it.
pub(super) fn bars(name: &str, resolution: Resolution, series: &[(Timestamp, i64)]) -> Markup {
    let most = series.iter().map(|(_, clicks)| *clicks).max().unwrap_or(0);
    let top = ceiling(most);
    let total: i64 = series.iter().map(|(_, clicks)| clicks).sum();
    let step = (WIDTH - LEFT) / as_f64(series.len().max(1));
    let plot = HEIGHT - TOP - BOTTOM;
    let y = |value: f64| TOP + plot * (1.0 - value / top);
    let every = series.len().div_ceil(6).max(1);
    html! {
        figure.chart {
            figcaption { span { (name) } strong { (clicks(total)) } }
            svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{name}: {}", clicks(total))) {
                @for line in [0.0, top / 2.0, top] {
                    line.grid x1=(LEFT) x2=(WIDTH) y1=(short(y(line))) y2=(short(y(line))) {}
                    text.tick.zero[line == 0.0] x=(LEFT - 8.0) y=(short(y(line) + 4.0)) text-anchor="end" { (axis(line)) }
                }
                @for (index, (at, value)) in series.iter().enumerate() {
                    @let left = LEFT + step * as_f64(index);
                    @let height = (plot * float(*value) / top).max(if *value > 0 { 2.0 } else { 0.0 });
                    g.bar data-label=(format!("{} · {}", label(resolution, *at), clicks(*value))) {
                        title { (label(resolution, *at)) ": " (clicks(*value)) }
                        rect.hit x=(short(left)) y=(TOP) width=(short(step)) height=(plot) {}
                        rect.fill x=(short(left + step * 0.14)) y=(short(TOP + plot - height))
                            width=(short(step * 0.72)) height=(short(height)) rx=(short((step * 0.2).min(3.0))) {}
                    }
                    @if index % every == 0 {
                        text.tick x=(short(left + step / 2.0)) y=(HEIGHT - 6.0) text-anchor="middle" {
                            (tick(resolution, *at))
                        }
                    }
                }
            }
            details.numbers {
                summary { "As a table" }
                table {
                    thead { tr { th scope="col" { "From (UTC)" } th scope="col" { "Clicks" } } }
                    tbody {
                        @for (at, value) in series.iter().rev().filter(|(_, value)| *value > 0) {
                            tr { th scope="row" { (label(resolution, *at)) } td { (number(*value)) } }
                        }
                        @if total == 0 { tr { td colspan="2" { "None yet" } } }
                    }
                }
            }
        }
    }
}

/// Parts of a whole, most first.
pub(super) fn shares(name: &str, nameless: &str, shares: &[Share]) -> Markup {
    let total: i64 = shares.iter().map(|share| share.clicks).sum();
    html! {
        section.shares {
            h3 { (name) }
            @if shares.is_empty() { p.empty { "Nothing yet" } } @else {
                table {
                    thead.hidden { tr { th scope="col" { "Name" } th scope="col" { "Clicks" } } }
                    tbody {
                        @for share in shares {
                            tr {
                                th scope="row" {
                                    span { @if share.name.is_empty() { (nameless) } @else { (share.name) } }
                                    svg viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true" {
                                        rect.track width="100" height="4" {}
                                        rect.fill width=(short(100.0 * float(share.clicks) / float(total.max(1)))) height="4" {}
                                    }
                                }
                                td { (number(share.clicks)) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The last days of a link, very small.
pub(super) fn spark(days: &[i64]) -> Markup {
    let most = float(days.iter().copied().max().unwrap_or(0)).max(1.0);
    html! {
        svg.spark viewBox=(format!("0 0 {} 20", days.len() * 5)) aria-hidden="true" {
            @for (index, value) in days.iter().enumerate() {
                @let height = if *value > 0 { (18.0 * float(*value) / most).max(2.0) } else { 1.0 };
                rect.(if *value > 0 { "fill" } else { "track" }) x=(index * 5) y=(short(20.0 - height)) width="3.6"
                    height=(short(height)) rx="1" {}
            }
        }
    }
}

/// A round number that is not less, for the top of the axis.
fn ceiling(most: i64) -> f64 {
    let most = float(most.max(4));
    let magnitude = 10_f64.powf(most.log10().floor());
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|factor| factor * magnitude)
        .find(|round| *round >= most)
        .unwrap_or(most)
}

fn axis(value: f64) -> String {
    if value >= 1_000_000.0 {
        format!("{}M", short(value / 1_000_000.0))
    } else if value >= 1000.0 {
        format!("{}k", short(value / 1000.0))
    } else {
        short(value)
    }
}

fn label(resolution: Resolution, at: Timestamp) -> String {
    let at = at.to_zoned_datetime(TimeZone::UTC);
    match resolution {
        Resolution::Hour => at.strftime("%-d %b, %H:00").to_string(),
        Resolution::Day => at.strftime("%a %-d %b").to_string(),
    }
}

fn tick(resolution: Resolution, at: Timestamp) -> String {
    let at = at.to_zoned_datetime(TimeZone::UTC);
    match resolution {
        Resolution::Hour => at.strftime("%H:00").to_string(),
        Resolution::Day => at.strftime("%-d %b").to_string(),
    }
}

/// At most one digit after the point, which is as fine as a screen.
fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[expect(clippy::cast_precision_loss, reason = "a plot is coarser than that")]
fn float(value: i64) -> f64 {
    value as f64
}

#[expect(clippy::cast_precision_loss, reason = "a plot is coarser than that")]
fn as_f64(value: usize) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (most, expected) in [
            (0, "4"),
            (4, "4"),
            (5, "5"),
            (11, "20"),
            (99, "100"),
            (1999, "2k"),
            (3_900_000, "4M"),
        ] {
            assert_eq!(axis(ceiling(most)), expected, "{most}");
        }
    }

    #[test]
    fn what_others_send_is_text() {
        let share = Share {
            name: "<script>".to_owned(),
            clicks: 1,
        };
        let text = shares("x", "y", &[share]).into_string();
        assert!(
            text.contains("&lt;script&gt;") && !text.contains("<script>"),
            "{text}"
        );
    }
}
