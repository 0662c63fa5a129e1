//! The growth of times with the size of a system, as a picture with logarithmic axes.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 420.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 250.0;
const TOP: f64 = 20.0;
const BOTTOM: f64 = 45.0;

/// The ends of the axes, as powers of ten: services, and seconds.
const SERVICES: (f64, f64) = (1.0, 3.7);
const SECONDS: (f64, f64) = (-2.3, 2.0);

/// Colours that differ for most people.
const COLORS: [&str; 4] = ["#555555", "#d55e00", "#0072b2", "#009e73"];

/// The times of each command, by the number of services.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    lines: Vec<(String, BTreeMap<usize, Duration>)>,
}

impl Growth {
    pub(crate) fn add(&mut self, name: &str, services: usize, time: Duration) {
        let at = self.lines.iter().position(|(known, _)| known == name);
        let at = at.unwrap_or_else(|| {
            self.lines.push((name.to_owned(), BTreeMap::new()));
            self.lines.len() - 1
        });
        self.lines[at].1.insert(services, time);
    }

    /// Draws the lines as SVG.
    pub(crate) fn picture(&self) -> String {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        for (services, label) in [(10, "10"), (100, "100"), (1_000, "1,000"), (5_000, "5,000")] {
            let x = across(services);
            let (top, bottom) = (TOP, HEIGHT - BOTTOM);
            writeln!(svg, "<path d=\"M{x:.1} {top} V{bottom}\" stroke=\"#ddd\"/><text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>", bottom + 18.0).unwrap();
        }
        for (seconds, label) in [
            (0.01, "10 ms"),
            (0.1, "100 ms"),
            (1.0, "1 s"),
            (10.0, "10 s"),
            (100.0, "100 s"),
        ] {
            let (left, right, y) = (LEFT, WIDTH - RIGHT, up(seconds));
            writeln!(svg, "<path d=\"M{left} {y:.1} H{right}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>", left - 8.0, y + 4.0).unwrap();
        }
        let middle = f64::midpoint(LEFT, WIDTH - RIGHT);
        writeln!(
            svg,
            "<text x=\"{middle:.1}\" y=\"{:.1}\" text-anchor=\"middle\">services</text>",
            HEIGHT - 8.0
        )
        .unwrap();
        for ((name, times), color) in self.lines.iter().zip(COLORS) {
            let points: Vec<(f64, f64)> = times
                .iter()
                .map(|(services, time)| (across(*services), up(time.as_secs_f64())))
                .collect();
            let line: Vec<String> = points
                .iter()
                .map(|(x, y)| format!("{x:.1},{y:.1}"))
                .collect();
            writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>",
                line.join(" ")
            )
            .unwrap();
            for (x, y) in &points {
                writeln!(
                    svg,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{color}\"/>"
                )
                .unwrap();
            }
            if let Some((x, y)) = points.last() {
                writeln!(
                    svg,
                    "<text x=\"{:.1}\" y=\"{:.1}\" fill=\"{color}\">{name}</text>",
                    x + 10.0,
                    y + 4.0
                )
                .unwrap();
            }
        }
        svg.push_str("</svg>\n");
        svg
    }
}

#[allow(clippy::cast_precision_loss, reason = "thousands are exact")]
fn across(services: usize) -> f64 {
    scale((services as f64).log10(), SERVICES, (LEFT, WIDTH - RIGHT))
}

fn up(seconds: f64) -> f64 {
    scale(seconds.log10(), SECONDS, (HEIGHT - BOTTOM, TOP))
}

fn scale(value: f64, from: (f64, f64), to: (f64, f64)) -> f64 {
    to.0 + (value - from.0) / (from.1 - from.0) * (to.1 - to.0)
}
