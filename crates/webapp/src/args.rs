//! The flags that both servers share. The names are part of the wire contract, see `protocol::process`.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use protocol::ops::TOKEN_FILE;
use session::{ConflictPolicy, Lifetime};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// What a server is told when it starts, whichever store it has.
#[derive(Clone, Debug, clap::Args)]
pub struct ServerArgs {
    /// Where to listen; port 0 lets the kernel choose, and the Ready line says what it chose
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,

    /// This process's id, in every answer [default: random]
    #[arg(long, value_name = "ID", default_value_t = random_instance(), hide_default_value = true, value_parser = instance)]
    pub instance: String,

    /// The work that a request stands for, spent between reading the session and writing it
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub service_time_ms: u64,

    /// How many requests that need a session are worked on at once; the others wait their turn, as before a pool of threads or of
    /// database connections [default: no limit]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub concurrency: Option<u32>,

    /// What happens when two requests read one version of a session and both write
    #[arg(long, value_name = "POLICY", default_value_t = ConflictPolicy::LastWriteWins, value_parser = conflict_policy())]
    pub conflict_policy: ConflictPolicy,

    /// Without a request for this long, a session is gone
    #[arg(long, value_name = "N", default_value_t = 1_800, value_parser = clap::value_parser!(u64).range(1..=MAX_TIMEOUT_S))]
    pub idle_timeout_s: u64,

    /// After this long a session is gone, whatever its user does
    #[arg(long, value_name = "N", default_value_t = 43_200, value_parser = clap::value_parser!(u64).range(1..=MAX_TIMEOUT_S))]
    pub absolute_timeout_s: u64,

    /// After SIGTERM, requests in flight have this long to finish
    #[arg(long, value_name = "N", default_value_t = 5_000)]
    pub shutdown_grace_ms: u64,

    /// Threads that serve requests
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_024))]
    pub workers: u64,

    /// The key that seals session cookies, 64 bytes or more, raw or in hexadecimal; the same for all servers of a tier. Several keys
    /// stand one a line in hexadecimal: the first seals, all of them open. To change keys, deploy the new one as the second line, then
    /// as the first, and drop the old one after --absolute-timeout-s
    #[arg(long, value_name = "PATH")]
    pub cookie_key_file: Option<PathBuf>,

    /// Answer operators who ask whose session is where, at GET /ops/sessions?owner=NAME, and who show the token in this file (32 bytes or
    /// more). It tells owner, version and age of sessions, and nothing that opens one; keep /ops away from the public all the same
    /// [default: off]
    #[arg(long, value_name = "PATH", env = TOKEN_FILE, hide_env_values = true)]
    pub ops_token_file: Option<PathBuf>,

    /// Send session cookies over plain HTTP too; for loopback only
    #[arg(long)]
    pub plain_http_cookies: bool,
}

/// A century: longer ones overflow the arithmetic of one store or another.
const MAX_TIMEOUT_S: u64 = 100 * 366 * 24 * 3_600;

impl ServerArgs {
    /// How long sessions live.
    pub fn lifetime(&self) -> Lifetime {
        Lifetime {
            idle: Duration::from_secs(self.idle_timeout_s),
            absolute: Duration::from_secs(self.absolute_timeout_s),
        }
    }
}

fn conflict_policy() -> impl TypedValueParser<Value = ConflictPolicy> {
    PossibleValuesParser::new(ConflictPolicy::NAMES).try_map(|name| name.parse::<ConflictPolicy>())
}

/// The id goes into a header and into file names, so it is kept to what both can carry.
fn instance(id: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&id.len());
    if fits && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
        return Ok(id.to_owned());
    }
    Err("an id has 1 to 64 letters, digits, '-', '_' or '.'".to_owned())
}

/// Eight hexadecimal digits; enough to tell the processes of one run apart.
fn random_instance() -> String {
    let number = getrandom::u32().unwrap_or_else(|_| std::process::id());
    format!("{number:08x}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Cli {
        #[command(flatten)]
        server: ServerArgs,
    }

    fn parse(flags: &[&str]) -> Result<ServerArgs, String> {
        let line = std::iter::once(&"server").chain(flags);
        Cli::try_parse_from(line).map(|cli| cli.server).map_err(|err| err.to_string())
    }

    #[test]
    fn without_flags_a_server_listens_on_a_loopback_port_of_the_kernels_choice_under_a_random_id() {
        let one = parse(&[]).unwrap();
        assert_eq!(one.listen, "127.0.0.1:0".parse().unwrap());
        assert_eq!(one.conflict_policy, ConflictPolicy::LastWriteWins);
        assert_eq!(one.lifetime().idle, Duration::from_secs(1_800));
        assert!(!one.plain_http_cookies);
        assert_eq!(one.instance.len(), 8);
        assert_ne!(random_instance(), random_instance());
    }

    #[test]
    fn an_instance_that_no_header_could_carry_is_refused_and_an_unknown_policy_lists_the_known() {
        for wrong in ["", "two words", "a\nb", "ä", &"x".repeat(65)] {
            let refused = parse(&["--instance", wrong]).unwrap_err();
            assert!(refused.contains("1 to 64 letters"), "{wrong:?}: {refused}");
        }
        let refused = parse(&["--conflict-policy", "first-write-wins"]).unwrap_err();
        assert!(refused.contains("last-write-wins, optimistic"), "{refused}");
    }

    #[test]
    fn a_life_time_of_nothing_is_refused() {
        assert!(parse(&["--idle-timeout-s", "0"]).is_err());
        assert!(parse(&["--absolute-timeout-s", "0"]).is_err());
        assert!(parse(&["--workers", "0"]).is_err());
    }
}
