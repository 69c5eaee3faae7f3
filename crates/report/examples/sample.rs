//! Prints a sample of a format, made from the tests' fixture: `cargo run -p report --example sample [html|md|json|term]
//! [loss|inconclusive|clean|mixture|hostile|PATH]`; a path is that of a results.json.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

#[allow(clippy::print_stdout, reason = "printing is what an example is for")]
fn main() {
    let mut words = std::env::args().skip(1);
    let format = words.next().unwrap_or_default();
    let results = match words.next().as_deref() {
        Some("inconclusive") => fixture::inconclusive(),
        Some("clean") => fixture::clean(),
        Some("mixture") => fixture::mixture(),
        Some("hostile") => fixture::hostile(),
        None | Some("loss") => fixture::loss(),
        Some(path) => {
            let text = std::fs::read_to_string(path).expect("the file can be read");
            report::read(&text).expect("it is a results.json")
        }
    };
    let text = match format.as_str() {
        "md" => report::markdown(&results),
        "json" => report::json(&results),
        "term" => report::terminal(&results, report::Style { color: true, width: 80 }),
        _ => report::html(&results),
    };
    print!("{text}");
}
