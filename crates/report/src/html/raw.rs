//! The files of a run, named and linked: the page is for people, and this is what it was made from.

use super::detail::Detail;
use crate::results::Results;
use crate::words::{clip, counted};
use maud::{Markup, html};

/// Journals that are linked one by one.
const MOST_JOURNALS: usize = 1_000;

/// The run's files, named and linked: they lie beside the page. Of a trial's folder only the last part of its path is taken, for it comes
/// from a file that may have been edited.
pub(super) fn section(results: &Results, detail: Detail) -> Markup {
    const FILES: [(&str, &str); 7] = [
        ("results.json", "everything on this page, and more, for programs"),
        ("report.md", "the same numbers for a pull request"),
        ("timeline.csv", "a row a second"),
        ("latencies.hlog", "the histograms, for HdrHistogram's tools"),
        ("junit.xml", "promises as test cases"),
        ("benchmarks.json", "for github-action-benchmark"),
        ("bencher.json", "for Bencher"),
    ];
    html! {
        h3.part { "Raw data" }
        p.note { "These files are beside this page." }
        ul.files { @for (file, what) in FILES { li { a href=(file) { (file) } " " (what) } } }
        p.note { "What is not in a journal did not happen: " code { "lab report FOLDER" } " makes this page again from "
            a href="run.json" { "run.json" } " and the journals, byte for byte. Both are in the folder of the run; a copy that was \
            published may be without them. Line n + 1 of a journal is event n." }
        @if !results.run.journals.is_empty() {
            details open[!detail.folded && results.run.journals.len() <= 8] {
                summary { (counted(results.run.journals.len() as u64, "journal", "journals")) }
                ul.files {
                    @for place in results.run.journals.iter().take(MOST_JOURNALS) {
                        @let dir = folder(&place.dir);
                        li id={"journal-" (place.order)} { "trial " (place.order) ": "
                            @if dir.is_empty() { "no folder" } @else { a href={(encoded(&dir)) "/journal.jsonl"} { (clip(&dir, 120)) "/journal.jsonl" } } }
                    }
                }
            }
        }
    }
}

fn folder(dir: &str) -> String {
    let name = dir.trim_end_matches('/').rsplit(['/', '\\']).next().unwrap_or_default();
    // Two dots lead up, however they are written.
    if name.bytes().all(|b| b == b'.') { String::new() } else { name.to_owned() }
}

/// As a part of an address that cannot name a scheme, a host or another folder.
fn encoded(dir: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'+');
    let name: String = dir
        .bytes()
        .take(300)
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect();
    format!("./{name}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_from_outside_leads_nowhere_else() {
        assert_eq!(encoded(&folder("trials/../../etc")), "./etc");
        assert_eq!(encoded(&folder("https://evil.test/javascript:alert(1)")), "./javascript%3Aalert%281%29");
        assert_eq!(folder(".."), "");
        assert_eq!(encoded("001-server-kill-stateful+optimistic"), "./001-server-kill-stateful+optimistic");
    }
}
