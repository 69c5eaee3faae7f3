//! The page's style. One sheet, inline, for the page loads nothing.

/// Colours are told apart by lightness as well as hue, and every stack has a dash and a name besides; light, dark and paper.
pub(super) const SHEET: &str = include_str!("style.css");

/// The class of a stack, by its name: the same colour and dash in every scenario of a page.
pub(super) fn stack(name: &str) -> &'static str {
    match name {
        "stateful" => "s0",
        _ if name.contains("redis-actix") => "s5",
        _ if name.contains("redis") => "s1",
        _ if name.contains("postgres") => "s2",
        _ if name.contains("sqlite") => "s3",
        _ => "s4",
    }
}
