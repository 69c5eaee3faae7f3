//! The lab as its users meet it: its command line, with real processes, real stores and a real browser.

mod bench;
mod boundary;
mod comparing;
mod killing;
mod page;
mod refusing;
mod seat;
