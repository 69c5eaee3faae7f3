//! A table in a terminal: one column of labels, one for each stack, words wrapped so that nothing is wider than asked.

use crate::board::{Board, Tone};
use crate::terminal::Style;

const LABEL: usize = 18;
const GAP: usize = 2;
/// Wider columns would only tear the numbers apart.
const WIDEST: usize = 26;
/// Narrower ones would tear words apart; a fifth stack is put into a second table.
const NARROWEST: usize = 12;

/// The table, in as many pieces as the width demands.
pub(crate) fn draw(board: &Board, style: Style) -> String {
    let fit = (style.width.saturating_sub(LABEL + 1) / (NARROWEST + GAP)).max(1);
    let all = board.stacks.len().max(1);
    let pieces = all.div_ceil(fit);
    let each = all.div_ceil(pieces);
    let mut out = String::new();
    for start in (0..board.stacks.len()).step_by(each) {
        if start > 0 {
            out.push('\n');
        }
        piece(&mut out, board, start..(start + each).min(board.stacks.len()), style);
    }
    out
}

fn piece(out: &mut String, board: &Board, stacks: std::ops::Range<usize>, style: Style) {
    let room = style.width.saturating_sub(LABEL + 1) / stacks.len();
    let column = room.saturating_sub(GAP).min(WIDEST);
    let rule = "\u{2500}".repeat(LABEL + stacks.len() * (column + GAP));
    let heads: Vec<_> = stacks.clone().map(|i| wrap(&board.stacks[i], column)).collect();
    line(out, style, "", &heads, &vec![Tone::Head; heads.len()], column);
    out.push_str(&format!(" {}\n", style.paint(Tone::Dim, &rule)));
    for (place, row) in board.rows.iter().enumerate() {
        if row.group.is_some() && place > 0 {
            out.push('\n');
        }
        let cells: Vec<_> = row.cells.get(stacks.clone()).unwrap_or_default().iter().collect();
        let tones: Vec<Tone> = cells.iter().map(|cell| cell.tone).collect();
        let texts: Vec<Vec<String>> = cells
            .iter()
            .map(|cell| {
                let main = format!("{}{}", cell.tone.mark(), cell.main);
                let mut lines = wrap(&main, column);
                lines.extend(cell.sub.iter().flat_map(|sub| wrap(sub, column)));
                lines
            })
            .collect();
        line(out, style, row.label, &texts, &tones, column);
    }
}

fn line(out: &mut String, style: Style, label: &str, cells: &[Vec<String>], tones: &[Tone], column: usize) {
    let labels = wrap(label, LABEL - 1);
    let height = cells.iter().map(Vec::len).max().unwrap_or(0).max(labels.len());
    for at in 0..height {
        let label = labels.get(at).map_or("", String::as_str);
        let mut text = format!(" {}{}", style.paint(Tone::Label, label), " ".repeat(LABEL - length(label)));
        for (cell, tone) in cells.iter().zip(tones) {
            let words = cell.get(at).map_or("", String::as_str);
            // Only the first line bears the finding; what follows explains it.
            let tone = if at == 0 || *tone == Tone::Head { *tone } else { Tone::Dim };
            text.push_str(&style.paint(tone, words));
            text.push_str(&" ".repeat((column + GAP).saturating_sub(length(words))));
        }
        out.push_str(text.trim_end());
        out.push('\n');
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Breaks a text into lines at spaces, and at hyphens where a word is longer than a line.
pub(super) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines: Vec<String> = Vec::new();
    let mut current = String::new();
    for word in text.split_whitespace() {
        let joint = usize::from(!current.is_empty());
        if length(&current) + joint + length(word) <= width {
            if joint == 1 {
                current.push(' ');
            }
            current.push_str(word);
            continue;
        }
        if !current.is_empty() {
            lines.push(std::mem::take(&mut current));
        }
        let mut rest = word;
        while length(rest) > width {
            let (head, tail) = rest.split_at(break_at(rest, width));
            lines.push(head.to_owned());
            rest = tail;
        }
        current.push_str(rest);
    }
    if !current.is_empty() {
        lines.push(current);
    }
    lines
}

/// After the last hyphen or plus that still fits, else wherever the line ends.
fn break_at(word: &str, width: usize) -> usize {
    let end = word.char_indices().nth(width).map_or(word.len(), |(at, _)| at);
    word[..end].rfind(['-', '+']).map_or(end, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_break_after_their_hyphen() {
        assert_eq!(wrap("stateless-postgres", 13), ["stateless-", "postgres"]);
        assert_eq!(wrap("sessions lost (loud)", 13), ["sessions lost", "(loud)"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }
}
