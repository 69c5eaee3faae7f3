//! Embeds every file of the folder `page`, so that the page works offline and is of the same build as what serves it.

use std::fs;
use std::path::Path;

fn main() {
    println!("cargo::rerun-if-changed=page");
    let folder =
        Path::new(&std::env::var("CARGO_MANIFEST_DIR").expect("cargo says where the crate is")).join("page");
    let mut files: Vec<_> = fs::read_dir(&folder)
        .expect("the page's folder")
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| {
            path.extension().is_some_and(|ext| ["html", "css", "js", "svg"].iter().any(|known| ext == *known))
        })
        .collect();
    files.sort();
    let line = |path: &std::path::PathBuf| {
        let name = path.file_name().expect("a file has a name").to_string_lossy();
        format!("    ({name:?}, include_str!({:?})),\n", path.display())
    };
    let lines: String = files.iter().map(line).collect();
    let out = Path::new(&std::env::var("OUT_DIR").expect("cargo says where to write")).join("files.rs");
    fs::write(out, format!("&[\n{lines}]\n")).expect("the list of files is written");
}
