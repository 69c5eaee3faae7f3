//! The demo with real tiers. The files beside this one share nothing but what starts one.

mod hostile;
mod story;
mod stage;
