//! A plot as SVG: curves over a logarithmic axis, legible on light and on dark ground.

use std::fmt::Write as _;

use crate::targets::row::number;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 360.0;
/// Where the axes stand, with room for what is written beside them.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 520.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 304.0;
/// Told apart by everybody, also by those who see no red or green, on either ground.
const COLOURS: [&str; 6] = ["#0077bb", "#ee7733", "#009988", "#cc3311", "#aa4499", "#888888"];

pub(crate) struct Curve {
    pub(crate) name: String,
    /// Rising from left to right.
    pub(crate) points: Vec<(f64, f64)>,
}

pub(crate) struct Plot<'a> {
    pub(crate) title: &'a str,
    pub(crate) across: &'a str,
    pub(crate) up: &'a str,
    pub(crate) curves: &'a [Curve],
    /// A value that is not to be exceeded.
    pub(crate) limit: f64,
}

impl Plot<'_> {
    pub(crate) fn svg(&self) -> String {
        let points = || self.curves.iter().flat_map(|curve| &curve.points);
        let least = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let most = points().map(|point| point.0).fold(1.0, f64::max);
        let highest = points().map(|point| point.1).fold(self.limit, f64::max) * 1.1;
        let span = (most / least).log10().max(f64::EPSILON);
        let x = |value: f64| LEFT + (value / least).log10() / span * (RIGHT - LEFT);
        let y = |value: f64| BOTTOM - value / highest * (BOTTOM - TOP);
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{0}\">\n\
             <style>\n  text {{ font: 13px system-ui, sans-serif; fill: #24292f }}\n  .title {{ font-weight: 600 }}\n  \
             .grid {{ stroke: #24292f; stroke-opacity: 0.15 }}\n  .limit {{ stroke: #24292f; stroke-dasharray: 6 4 }}\n  \
             path {{ fill: none; stroke-width: 2 }}\n  @media (prefers-color-scheme: dark) {{\n    \
             text {{ fill: #e6edf3 }}\n    .grid, .limit {{ stroke: #e6edf3 }}\n  }}\n</style>\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"20\">{0}</text>\n",
            self.title
        );
        let step = if highest > 8.0 {
            (highest / 6.0).ceil()
        } else if highest > 3.0 {
            1.0
        } else {
            0.5
        };
        for at in (0..).map(|at| f64::from(at) * step).take_while(|value| *value <= highest) {
            let y = y(at);
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{RIGHT}\" y2=\"{y:.1}\"/>"
            );
            let _ = writeln!(
                svg,
                "<text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{at}</text>",
                LEFT - 8.0,
                y + 4.0
            );
        }
        let mut marks: Vec<f64> = points().map(|point| point.0).collect();
        marks.sort_unstable_by(f64::total_cmp);
        marks.dedup();
        for at in marks {
            let (x, text) = (x(at), number(at));
            let _ = writeln!(
                svg,
                "<line class=\"grid\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{BOTTOM}\"/>"
            );
            let _ = writeln!(
                svg,
                "<text x=\"{x:.1}\" y=\"{}\" text-anchor=\"middle\">{text}</text>",
                BOTTOM + 20.0
            );
        }
        let (middle, below, limit) = (f64::midpoint(LEFT, RIGHT), BOTTOM + 44.0, y(self.limit));
        let _ =
            writeln!(svg, "<text x=\"{middle}\" y=\"{below}\" text-anchor=\"middle\">{}</text>", self.across);
        let _ = writeln!(svg, "<text x=\"{LEFT}\" y=\"38\">{}</text>", self.up);
        let _ = writeln!(
            svg,
            "<line class=\"limit\" x1=\"{LEFT}\" y1=\"{limit:.1}\" x2=\"{RIGHT}\" y2=\"{limit:.1}\"/>"
        );
        // A line of its own for the name of each curve, where the curve ends or below the name before.
        let mut labels: Vec<(f64, String, &str)> =
            vec![(limit, format!("aim: at most {}", self.limit), "currentColor")];
        for (curve, colour) in self.curves.iter().zip(COLOURS.iter().cycle()) {
            let places: Vec<String> =
                curve.points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
            let _ = writeln!(svg, "<path stroke=\"{colour}\" d=\"M{}\"/>", places.join(" L"));
            for place in &places {
                let (x, y) = place.split_once(',').unwrap_or((place, "0"));
                let _ = writeln!(svg, "<circle fill=\"{colour}\" cx=\"{x}\" cy=\"{y}\" r=\"3.5\"/>");
            }
            if let Some((_, value)) = curve.points.last() {
                labels.push((y(*value), format!("{} {value:.2}", curve.name), colour));
            }
        }
        labels.sort_by(|one, other| one.0.total_cmp(&other.0));
        let mut free = TOP;
        for (wanted, text, colour) in labels {
            let y = wanted.max(free);
            free = y + 17.0;
            if colour != "currentColor" {
                let _ = writeln!(
                    svg,
                    "<circle fill=\"{colour}\" cx=\"{}\" cy=\"{y:.1}\" r=\"4\"/>",
                    RIGHT + 14.0
                );
            }
            let _ = writeln!(svg, "<text x=\"{}\" y=\"{:.1}\">{text}</text>", RIGHT + 24.0, y + 4.0);
        }
        svg + "</svg>\n"
    }
}
