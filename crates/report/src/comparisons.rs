//! How the stacks stand against the first of them, in words and as rows, so that no two formats can disagree.

use crate::board::{Board, Cell, Row, Tone};
use crate::results::ScenarioResults;
use crate::words::{clip, counted, latency};
use analysis::TrialFindings;
use analysis::statistics::{
    Comparison, Drift, Estimate, Figure, FigureComparison, FigureUnit, Ground, NEEDED, Standing, compare,
    drifts,
};

/// A column's name and its trials.
type Column<'a> = (String, Vec<&'a TrialFindings>);

/// Every column against the first, and what drifted. Empty below two repeats, for one trial compares with nothing.
pub(crate) fn weigh(columns: &[Column<'_>]) -> (Vec<Comparison>, Vec<Drift>) {
    let Some(((reference, own), others)) = columns.split_first() else { return Default::default() };
    let drifting = columns.iter().flat_map(|(_, trials)| drifts(trials)).collect();
    if own.len() < 2 {
        return (Vec::new(), drifting);
    }
    let itself = format!("{reference} (again)");
    let floor = others.iter().find(|(name, _)| *name == itself).map(|(_, again)| compare(own, again, None));
    let against = |(name, trials): &Column<'_>| match &floor {
        Some(floor) if *name == itself => floor.clone(),
        floor => compare(own, trials, floor.as_ref()),
    };
    (others.iter().map(against).collect(), drifting)
}

/// What a figure is called.
pub(crate) fn name(figure: Figure) -> &'static str {
    match figure {
        Figure::SessionsLost => "sessions lost",
        Figure::ServiceBack => "service back",
        Figure::BaselineErrors => "errors, baseline",
        Figure::BaselineP50 => "p50, baseline",
        Figure::BaselineP99 => "p99, baseline",
        Figure::BaselineServiceP99 => "p99 from sending, baseline",
        Figure::FaultErrors => "errors, fault",
        Figure::FaultP50 => "p50, fault",
        Figure::FaultP99 => "p99, fault",
        Figure::FaultServiceP99 => "p99 from sending, fault",
        Figure::CpuPerRequest => "CPU a request",
    }
}

pub(crate) fn standing(standing: Standing) -> (Tone, &'static str) {
    match standing {
        Standing::Better => (Tone::Good, "better"),
        Standing::Worse => (Tone::Bad, "worse"),
        Standing::Equivalent => (Tone::Plain, "equivalent"),
        Standing::Inconclusive => (Tone::Doubt, "inconclusive"),
        Standing::NeedsPairs => (Tone::Dim, "needs 6 pairs"),
        Standing::NotMeasured => (Tone::Dim, "not measured"),
    }
}

/// `12.3 ms`, `1.5%`.
pub(crate) fn amount(unit: FigureUnit, value: f64) -> String {
    match unit {
        FigureUnit::Us => latency(value.abs().round() as u64),
        FigureUnit::Share => format!("{}%", digits(value.abs() * 100.0)),
    }
}

/// The same with its sign; a difference of shares is in percentage points.
pub(crate) fn signed(unit: FigureUnit, value: f64) -> String {
    let text = match unit {
        FigureUnit::Us => amount(unit, value),
        FigureUnit::Share => format!("{} points", digits(value.abs() * 100.0)),
    };
    let nothing = !text.bytes().any(|b| (b'1'..=b'9').contains(&b));
    match () {
        () if nothing => text,
        () if value < 0.0 => format!("\u{2212}{text}"),
        () => format!("+{text}"),
    }
}

fn digits(percent: f64) -> String {
    if percent >= 9.95 { format!("{percent:.1}") } else { format!("{percent:.2}") }
}

/// `−34.0 points to −32.9 points`; `None` below six pairs.
pub(crate) fn interval(unit: FigureUnit, estimate: &Estimate) -> Option<String> {
    let (low, high) = (signed(unit, estimate.low?), signed(unit, estimate.high?));
    Some(if low == high { format!("always {low}") } else { format!("{low} to {high}") })
}

/// `0.81 to 0.94`; `None` below six pairs.
pub(crate) fn ratio_interval(estimate: &Estimate) -> Option<String> {
    Some(format!("{:.2} to {:.2}", estimate.low?, estimate.high?))
}

/// What a standing rests on, in a few words.
pub(crate) fn ground(f: &FigureComparison) -> String {
    let least = || f.detectable.map(|d| d.max(f.matters_from)).map(|least| amount(f.unit, least));
    match f.ground {
        Ground::TellsAndMatters => "told from chance, and more than practically nothing".to_owned(),
        Ground::InsidePractical => format!("below {}, practically nothing", amount(f.unit, f.matters_from)),
        Ground::NeverDiffered => "the same in every pair".to_owned(),
        Ground::MayBeChance => match least() {
            Some(least) => format!("not told from chance; {least} would have been"),
            None => "not told from chance".to_owned(),
        },
        Ground::OneOfMany => "one such among so many figures may be chance".to_owned(),
        Ground::MayNotMatter => format!("real, but perhaps below {}", amount(f.unit, f.matters_from)),
        Ground::UnderFloor => match f.floor {
            Some(floor) => format!("no difference seen: under the noise floor of {}", amount(f.unit, floor)),
            None => "no difference seen: under the noise floor".to_owned(),
        },
        Ground::NeverBack => "in some trial it never came back".to_owned(),
        Ground::TooFewPairs => format!("{} of {NEEDED} pairs", f.pairs),
        Ground::NoPairs => "no pair has it on both sides".to_owned(),
    }
}

/// Whether any comparison has the pairs for a claim.
pub(crate) fn can_claim(scenario: &ScenarioResults) -> bool {
    scenario.comparisons.iter().any(|c| c.pairs >= NEEDED as u64)
}

/// `6 pairs`, `6 to 7 pairs`.
pub(crate) fn pairs(scenario: &ScenarioResults) -> String {
    let all = || scenario.comparisons.iter().map(|c| c.pairs);
    let (least, most) = (all().min().unwrap_or(0), all().max().unwrap_or(0));
    if least == most { counted(most, "pair", "pairs") } else { format!("{least} to {most} pairs") }
}

/// Pairs that the poorest comparison lacks for a claim.
pub(crate) fn missing(scenario: &ScenarioResults) -> u64 {
    let least = scenario.comparisons.iter().map(|c| c.pairs).min().unwrap_or(0);
    (NEEDED as u64).saturating_sub(least)
}

/// The comparisons as a table: figures as rows, stacks as columns.
pub(crate) fn board(scenario: &ScenarioResults) -> Board {
    let shown = Figure::ALL
        .into_iter()
        .filter(|figure| scenario.comparisons.iter().any(|c| c.figures.iter().any(|f| f.figure == *figure)));
    let rows = shown.map(|figure| {
        let cells = scenario.comparisons.iter().map(|comparison| {
            comparison.figures.iter().find(|f| f.figure == figure).map_or_else(absent, told)
        });
        Row { label: name(figure), group: None, cells: cells.collect() }
    });
    let rows = rows.collect();
    Board { stacks: scenario.comparisons.iter().map(|c| clip(&c.stack, 60)).collect(), rows }
}

fn absent() -> Cell {
    plain("not measured".to_owned(), None, Tone::Dim)
}

fn plain(main: String, sub: Option<String>, tone: Tone) -> Cell {
    Cell { main, sub, tone, exact: None, naive: None }
}

fn told(f: &FigureComparison) -> Cell {
    let (tone, words) = standing(f.standing);
    let Some(difference) = &f.difference else {
        return plain(words.to_owned(), Some(ground(f)), tone);
    };
    let by = signed(f.unit, difference.value);
    let range = interval(f.unit, difference);
    match f.standing {
        Standing::Better | Standing::Worse => plain(format!("{words}: {by}"), range, tone),
        Standing::Equivalent => plain(words.to_owned(), Some(range.unwrap_or(by)), tone),
        Standing::NeedsPairs => plain(by, Some(words.to_owned()), tone),
        Standing::Inconclusive | Standing::NotMeasured => {
            let sub = format!("{}; {}", range.unwrap_or(by), ground(f));
            plain(words.to_owned(), Some(sub), tone)
        }
    }
}

/// What a reader must know beside the figures: pairs left out, the noise floor, drift.
pub(crate) fn notes(scenario: &ScenarioResults) -> Vec<String> {
    let mut out = Vec::new();
    for c in &scenario.comparisons {
        for left_out in &c.left_out {
            out.push(format!("{}, repeat {}: not a pair, {}.", c.stack, left_out.repeat, left_out.why));
        }
        let alarms = c.figures.iter().filter(|f| matches!(f.standing, Standing::Better | Standing::Worse));
        let alarms: Vec<&str> = alarms.map(|f| name(f.figure)).collect();
        if c.same_stack && !alarms.is_empty() {
            out.push(format!(
                "{} was told apart from itself in: {}. That is noise of this machine; distrust what it tells of the others.",
                c.reference,
                alarms.join(", ")
            ));
        }
    }
    out.extend(scenario.comparisons.iter().find(|c| c.same_stack).and_then(floor));
    out.extend(scenario.drifts.iter().map(|d| {
        let way = if d.correlation.rho > 0.0 { "grew" } else { "fell" };
        format!(
            "Drift: {} of {} {way} with the order of its {} trials (rank correlation {:.2}, p {}).",
            name(d.figure),
            d.stack,
            d.trials,
            d.correlation.rho,
            p(d.correlation.p)
        )
    }));
    out
}

fn floor(same: &Comparison) -> Option<String> {
    let ends = |f: &FigureComparison| {
        let d = f.difference?;
        Some(format!("{} {}", name(f.figure), amount(f.unit, d.low?.abs().max(d.high?.abs()))))
    };
    let all: Vec<String> = same.figures.iter().filter_map(ends).collect();
    (!all.is_empty()).then(|| {
        format!(
            "Noise floor, {} against itself over {} pairs: {}. A difference under it is no difference seen.",
            same.reference,
            same.pairs,
            all.join("; ")
        )
    })
}

/// `0.03`, `under 0.001`.
pub(crate) fn p(value: f64) -> String {
    match value {
        v if v < 0.001 => "under 0.001".to_owned(),
        v if v < 0.1 => format!("{v:.3}"),
        v => format!("{v:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_bear_their_sign_and_their_unit() {
        assert_eq!(signed(FigureUnit::Us, -2_040.0), "\u{2212}2.04 ms");
        assert_eq!(signed(FigureUnit::Us, 0.2), "0 \u{b5}s");
        assert_eq!(signed(FigureUnit::Share, 0.334), "+33.4 points");
        assert_eq!(signed(FigureUnit::Share, -0.001), "\u{2212}0.10 points");
        assert_eq!(signed(FigureUnit::Share, 0.0), "0.00 points");
        assert_eq!(amount(FigureUnit::Share, 0.01), "1.00%");
    }

    #[test]
    fn p_is_printed_to_three_places() {
        assert_eq!([p(0.03125), p(0.0625), p(0.5), p(0.0001)], ["0.031", "0.062", "0.50", "under 0.001"]);
    }
}
