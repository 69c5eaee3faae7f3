//! The page's files, which are a part of the program, and the one file that a recording becomes.

use crate::history::as_list;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::Write;

/// Name and contents of every file of the page.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// Where a recording goes in the page.
const PLACE: &str = "<!--recording-->";

/// A file of the page, and its type.
pub fn file(name: &str) -> Option<(&'static str, &'static str)> {
    let (name, text) = FILES.iter().find(|(known, _)| *known == name)?;
    let kind = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    Some((text, kind))
}

/// The page with everything in it, the recording too: one file that needs nothing and nobody.
pub fn offline(lines: &str) -> String {
    let mut page = file("index.html").map_or_else(String::new, |(text, _)| text.to_owned());
    for (name, text) in FILES {
        let script = format!("<script src=\"{name}\"></script>");
        let style = format!("<link rel=\"stylesheet\" href=\"{name}\">");
        page = page.replace(&script, &format!("<script>\n{text}</script>"));
        page = page.replace(&style, &format!("<style>\n{text}</style>"));
    }
    let recording = STANDARD.encode(packed(as_list(lines).as_bytes()));
    let recording = format!("<script id=\"recording\" type=\"text/plain\">{recording}</script>");
    page.replacen(PLACE, &recording, 1)
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).and_then(|()| gzip.finish()).expect("a vector takes everything")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    #[test]
    fn the_page_is_small_and_whole() {
        let size: usize = FILES.iter().map(|(_, text)| text.len()).sum();
        assert!(size < 200_000, "{size} bytes");
        assert!(file("index.html").is_some_and(|(text, _)| text.contains(PLACE)));
    }

    #[test]
    fn an_offline_page_asks_nobody_for_anything_and_carries_its_recording() {
        let lines = "{\"event\":\"snapshot\",\"data\":{\"at_us\":1}}\n{\"event\":\"tick\",\"data\":{}}\n";
        let page = offline(lines);
        for outside in ["<script src=", "<link rel=\"stylesheet\"", "src=\"http", "href=\"http", "@import"] {
            assert!(!page.contains(outside), "{outside}");
        }
        let begin = page.split("<script id=\"recording\" type=\"text/plain\">").nth(1).unwrap();
        let packed = STANDARD.decode(begin.split("</script>").next().unwrap()).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(&*packed).read_to_string(&mut text).unwrap();
        let recorded: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(recorded["messages"][0]["data"]["at_us"], 1);
        assert_eq!(recorded["messages"][1]["event"], "tick");
    }

    #[test]
    fn no_script_would_end_itself_in_the_offline_page() {
        for (name, text) in FILES.iter().filter(|(name, _)| name.ends_with(".js")) {
            assert!(!text.contains("</script"), "{name}");
        }
    }
}
