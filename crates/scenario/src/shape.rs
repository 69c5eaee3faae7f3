//! How the rate of requests changes over the load, by time-rescaling: a pause is drawn as if the rate were constant, and then
//! laid along a clock that runs as fast as the shape is high. A Poisson process stays one (Brown et al. 2002, after the
//! time-rescaling theorem), and every shape with one seed has the same draws.

use crate::phase::{Phase, Phases};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The rate of requests as a multiple of `shoppers / think_time`, from the end of the warm-up on. It is 1 before that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "kind")]
pub enum Shape {
    /// 1 all the time.
    #[default]
    Constant,
    /// In a straight line from 1 at the end of the warm-up to the peak at the end of the load.
    Ramp {
        /// The last height.
        peak: f64,
    },
    /// In stairs of equal length and equal rise from 1 to the peak.
    Steps {
        /// The last height.
        peak: f64,
        /// How many stairs there are, the first at 1 included.
        stairs: u32,
    },
    /// The peak for a while, and 1 otherwise.
    Spike {
        /// The height.
        peak: f64,
        /// When it begins. Microseconds on the trial's clock.
        at_us: u64,
        /// How long it lasts. Microseconds.
        for_us: u64,
    },
}

impl Shape {
    /// The name that scenario files use.
    pub fn name(self) -> &'static str {
        match self {
            Shape::Constant => "constant",
            Shape::Ramp { .. } => "ramp",
            Shape::Steps { .. } => "steps",
            Shape::Spike { .. } => "spike",
        }
    }

    /// Its greatest height.
    pub fn highest(self) -> f64 {
        match self {
            Shape::Constant => 1.0,
            Shape::Ramp { peak } | Shape::Steps { peak, .. } | Shape::Spike { peak, .. } => peak.max(1.0),
        }
    }

    /// The same in half the time.
    #[must_use]
    pub(crate) fn quick(self) -> Self {
        match self {
            Shape::Spike { peak, at_us, for_us } => {
                Shape::Spike { peak, at_us: at_us / 2, for_us: for_us / 2 }
            }
            other => other,
        }
    }
}

/// A stretch of time in which the rate goes in a straight line.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    start_us: f64,
    end_us: f64,
    from: f64,
    to: f64,
}

/// The rate over time, to lay pauses along.
#[derive(Clone, Debug)]
pub(crate) struct Pace(Vec<Stretch>);

impl Pace {
    pub(crate) fn new(shape: Shape, phases: &Phases) -> Self {
        let (start_us, end_us) =
            (phases.span(Phase::WarmUp).map_or(0, |span| span.end_us) as f64, phases.end_us() as f64);
        let level = |start_us, end_us, height| Stretch { start_us, end_us, from: height, to: height };
        let mut stretches = vec![level(0.0, start_us, 1.0)];
        match shape {
            Shape::Constant => stretches.clear(),
            Shape::Ramp { peak } => stretches.push(Stretch { start_us, end_us, from: 1.0, to: peak }),
            Shape::Steps { peak, stairs } => {
                let length_us = (end_us - start_us) / f64::from(stairs.max(1));
                let rise = (peak - 1.0) / f64::from(stairs.saturating_sub(1).max(1));
                for stair in (0..stairs).map(f64::from) {
                    let foot_us = start_us + stair * length_us;
                    stretches.push(level(foot_us, foot_us + length_us, 1.0 + stair * rise));
                }
            }
            Shape::Spike { peak, at_us, for_us } => {
                stretches[0].end_us = at_us as f64;
                stretches.push(level(at_us as f64, (at_us + for_us) as f64, peak));
            }
        }
        Self(stretches)
    }

    /// When a pause ends that begins at a moment and would be so long at a constant rate of 1: the moment up to which the area
    /// under the shape is the pause. After the last stretch the rate is 1.
    pub(crate) fn after(&self, from_us: u64, pause_us: f64) -> f64 {
        let (mut at_us, mut left_us) = (from_us as f64, pause_us);
        for stretch in self.0.iter().filter(|stretch| stretch.end_us > from_us as f64) {
            let slope = (stretch.to - stretch.from) / (stretch.end_us - stretch.start_us);
            let height = stretch.from + slope * (at_us - stretch.start_us);
            let length_us = stretch.end_us - at_us;
            let area_us = (height + stretch.to) / 2.0 * length_us;
            if area_us > left_us {
                // The root of slope/2 x^2 + height x = left that stays exact where the slope is 0.
                let root = (height * height + 2.0 * slope * left_us).max(0.0).sqrt();
                return at_us + 2.0 * left_us / (height + root);
            }
            left_us -= area_us;
            at_us = stretch.end_us;
        }
        at_us + left_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = 1_000_000;

    fn pace(shape: Shape) -> Pace {
        Pace::new(shape, &Phases::from_lengths([2 * S, 4 * S, 4 * S, 0, 0]))
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        prop_oneof![
            Just(Shape::Constant),
            (0.1..20.0).prop_map(|peak| Shape::Ramp { peak }),
            (0.1..20.0, 2_u32..9).prop_map(|(peak, stairs)| Shape::Steps { peak, stairs }),
            (0.1..20.0, 2 * S..9 * S, 1..S).prop_map(|(peak, at_us, for_us)| Shape::Spike {
                peak,
                at_us,
                for_us
            }),
        ]
    }

    #[test]
    fn a_constant_shape_changes_no_pause_by_a_bit() {
        for pause in [1.0, 333.0, 9_999_999.0] {
            assert_eq!(pace(Shape::Constant).after(2_345_678, pause), 2_345_678.0 + pause);
        }
    }

    #[test]
    fn a_spike_of_five_makes_a_second_hold_five() {
        let pace = pace(Shape::Spike { peak: 5.0, at_us: 3 * S, for_us: S });
        assert_eq!(pace.after(3 * S, 5.0 * S as f64), 4.0 * S as f64);
        assert_eq!(pace.after(2 * S, 2.0 * S as f64), 3.2 * S as f64);
        assert_eq!(pace.after(4 * S, S as f64), 5.0 * S as f64);
    }

    #[test]
    fn a_ramp_from_one_to_three_holds_twice_its_length() {
        let whole = 2.0 * 8.0 * S as f64;
        let end = pace(Shape::Ramp { peak: 3.0 }).after(2 * S, whole);
        assert!((end - 10.0 * S as f64).abs() < 1.0, "{end}");
    }

    #[test]
    fn four_stairs_to_four_hold_one_two_three_and_four() {
        let pace = pace(Shape::Steps { peak: 4.0, stairs: 4 });
        let two = 2.0 * S as f64;
        let mut at_us = 2 * S;
        for height in [1.0, 2.0, 3.0, 4.0] {
            let next = pace.after(at_us, height * two);
            assert!((next - (at_us as f64 + two)).abs() < 1.0, "stair {height}: {next}");
            at_us += 2 * S;
        }
    }

    proptest! {
        #[test]
        fn two_pauses_end_where_their_sum_ends(
            shape in shapes(), from in 0..10 * S, first in 0.0..4e6, second in 0.0..4e6
        ) {
            let pace = pace(shape);
            let between = pace.after(from, first);
            prop_assert!(between >= from as f64);
            // Microseconds are whole between two pauses, so the sum may end 20 times (the steepest shape) 1 us later.
            let (apart, at_once) = (pace.after(between as u64, second), pace.after(from, first + second));
            prop_assert!((apart - at_once).abs() <= 400.0, "{apart} {at_once}");
        }
    }
}
