//! Means, spreads, and the two distributions that everything else leans on.

/// The mean; 0 of nothing.
pub(crate) fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// The standard deviation of a sample, with `n - 1`; `None` below two values.
pub(crate) fn deviation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let middle = mean(values);
    let squares: f64 = values.iter().map(|v| (v - middle).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Nine digits: more than anything here is worth, and few enough that every JSON reader gives back the same bits.
pub(crate) fn rounded(value: f64) -> f64 {
    format!("{value:.8e}").parse().unwrap_or(value)
}

/// The chance that a standard normal value lies below `z` (Abramowitz and Stegun 7.1.26, error below 1e-7).
pub(crate) fn normal_below(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let series = t
        * (0.254_829_592
            + t * (-0.284_496_736 + t * (1.421_413_741 + t * (-1.453_152_027 + t * 1.061_405_429))));
    let above = 0.5 * series * (-x * x).exp();
    if z < 0.0 { above } else { 1.0 - above }
}

/// What a standard normal value lies below with 97.5% and with 80%.
pub(crate) const Z_975: f64 = 1.959_964;
pub(crate) const Z_800: f64 = 0.841_621;

/// A quantile of Student's t from that of the normal distribution (Fisher and Cornish 1960; within 0.2% from 5 degrees of
/// freedom on, which six pairs have).
pub(crate) fn student(z: f64, freedom: f64) -> f64 {
    let first = (z.powi(3) + z) / 4.0;
    let second = (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / 96.0;
    let third = (3.0 * z.powi(7) + 19.0 * z.powi(5) + 17.0 * z.powi(3) - 15.0 * z) / 384.0;
    z + first / freedom + second / freedom.powi(2) + third / freedom.powi(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(a: f64, b: f64, within: f64) {
        assert!((a - b).abs() < within, "{a} is not {b}");
    }

    #[test]
    fn quantiles_are_those_of_the_printed_tables() {
        for (freedom, t_975, t_800) in [(5.0, 2.571, 0.920), (9.0, 2.262, 0.883), (29.0, 2.045, 0.854)] {
            near(student(Z_975, freedom), t_975, 0.005);
            near(student(Z_800, freedom), t_800, 0.002);
        }
        near(normal_below(1.96), 0.975, 1e-5);
        near(normal_below(-2.576), 0.005, 1e-5);
        near(normal_below(0.0), 0.5, 1e-7);
    }

    #[test]
    fn spread_has_one_degree_of_freedom_less() {
        near(deviation(&[1.0, 2.0, 3.0, 4.0]).unwrap(), 1.290_994, 1e-6);
        assert_eq!(deviation(&[1.0]), None);
    }
}
