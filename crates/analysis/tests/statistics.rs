//! Stories about what repeated trials may claim, on values whose truth is known because they were made.

use analysis::statistics::{Figure, FigureComparison, Ground, Series, Standing, weigh};

/// Numbers that look like chance and are the same in every run of the test.
struct Noise(u64);

impl Noise {
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// A trial's figure: a value, what its pair shares (the plan, the hour), what is its own, and now and then a bad moment,
    /// for trials on a shared machine have tails.
    fn trial(&mut self, value: f64, shared: f64, own: f64) -> f64 {
        let bad = if self.uniform() < 0.1 { 1.0 + 2.0 * own * self.uniform() } else { 1.0 };
        value * shared * (own * self.normal()).exp() * bad
    }

    fn pairs(&mut self, n: usize, value: f64, own: f64, added: f64) -> Vec<(f64, f64)> {
        let pair = |_| {
            let shared = (0.1 * self.normal()).exp();
            (self.trial(value, shared, own), self.trial(value, shared, own) + added)
        };
        (0..n).map(pair).collect()
    }
}

/// A figure with a value and a spread over trials as they are seen on a shared machine of two processors.
const MACHINE: [(Figure, f64, f64); 9] = [
    (Figure::SessionsLost, 0.33, 0.04),
    (Figure::ServiceBack, 250_000.0, 0.4),
    (Figure::BaselineP50, 12_000.0, 0.03),
    (Figure::BaselineP99, 22_000.0, 0.2),
    (Figure::BaselineServiceP99, 20_000.0, 0.2),
    (Figure::FaultP50, 12_500.0, 0.04),
    (Figure::FaultP99, 40_000.0, 0.35),
    (Figure::FaultErrors, 0.004, 0.4),
    (Figure::CpuPerRequest, 900.0, 0.04),
];

fn series(figure: Figure, pairs: &[(f64, f64)], floor: Option<f64>) -> Series {
    Series { figure, pairs: pairs.iter().copied().map(Some).collect(), never: false, floor }
}

/// One figure, weighed alone.
fn compare_values(figure: Figure, pairs: &[(f64, f64)], floor: Option<f64>) -> FigureComparison {
    weigh(&[series(figure, pairs, floor)])[0]
}

/// All figures of a comparison, weighed together, with something added to the latencies of one side.
fn compare_machine(noise: &mut Noise, added: f64) -> Vec<FigureComparison> {
    let all = MACHINE.map(|(figure, value, own)| {
        let added = if is_latency(figure) { added } else { 0.0 };
        series(figure, &noise.pairs(6, value, own, added), None)
    });
    weigh(&all)
}

fn is_latency(figure: Figure) -> bool {
    !matches!(
        figure,
        Figure::SessionsLost | Figure::ServiceBack | Figure::FaultErrors | Figure::CpuPerRequest
    )
}

fn tells_a_difference(found: &FigureComparison) -> bool {
    matches!(found.standing, Standing::Better | Standing::Worse)
}

#[test]
fn the_same_stack_against_itself_differs_in_at_most_4_of_40_comparisons() {
    let mut noise = Noise(40);
    let alarms = (0..40).filter(|_| compare_machine(&mut noise, 0.0).iter().any(tells_a_difference)).count();
    println!("A/A, all figures: {alarms} of 40 comparisons tell a difference");
    assert!(alarms <= 4, "{alarms} of 40");
}

#[test]
fn in_the_long_run_noise_shows_in_at_most_5_of_100_comparisons() {
    let mut noise = Noise(1_000);
    let all: Vec<Vec<FigureComparison>> = (0..400).map(|_| compare_machine(&mut noise, 0.0)).collect();
    let alarms = all.iter().filter(|figures| figures.iter().any(tells_a_difference)).count();
    let alone =
        |f: &FigureComparison| f.p.unwrap() <= 0.05 && f.difference.unwrap().value.abs() >= f.matters_from;
    let unweighed = all.iter().filter(|figures| figures.iter().any(alone)).count();
    println!(
        "A/A, all figures: {alarms} of 400 comparisons tell a difference, {unweighed} if each figure spoke alone"
    );
    assert!(unweighed > 2 * alarms, "what the weighing is for: {unweighed} and {alarms}");
    assert!(alarms <= 20 + 9, "{alarms} of 400: 20 are due at 5%, and 9 are two standard deviations");
}

#[test]
fn an_added_2_ms_is_found_by_6_pairs() {
    let mut noise = Noise(2);
    let found = (0..100).filter(|_| {
        let all = compare_machine(&mut noise, 2_000.0);
        all.iter().any(|f| f.figure == Figure::BaselineP50 && f.standing == Standing::Worse)
    });
    let found = found.count();
    println!("2 ms added: found in {found} of 100 comparisons");
    assert!(found >= 85, "{found} of 100");
}

#[test]
fn the_smallest_effect_is_stated_and_is_below_2_ms() {
    let pairs = Noise(3).pairs(6, 12_000.0, 0.03, 2_000.0);
    let found = compare_values(Figure::BaselineP50, &pairs, None);
    let detectable = found.detectable.unwrap();
    assert!((100.0..2_000.0).contains(&detectable), "{detectable}");
    let (low, high) = found.difference.map(|d| (d.low.unwrap(), d.high.unwrap())).unwrap();
    assert!(low < 2_000.0 && 2_000.0 < high, "{low} to {high}");
}

#[test]
fn five_pairs_claim_nothing_however_clear_they_are() {
    let found = compare_values(Figure::BaselineP50, &[(10_000.0, 90_000.0); 5], None);
    assert_eq!((found.standing, found.ground), (Standing::NeedsPairs, Ground::TooFewPairs));
    assert_eq!(found.difference.unwrap().value, 80_000.0);
    assert_eq!(found.difference.unwrap().low, None);
    assert_eq!(found.p, Some(0.0625));
}

#[test]
fn known_arithmetic() {
    let pairs: Vec<(f64, f64)> = (0..6).map(|n| (10_000.0, 20_000.0 + f64::from(n) * 1_000.0)).collect();
    let found = compare_values(Figure::BaselineP50, &pairs, None);
    assert_eq!((found.reference, found.value), (Some(10_000.0), Some(22_500.0)));
    assert_eq!(found.difference.unwrap().value, 12_500.0);
    assert_eq!(found.ratio.unwrap().value, 2.25);
    assert_eq!(found.p, Some(0.03125));
    assert_eq!(found.matters_from, 1_000.0);
    assert_eq!(found.standing, Standing::Worse);
    // 1.794 standard deviations of 0, 1, ... 5 ms.
    assert!((found.detectable.unwrap() - 1.794 * 3.5_f64.sqrt() * 1_000.0).abs() < 1e-3);
}

#[test]
fn a_tight_pair_of_stacks_is_equivalent_and_a_loose_one_is_not_known() {
    let near = Noise(5).pairs(6, 12_000.0, 0.005, 0.0);
    assert_eq!(compare_values(Figure::BaselineP50, &near, None).standing, Standing::Equivalent);
    let loose = Noise(5).pairs(6, 12_000.0, 0.5, 0.0);
    assert_eq!(compare_values(Figure::BaselineP50, &loose, None).standing, Standing::Inconclusive);
}

#[test]
fn a_difference_under_the_noise_floor_is_not_seen() {
    let pairs: Vec<(f64, f64)> = (0..6).map(|n| (12_000.0, 13_500.0 + f64::from(n) * 10.0)).collect();
    assert_eq!(compare_values(Figure::BaselineP50, &pairs, Some(1_200.0)).standing, Standing::Worse);
    let under = compare_values(Figure::BaselineP50, &pairs, Some(1_800.0));
    assert_eq!((under.standing, under.ground), (Standing::Inconclusive, Ground::UnderFloor));
}

#[test]
fn changing_sides_turns_better_into_worse() {
    let pairs = Noise(7).pairs(6, 12_000.0, 0.02, 3_000.0);
    let back: Vec<(f64, f64)> = pairs.iter().map(|(a, b)| (*b, *a)).collect();
    let (there, back) =
        (compare_values(Figure::BaselineP50, &pairs, None), compare_values(Figure::BaselineP50, &back, None));
    assert_eq!((there.standing, back.standing), (Standing::Worse, Standing::Better));
    assert_eq!(there.p, back.p);
    let (there, back) = (there.difference.unwrap(), back.difference.unwrap());
    assert!((there.value + back.value).abs() < 1e-3);
    assert!((there.low.unwrap() + back.high.unwrap()).abs() < 1e-3);
}

#[test]
fn the_same_values_give_the_same_interval() {
    let pairs = Noise(11).pairs(7, 12_000.0, 0.1, 500.0);
    let once = compare_values(Figure::FaultP99, &pairs, None);
    assert_eq!(once, compare_values(Figure::FaultP99, &pairs, None));
}
