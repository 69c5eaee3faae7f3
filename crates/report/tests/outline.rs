//! The HTML page as whoever reads it aloud meets it: its headings, sentences, tables and charts' words in their order, without the markup.
#![allow(clippy::unwrap_used, reason = "a test fails where it stands")]

mod fixture;

/// Parts that are drawn or run, and not read. A chart's own words stand in its label.
const UNREAD: [&str; 3] = ["style", "script", "svg"];

/// A line for each thing that begins a line on the page; cells stand between bars.
fn outline(page: &str) -> String {
    let body = page.split_once("<body").unwrap().1;
    let (mut out, mut unread) = (String::new(), None::<String>);
    for (tag, text) in body.split('<').skip(1).filter_map(|rest| rest.split_once('>')) {
        let name = tag.split([' ', '/']).find(|word| !word.is_empty()).unwrap_or_default();
        if unread.as_deref().is_none_or(|end| end == tag) {
            unread = UNREAD.contains(&name).then(|| format!("/{name}")).filter(|_| !tag.starts_with('/'));
            out += &opening(tag, name);
            if unread.is_none() {
                out += &text.replace('\n', " ");
            }
        }
    }
    let out = out.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
    let lines = out.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
    lines.filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}

fn opening(tag: &str, name: &str) -> String {
    let label = tag.split_once("aria-label=\"").and_then(|(_, rest)| rest.split('"').next());
    match (tag.starts_with('/'), name, label) {
        (false, "svg", Some(label)) => format!("\n[chart] {label}\n"),
        (false, "svg", None) => String::new(),
        (false, "h1", _) => "\n# ".to_owned(),
        (false, "h2", _) => "\n## ".to_owned(),
        (false, "h3" | "h4", _) => "\n### ".to_owned(),
        (false, "summary", _) => "\n> ".to_owned(),
        (false, "li", _) => "\n- ".to_owned(),
        (false, "td" | "th", _) => " | ".to_owned(),
        (false, "br" | "span" | "i", _) => " ".to_owned(),
        (_, "h1" | "h2" | "h3" | "h4" | "summary" | "li" | "p" | "tr" | "table" | "div" | "section", _) => {
            "\n".to_owned()
        }
        (_, "dt" | "dd" | "figure" | "figcaption" | "details" | "ul" | "header" | "form" | "label", _) => {
            "\n".to_owned()
        }
        _ => String::new(),
    }
}

#[test]
fn a_page_of_a_loss_reads_from_its_question_to_its_raw_data() {
    insta::assert_snapshot!(outline(&report::html(&fixture::loss())));
}

#[test]
fn a_page_that_measured_enough_says_what_it_means_for_a_service_of_the_readers_own() {
    let page = outline(&report::html(&fixture::services::core()));
    insta::assert_snapshot!(page.split("\n## ").find(|part| part.starts_with("What it means for")).unwrap());
}

#[test]
fn a_page_of_an_inconclusive_run_says_what_it_does_not_know() {
    insta::assert_snapshot!(outline(&report::html(&fixture::inconclusive())));
}
