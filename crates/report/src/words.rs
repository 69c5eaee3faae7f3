//! Numbers as people read them. A number is never printed finer than it was measured, and an absent one says what it would
//! have needed.

/// `1,234,567`.
pub(crate) fn count(n: u64) -> String {
    grouped(&n.to_string())
}

/// Digits in groups of three.
pub(crate) fn grouped(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 shopper`, `2 shoppers`.
pub(crate) fn counted(n: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}

/// A share in percent with one digit after the point; `n/a` of nothing. What is above 0 never reads as 0, and what is below
/// 100 never as 100.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "n/a".to_owned();
    }
    ratio_percent(part as f64 / whole as f64)
}

/// The same for a ratio from 0 to 1.
pub(crate) fn ratio_percent(ratio: f64) -> String {
    if !ratio.is_finite() {
        "n/a".to_owned()
    } else if ratio > 0.0 && ratio < 0.001 {
        "<0.1%".to_owned()
    } else if ratio < 1.0 && ratio > 0.999 {
        ">99.9%".to_owned()
    } else if ratio <= 0.0 {
        "0%".to_owned()
    } else if ratio >= 1.0 {
        "100%".to_owned()
    } else {
        format!("{:.1}%", ratio * 100.0)
    }
}

/// The rule of three: what 0 of n is below, with 95% confidence.
pub(crate) fn below(n: u64) -> String {
    if n == 0 { "n/a".to_owned() } else { format!("{:.1}%", (300.0 / n as f64).clamp(0.1, 100.0)) }
}

/// A latency with three significant digits, which is what the histograms keep: `850 µs`, `12.3 ms`, `1.27 s`.
pub(crate) fn latency(us: u64) -> String {
    let (value, unit) = match us {
        0..=999 => return format!("{us} \u{b5}s"),
        1_000..=999_499 => (us as f64 / 1e3, "ms"),
        _ => (us as f64 / 1e6, "s"),
    };
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {unit}")
}

/// A duration of which no digit is finer than the resolution: 1.234 s known to 50 ms is `1.2 s`.
pub(crate) fn duration(us: u64, resolution_us: u64) -> String {
    let decimals = decimals(resolution_us);
    let step_us = 10_u64.pow(6 - decimals as u32);
    if us < step_us / 2 {
        return format!("under {:.decimals$} s", step_us as f64 / 1e6);
    }
    format!("{:.decimals$} s", us as f64 / 1e6)
}

/// At most two: nothing in a trial is timed by a better probe than some hundred requests a second.
fn decimals(resolution_us: u64) -> usize {
    match resolution_us {
        0..=10_000 => 2,
        10_001..=100_000 => 1,
        _ => 0,
    }
}

/// A moment on the trial's clock: `8.0 s`.
pub(crate) fn moment(us: u64) -> String {
    format!("{:.1} s", us as f64 / 1e6)
}

/// A length that somebody planned: `3 s`, `2.5 s`.
pub(crate) fn planned(us: u64) -> String {
    let text = format!("{:.2}", us as f64 / 1e6);
    format!("{} s", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A plain number as short as it goes: `0`, `34.67`, `0.3`.
pub(crate) fn plain(value: f64) -> String {
    if !value.is_finite() {
        return "n/a".to_owned();
    }
    let text = format!("{value:.2}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// `3.8 GiB`.
pub(crate) fn bytes(n: u64) -> String {
    let mut value = n as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value < 1023.5 {
            return if unit == "B" { format!("{n} B") } else { format!("{value:.1} {unit}") };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

/// A wall-clock time: `2026-11-23 14:09:30 UTC`. Proleptic Gregorian, after Hinnant's `civil_from_days`.
pub(crate) fn date(unix_ms: u64) -> String {
    let seconds = unix_ms / 1_000;
    let days = seconds / 86_400 + 719_468;
    let era = days / 146_097;
    let day_of_era = days % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (h, m, s) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {h:02}:{m:02}:{s:02} UTC")
}

/// The middle of some values; of an even number, the mean of the middle two.
pub(crate) fn median(mut values: Vec<u64>) -> Option<u64> {
    values.sort_unstable();
    let middle = values.len() / 2;
    match values.len() {
        0 => None,
        n if n % 2 == 1 => Some(values[middle]),
        _ => Some(values[middle - 1].midpoint(values[middle])),
    }
}

/// Marks that turn the order of what follows around: with them a text reads as something that it is not.
fn turns_around(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The first `most` characters, with a mark when something was cut off: no field of a hostile journal floods a page, commands a terminal
/// or reads backwards.
pub(crate) fn clip(text: &str, most: usize) -> String {
    let plain: String =
        text.chars().map(|c| if c.is_control() || turns_around(c) { ' ' } else { c }).collect();
    match plain.char_indices().nth(most) {
        Some((end, _)) => format!("{}\u{2026}", &plain[..end]),
        None => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_digit_is_finer_than_the_resolution() {
        assert_eq!(duration(1_234_567, 2_000), "1.23 s");
        assert_eq!(duration(1_234_567, 50_000), "1.2 s");
        assert_eq!(duration(1_234_567, 250_000), "1 s");
        assert_eq!(duration(300_000, 250_000), "under 1 s");
        assert_eq!(duration(0, 2_000), "under 0.01 s");
    }

    #[test]
    fn latencies_keep_three_digits() {
        let seen: Vec<String> =
            [850, 1_000, 12_345, 123_456, 999_499, 999_600, 1_270_000].into_iter().map(latency).collect();
        assert_eq!(seen, ["850 \u{b5}s", "1.00 ms", "12.3 ms", "123 ms", "999 ms", "1.00 s", "1.27 s"]);
    }

    #[test]
    fn a_share_above_nothing_never_reads_as_nothing() {
        assert_eq!(percent(0, 300), "0%");
        assert_eq!(percent(1, 100_000), "<0.1%");
        assert_eq!(percent(99_999, 100_000), ">99.9%");
        assert_eq!(percent(104, 300), "34.7%");
        assert_eq!(percent(0, 0), "n/a");
        assert_eq!(below(300), "1.0%");
    }

    #[test]
    fn dates_follow_the_calendar() {
        assert_eq!(date(0), "1970-01-01 00:00:00 UTC");
        assert_eq!(date(951_782_400_000), "2000-02-29 00:00:00 UTC");
        assert_eq!(date(1_795_442_970_000), "2026-11-23 14:09:30 UTC");
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(count(1_234_567), "1,234,567");
        assert_eq!(counted(1, "shopper", "shoppers"), "1 shopper");
        assert_eq!(plain(34.670), "34.67");
        assert_eq!(plain(-0.001), "0");
        assert_eq!(bytes(4 << 30), "4.0 GiB");
        assert_eq!(planned(2_500_000), "2.5 s");
        assert_eq!(median(vec![4, 1, 3, 2]), Some(2));
        assert_eq!(clip("a\u{1b}[31mbc", 3), "a [\u{2026}");
        assert_eq!(clip("\u{202e}sdloh\u{2066}", 9), " sdloh ", "no text reads backwards");
    }
}
