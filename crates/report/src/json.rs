//! `results.json`: the truth, with its schema.

use crate::results::{Results, SCHEMA_VERSION};
use serde::Deserialize;

/// Why a `results.json` cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// It is not what it should be.
    #[error("not a results.json: {0}")]
    Malformed(#[from] serde_json::Error),
    /// Written by a newer lab.
    #[error(
        "results.json has schema_version {found}, newer than {SCHEMA_VERSION}, the newest that this lab reads; \
         use the lab that wrote it, or make it again from the journals with `lab report DIR`"
    )]
    Newer {
        /// The version found.
        found: u32,
    },
}

#[derive(Deserialize)]
struct Version {
    schema_version: u32,
}

/// The results as indented JSON with a newline at its end. Fields stand in the order of their declaration, maps in that of
/// their keys.
///
/// # Panics
/// Never: results are plain data whose maps have strings for keys.
pub fn json(results: &Results) -> String {
    let mut text = serde_json::to_string_pretty(results).expect("results are plain data");
    text.push('\n');
    text
}

/// The JSON Schema of [`json`].
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Results).to_value()
}

/// Reads what [`json`] wrote.
///
/// # Errors
/// When it is damaged, or of a newer version.
pub fn read(json: &str) -> Result<Results, ReadError> {
    let version: Version = serde_json::from_str(json)?;
    if version.schema_version > SCHEMA_VERSION {
        return Err(ReadError::Newer { found: version.schema_version });
    }
    Ok(serde_json::from_str(json)?)
}
