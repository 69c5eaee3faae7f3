//! What happened in a trial, one event a line, in order. What is not in the journal did not happen.
//!
//! A journal is a text file of JSON lines. The first line is a [`Header`]; every other line but the last is an [`Entry`],
//! numbered from 1 without gaps; the last line is a [`Seal`] with the number of entries and a digest of every byte before it.
//! [`Reader`] refuses whatever was cut, reordered or edited.

mod event;
mod probe;
mod reader;
mod run;
mod tail;
mod writer;

pub use event::*;
pub use probe::*;
pub use reader::{JournalError, Reader};
pub use run::*;
pub use tail::{Tail, Whole};
pub use writer::{Batch, Writer};
