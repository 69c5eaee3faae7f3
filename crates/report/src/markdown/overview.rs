//! Many scenarios at a glance, and what the run says of the claims.

use super::text;
use crate::board::verdict_words;
use crate::claims::{ClaimResult, ClaimVerdict};
use crate::overview::{Overview, OverviewCell};
use crate::promise;
use crate::results::Results;
use analysis::Verdict;

/// A row for each scenario; nothing where there is only one.
pub(super) fn table(results: &Results) -> String {
    if results.scenarios.len() < 2 {
        return String::new();
    }
    let overview = Overview::new(results);
    let mut heads: Vec<String> = overview.columns.iter().map(|name| text(name, 60)).collect();
    heads.extend(overview.has_others.then(|| "other stacks".to_owned()));
    let mut out = format!("| scenario | {} |\n|---|{}\n", heads.join(" | "), "---|".repeat(heads.len()));
    for row in &overview.rows {
        let mut cells: Vec<String> =
            row.cells.iter().map(|cell| cell.as_ref().map_or_else(String::new, figure)).collect();
        if overview.has_others {
            let others =
                row.others.iter().map(|(name, cell)| format!("{}: {}", text(name, 60), figure(cell)));
            cells.push(others.collect::<Vec<_>>().join("<br>"));
        }
        out.push_str(&format!("| {} | {} |\n", link(&row.scenario.name), cells.join(" | ")));
    }
    out.push_str(
        "\n_Each cell: whether it came as expected, and the figure that the first promise is about. What shoppers lost is bold, \
         expected or not._\n\n",
    );
    out
}

fn figure(cell: &OverviewCell) -> String {
    let (tone, _) = verdict_words(cell.verdict);
    let value = text(&cell.value, 40);
    match cell.verdict {
        Verdict::Inconclusive => format!("? inconclusive ({value} {})", cell.of),
        _ if cell.harm => format!("{}**{value}** {}", tone.mark(), cell.of),
        _ => format!("{}{value} {}", tone.mark(), cell.of),
    }
}

/// To the section of that name, where the name can be an anchor.
fn link(name: &str) -> String {
    let plain =
        name.len() <= 60 && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if plain && !name.is_empty() { format!("[{name}](#{name})") } else { text(name, 80) }
}

/// The claims that this run tests, with their evidence.
pub(super) fn claims(results: &Results) -> String {
    let (untested, tested): (Vec<&ClaimResult>, Vec<&ClaimResult>) =
        results.claims.iter().partition(|claim| claim.verdict == ClaimVerdict::NotTested);
    if tested.is_empty() {
        return String::new();
    }
    let mut out = String::from("## Claims\n\n| | claim | verdict | evidence |\n|---|---|---|---|\n");
    for claim in tested {
        let evidence = claim.evidence.iter().map(|one| {
            let limit = if one.limit { ", its limit" } else { "" };
            format!("{} {}{limit}", link(&one.scenario), promise::outcome(one.verdict))
        });
        let because = claim
            .because
            .as_ref()
            .map_or_else(String::new, |why| format!("<br><sub>{}</sub>", text(why, 300)));
        out.push_str(&format!(
            "| {} | {} | {} {}{because} | {} |\n",
            text(&claim.id, 40),
            claim.text.as_deref().map_or_else(String::new, |t| text(t, 200)),
            claim.verdict.mark(),
            claim.verdict.words(),
            evidence.collect::<Vec<_>>().join("; ")
        ));
    }
    let ids: Vec<String> = untested.iter().map(|claim| text(&claim.id, 40)).collect();
    if !ids.is_empty() {
        out.push_str(&format!("\nNot tested in this run: {}.\n", ids.join(", ")));
    }
    out + "\n"
}
