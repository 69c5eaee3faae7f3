//! The stores against real servers, which the tests start for themselves and never leave behind.

mod backends;
mod conformance;
mod http;
mod outage;
mod postgres;
mod redis;
mod sqlite;
