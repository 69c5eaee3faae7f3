//! The page's style. One sheet, inline, for the page loads nothing.

/// Colours are told apart by lightness as well as hue, and every stack has a dash and a name besides; light, dark and paper.
pub(super) const SHEET: &str = include_str!("style.css");

/// The class of a stack by its column.
pub(super) fn stack(index: usize) -> String {
    format!("s{}", index % 6)
}
