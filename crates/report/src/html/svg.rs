//! Coordinates and paths. A drawing is 1000 wide and 100 high and is stretched to its box, so that it fits a phone and a
//! projector alike; words are never in it, they are HTML beside it and keep their size.

/// The width of every drawing.
pub(super) const WIDE: f64 = 1000.0;
/// The height of every drawing.
pub(super) const HIGH: f64 = 100.0;

/// The one clock that every lane of a scenario shares.
#[derive(Clone, Copy)]
pub(super) struct Clock {
    pub(super) start_us: u64,
    pub(super) end_us: u64,
}

impl Clock {
    /// Where a moment lies, from 0 to [`WIDE`].
    pub(super) fn x(self, us: u64) -> f64 {
        let span = self.end_us.saturating_sub(self.start_us).max(1) as f64;
        (us.saturating_sub(self.start_us) as f64 / span).min(1.0) * WIDE
    }

    /// The same in percent, for what is HTML.
    pub(super) fn percent(self, us: u64) -> String {
        format!("{}%", short(self.x(us) / WIDE * 100.0))
    }

    /// Round moments for the axis: about six.
    pub(super) fn ticks(self) -> Vec<u64> {
        let span = self.end_us.saturating_sub(self.start_us);
        let step = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600]
            .into_iter()
            .map(|s| s * 1_000_000)
            .find(|step| span / step <= 7)
            .unwrap_or(1_200_000_000);
        (self.start_us.div_ceil(step)..=self.end_us / step).map(|k| k * step).collect()
    }
}

/// The one scale that every lane of a chart shares.
#[derive(Clone, Copy)]
pub(super) enum Scale {
    /// From 0 to a top.
    Linear { top: f64 },
    /// By factors of ten: a baseline of 12 ms and a stall of 4 s are both legible.
    Log { low: f64, top: f64 },
}

impl Scale {
    /// Whole powers of ten around the values, at least one of them apart.
    pub(super) fn log(least: u64, most: u64) -> Self {
        let low = 10_f64.powf((least.max(1) as f64).log10().floor());
        let top = 10_f64.powf((most.max(1) as f64).log10().ceil()).max(low * 10.0);
        Scale::Log { low, top }
    }

    /// A round top above the values.
    pub(super) fn linear(most: u64) -> Self {
        let most = most.max(1) as f64;
        let unit = 10_f64.powf(most.log10().floor());
        let top = [1.0, 2.0, 5.0, 10.0].into_iter().map(|f| f * unit).find(|top| *top >= most);
        Scale::Linear { top: top.unwrap_or(most) }
    }

    /// Where a value lies, from [`HIGH`] at the floor to 0 at the top.
    pub(super) fn y(self, value: f64) -> f64 {
        let share = match self {
            Scale::Linear { top } => value / top,
            Scale::Log { low, top } => (value.max(low) / low).ln() / (top / low).ln(),
        };
        (1.0 - share.clamp(0.0, 1.0)) * HIGH
    }

    /// The values at which a line is drawn.
    pub(super) fn lines(self) -> Vec<f64> {
        match self {
            Scale::Linear { top } => vec![0.0, top],
            Scale::Log { low, top } => {
                let steps = (top / low).log10().round() as i32;
                (0..=steps).map(|k| low * 10_f64.powi(k)).collect()
            }
        }
    }
}

/// A coordinate with one digit after the point at most: more would only make the file bigger.
pub(super) fn short(value: f64) -> String {
    let text = format!("{value:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Writes a path in steps from point to point, in tenths: half as long as one that names every point, and without drift.
struct Pen {
    path: String,
    at: (i64, i64),
}

impl Pen {
    fn new() -> Self {
        Self { path: String::new(), at: (0, 0) }
    }

    fn move_to(&mut self, (x, y): (f64, f64)) {
        self.path.push_str(&format!("M{} {}", short(x), short(y)));
        self.at = (tenths(x), tenths(y));
    }

    fn line_to(&mut self, (x, y): (f64, f64)) {
        let (dx, dy) = (tenths(x) - self.at.0, tenths(y) - self.at.1);
        self.at = (tenths(x), tenths(y));
        let dy_text = brief(dy);
        let gap = if dy_text.starts_with('-') { "" } else { " " };
        match (dx, dy) {
            (0, 0) => {}
            (_, 0) => self.path.push_str(&format!("h{}", brief(dx))),
            (0, _) => self.path.push_str(&format!("v{dy_text}")),
            _ => self.path.push_str(&format!("l{}{gap}{dy_text}", brief(dx))),
        }
    }
}

fn tenths(value: f64) -> i64 {
    (value * 10.0).round() as i64
}

/// `-.3`, `12.5`, `4`.
fn brief(tenths: i64) -> String {
    let text = short(tenths as f64 / 10.0);
    if let Some(rest) = text.strip_prefix("-0.") {
        return format!("-.{rest}");
    }
    text.strip_prefix("0.").map_or_else(|| text.clone(), |rest| format!(".{rest}"))
}

/// A line through the points that exist, broken where one is missing: a gap in the evidence is a gap in the line.
pub(super) fn line(points: &[(f64, Option<f64>)]) -> String {
    let mut pen = Pen::new();
    let mut is_down = false;
    for (at, (x, y)) in points.iter().enumerate() {
        let Some(y) = y else {
            is_down = false;
            continue;
        };
        if is_down {
            pen.line_to((*x, *y));
        } else {
            pen.move_to((*x, *y));
            if points.get(at + 1).is_none_or(|next| next.1.is_none()) {
                pen.path.push_str("h2");
            }
        }
        is_down = true;
    }
    pen.path
}

/// The space between a lower and an upper edge, in as many pieces as there are gaps.
pub(super) fn band(points: &[(f64, Option<(f64, f64)>)]) -> String {
    let mut pen = Pen::new();
    for piece in points.split(|(_, edges)| edges.is_none()).filter(|piece| piece.len() > 1) {
        let there = piece.iter().filter_map(|(x, e)| e.map(|(_, upper)| (*x, upper)));
        let back = piece.iter().rev().filter_map(|(x, e)| e.map(|(lower, _)| (*x, lower)));
        for (n, corner) in there.chain(back).enumerate() {
            if n == 0 { pen.move_to(corner) } else { pen.line_to(corner) }
        }
        pen.path.push('Z');
    }
    pen.path
}

/// Bars that stand on the floor or on one another: left edge, width, lower and upper y.
pub(super) fn bars(bars: impl IntoIterator<Item = (f64, f64, f64, f64)>) -> String {
    bars.into_iter()
        .filter(|(_, _, low, high)| low > high)
        .map(|(x, w, low, high)| {
            format!("M{} {}V{}h{}V{}Z", short(x), short(low), short(high), short(w), short(low))
        })
        .collect()
}

/// A staircase: each value holds until the next one.
pub(super) fn steps(points: &[(f64, f64)], until: f64) -> String {
    let mut pen = Pen::new();
    stairs(&mut pen, points, until);
    pen.path
}

fn stairs(pen: &mut Pen, points: &[(f64, f64)], until: f64) {
    let Some(first) = points.first() else { return };
    pen.move_to(*first);
    let mut level = first.1;
    for (x, y) in &points[1..] {
        // A tread goes on until the height changes.
        if tenths(*y) != tenths(level) {
            pen.line_to((*x, level));
            pen.line_to((*x, *y));
            level = *y;
        }
    }
    pen.line_to((until, level));
}

/// The space between two staircases over the same steps.
pub(super) fn between_steps(lower: &[(f64, f64)], upper: &[(f64, f64)], until: f64) -> String {
    let mut pen = Pen::new();
    stairs(&mut pen, upper, until);
    let mut right = until;
    for (x, y) in lower.iter().rev() {
        pen.line_to((right, *y));
        pen.line_to((*x, *y));
        right = *x;
    }
    if pen.path.is_empty() { pen.path } else { pen.path + "Z" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_in_the_evidence_is_a_gap_in_the_line() {
        let path = line(&[(0.0, Some(1.0)), (10.0, Some(2.0)), (20.0, None), (30.0, Some(3.0))]);
        assert_eq!(path, "M0 1l10 1M30 3h2");
    }

    #[test]
    fn a_staircase_goes_on_while_nothing_changes_and_ends_where_it_should() {
        let points = [(0.0, 100.0), (10.0, 100.0), (20.0, 50.0), (30.0, 49.7), (40.0, 49.7)];
        assert_eq!(steps(&points, 50.0), "M0 100h20v-50h10v-.3h20");
        assert_eq!(band(&[(0.0, Some((9.0, 1.0))), (5.0, Some((9.0, 2.0)))]), "M0 1l5 1v7h-5Z");
    }

    #[test]
    fn the_axis_has_round_moments() {
        let ticks = Clock { start_us: 0, end_us: 30_000_000 }.ticks();
        assert_eq!(ticks, [0, 5, 10, 15, 20, 25, 30].map(|s| s * 1_000_000));
    }

    #[test]
    fn a_log_scale_spans_whole_powers_of_ten() {
        let scale = Scale::log(12_000, 4_000_000);
        assert_eq!(scale.lines(), [1e4, 1e5, 1e6, 1e7]);
        assert_eq!(short(scale.y(1e4)), "100");
        assert_eq!(short(scale.y(1e7)), "0");
    }
}
