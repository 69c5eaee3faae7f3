//! The `[load]` section as written.

use super::{ScenarioError, Source};
use crate::load::{Load, Mix, Mode, Retries};
use crate::phase::{Phase, Phases};
use crate::shape::Shape;
use crate::skew;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use toml::Spanned;

/// A plan of so many requests has some hundred megabytes, and is made before anything starts.
const MOST_STEPS: f64 = 10_000_000.0;
/// More than one machine can drive.
const MOST_SHOPPERS: u32 = 100_000;
const MOST_TABS: u8 = 8;
const MOST_SLEEPERS: u32 = 10_000_000;
const MOST_STAIRS: u32 = 100;
/// Higher is a slip of the pen, and lower no load.
const PEAKS: (f64, f64) = (0.1, 100.0);

/// Who comes and what they do.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Load")]
pub(super) struct LoadFile {
    /// How many shoppers there are: one cookie jar each.
    #[schemars(with = "u32", range(min = 1, max = MOST_SHOPPERS))]
    shoppers: Spanned<u32>,
    /// Mean pause between two steps of one shopper. Milliseconds.
    #[schemars(with = "u64", range(min = 1, max = 600_000))]
    think_time_ms: Spanned<u64>,
    /// After this long without a complete answer a shopper gives up on a request. Milliseconds.
    #[serde(default = "four_thousand")]
    #[schemars(with = "u64", range(min = 100, max = 60_000))]
    timeout_ms: Spanned<u64>,
    /// Relative weights of the steps; `read` and `add` are needed.
    #[schemars(with = "Mix")]
    mix: Spanned<Mix>,
    /// What a pause is counted from.
    #[serde(default = "unnamed::<Mode>")]
    #[schemars(with = "Mode")]
    mode: Spanned<Mode>,
    /// How the rate changes from the end of the warm-up on.
    #[serde(default = "unnamed::<ShapeName>")]
    #[schemars(with = "ShapeName")]
    shape: Spanned<ShapeName>,
    /// The height of every shape but `constant`, as a multiple of the rate of that.
    #[schemars(with = "Option<f64>", range(min = PEAKS.0, max = PEAKS.1))]
    peak: Option<Spanned<f64>>,
    /// With `steps`: how many, the first at 1 included.
    #[schemars(with = "Option<u32>", range(min = 2, max = MOST_STAIRS))]
    stairs: Option<Spanned<u32>>,
    /// With `spike`: when it begins, after the load starts. Seconds.
    #[schemars(with = "Option<f64>")]
    spike_at_s: Option<Spanned<f64>>,
    /// With `spike`: how long it lasts. Seconds.
    #[schemars(with = "Option<f64>")]
    spike_for_s: Option<Spanned<f64>>,
    /// Exponent of the Zipf law by which some shoppers are busier than others.
    #[schemars(with = "Option<f64>", range(min = 0.0, max = 2.0))]
    skew: Option<Spanned<f64>>,
    /// Browser tabs of each shopper, with one cookie jar.
    #[schemars(with = "Option<u8>", range(min = 1, max = MOST_TABS))]
    tabs: Option<Spanned<u8>>,
    /// What is done about a write with an unknown outcome.
    retries: Option<RetriesFile>,
    /// Sessions that are there before the load begins and do nothing: the tier is weighed before and after they come.
    #[schemars(with = "Option<u32>", range(min = 1, max = MOST_SLEEPERS))]
    sleepers: Option<Spanned<u32>>,
    /// Whether a shopper looks into the cart once more after a log-out: it must find none.
    #[schemars(with = "Option<bool>")]
    look_after_log_out: Option<Spanned<bool>>,
}

/// How the rate of requests changes over time.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Shape")]
enum ShapeName {
    /// It does not.
    #[default]
    Constant,
    /// In a straight line from 1 to the peak.
    Ramp,
    /// In stairs of equal length and rise from 1 to the peak.
    Steps,
    /// The peak for a while, and 1 otherwise.
    Spike,
}

/// What is done about a write with an unknown outcome: the same operation is sent again.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Retries")]
struct RetriesFile {
    /// How many times at most.
    #[schemars(with = "u32", range(min = 1, max = 10))]
    max: Spanned<u32>,
    /// How long after the unknown outcome. Milliseconds.
    #[schemars(with = "u64", range(min = 1, max = 60_000))]
    after_ms: Spanned<u64>,
    /// Whether every try, the first included, carries an idempotency key.
    idempotency_key: bool,
}

fn unnamed<T: Default>() -> Spanned<T> {
    Spanned::new(0..0, T::default())
}

fn four_thousand() -> Spanned<u64> {
    Spanned::new(0..0, 4_000)
}

impl Source<'_> {
    pub(super) fn load(
        &self,
        written: LoadFile,
        phases: &Phases,
        service_time_ms: u64,
    ) -> Result<Load, ScenarioError> {
        self.mix(&written.mix)?;
        let shape = self.shape(&written, phases)?;
        let shoppers_span = written.shoppers.span();
        let shoppers = self.range("load.shoppers", written.shoppers, 1, MOST_SHOPPERS)?;
        let think_time_ms = self.range("load.think_time_ms", written.think_time_ms, 1, 600_000)?;
        let skew = match written.skew {
            Some(skew) => self.skew(skew, shoppers, think_time_ms, service_time_ms)?,
            None => 0.0,
        };
        let tabs = match written.tabs {
            Some(tabs) => self.tabs(tabs, &written.mode)?,
            None => 1,
        };
        let retries = match written.retries {
            Some(retries) => Some(Retries {
                max: self.range("load.retries.max", retries.max, 1, 10)?,
                after_ms: self.range("load.retries.after_ms", retries.after_ms, 1, 60_000)?,
                idempotency_key: retries.idempotency_key,
            }),
            None => None,
        };
        let sleepers = match written.sleepers {
            Some(sleepers) => self.range("load.sleepers", sleepers, 1, MOST_SLEEPERS)?,
            None => 0,
        };
        let steps =
            f64::from(shoppers) * phases.end_us() as f64 / 1e3 / think_time_ms as f64 * shape.highest();
        if steps > MOST_STEPS {
            let message = format!(
                "load.shoppers {shoppers} with load.think_time_ms {think_time_ms} come to about {steps:.0} requests; at most \
                 {MOST_STEPS} are possible: take fewer shoppers, a longer think time, or shorter phases"
            );
            return Err(self.error(shoppers_span, message));
        }
        if let Some(looks) = written.look_after_log_out.as_ref().filter(|looks| *looks.get_ref())
            && written.mix.get_ref().log_out == 0
        {
            let message = "load.look_after_log_out has nothing to look after: load.mix has no log-out";
            return Err(self.error(looks.span(), message));
        }
        Ok(Load {
            shoppers,
            think_time_ms,
            timeout_ms: self.range("load.timeout_ms", written.timeout_ms, 100, 60_000)?,
            mix: written.mix.into_inner(),
            mode: written.mode.into_inner(),
            shape,
            skew,
            tabs,
            retries,
            look_after_log_out: written.look_after_log_out.is_some_and(Spanned::into_inner),
            sleepers,
        })
    }

    fn mix(&self, mix: &Spanned<Mix>) -> Result<(), ScenarioError> {
        if mix.get_ref().read == 0 || mix.get_ref().add == 0 {
            let message = "load.mix needs read and add above 0; without them no loss could be seen";
            return Err(self.error(mix.span(), message));
        }
        if mix.get_ref().total() > 1_000_000 {
            return Err(self.error(mix.span(), "load.mix adds up to more than 1000000; use smaller weights"));
        }
        Ok(())
    }

    /// A shopper that is due again before its answer can be there queues on itself, and its latency would tell of nothing else.
    fn skew(
        &self,
        skew: Spanned<f64>,
        shoppers: u32,
        think_time_ms: u64,
        service_time_ms: u64,
    ) -> Result<f64, ScenarioError> {
        let span = skew.span();
        let skew = self.range("load.skew", skew, 0.0, 2.0)?;
        let pause_ms = think_time_ms as f64 / skew::busiest(shoppers, skew);
        let least_ms = (2 * service_time_ms).max(1) as f64;
        if skew > 0.0 && pause_ms < least_ms {
            let message = format!(
                "load.skew {skew} leaves the busiest of {shoppers} shoppers a mean pause of {pause_ms:.1} ms, less than the \
                 {least_ms} ms (twice the service time) that it needs not to queue on itself; lower the skew, or raise \
                 load.think_time_ms"
            );
            return Err(self.error(span, message));
        }
        Ok(skew)
    }

    fn tabs(&self, tabs: Spanned<u8>, mode: &Spanned<Mode>) -> Result<u8, ScenarioError> {
        let tabs = self.range("load.tabs", tabs, 1, MOST_TABS)?;
        if tabs > 1 && *mode.get_ref() == Mode::Closed {
            let message = "load.mode closed knows one tab alone: a tab's pauses would depend on another's answers; \
                           take tabs out, or use mode \"open\"";
            return Err(self.error(mode.span(), message));
        }
        Ok(tabs)
    }

    fn shape(&self, written: &LoadFile, phases: &Phases) -> Result<Shape, ScenarioError> {
        let name = *written.shape.get_ref();
        let spike = name == ShapeName::Spike;
        let peak = self.shape_key("peak", written.peak.as_ref(), name != ShapeName::Constant, written)?;
        let stairs = self.shape_key("stairs", written.stairs.as_ref(), name == ShapeName::Steps, written)?;
        let at = self.shape_key("spike_at_s", written.spike_at_s.as_ref(), spike, written)?;
        let length = self.shape_key("spike_for_s", written.spike_for_s.as_ref(), spike, written)?;
        let peak = match peak {
            Some(peak) => self.range("load.peak", peak.clone(), PEAKS.0, PEAKS.1)?,
            None => 1.0,
        };
        Ok(match (name, stairs, at, length) {
            (ShapeName::Ramp, ..) => Shape::Ramp { peak },
            (ShapeName::Steps, Some(stairs), ..) => {
                let stairs = self.range("load.stairs", stairs.clone(), 2, MOST_STAIRS)?;
                Shape::Steps { peak, stairs }
            }
            (ShapeName::Spike, _, Some(at), Some(length)) => self.spike(peak, at, length, phases)?,
            _ => Shape::Constant,
        })
    }

    /// A key that belongs to some shapes: needed with these, and meaningless with the others.
    fn shape_key<'a, T>(
        &self,
        key: &str,
        value: Option<&'a Spanned<T>>,
        needed: bool,
        written: &LoadFile,
    ) -> Result<Option<&'a Spanned<T>>, ScenarioError> {
        let message = match (value, needed) {
            (None, true) => format!("this shape needs load.{key}; give it"),
            (Some(value), false) => {
                let message = format!("load.{key} means nothing with this load.shape; take it out");
                return Err(self.error(value.span(), message));
            }
            _ => return Ok(value),
        };
        Err(self.error(written.shape.span(), message))
    }

    fn spike(
        &self,
        peak: f64,
        at: &Spanned<f64>,
        length: &Spanned<f64>,
        phases: &Phases,
    ) -> Result<Shape, ScenarioError> {
        let (at_us, for_us) =
            (self.seconds("load.spike_at_s", at)?, self.seconds("load.spike_for_s", length)?);
        let (start_us, end_us) = (phases.span(Phase::WarmUp).map_or(0, |span| span.end_us), phases.end_us());
        if at_us < start_us || for_us == 0 || at_us + for_us > end_us {
            let (start, end) = (start_us as f64 / 1e6, end_us as f64 / 1e6);
            let message = format!(
                "a spike of {} s at {} s is not within {start} s to {end} s, from the end of the warm-up to that of the load; \
                 move it or change the phases",
                length.get_ref(),
                at.get_ref()
            );
            return Err(self.error(at.span(), message));
        }
        Ok(Shape::Spike { peak, at_us, for_us })
    }
}
