//! How the built-in agent treats sources. Source: docs/guides/respect-a-source.md.

use std::time::Duration;

use clap::Args;
use windlass_egress::Timeouts;
use windlass_session_http::Manners;

/// How the built-in agent treats sources.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Sources")]
pub(crate) struct SourceConfig {
    /// What the built-in agent says who it is; left out, `Mozilla/5.0 (compatible; Windlass/VERSION)`.
    /// Name a page or an address where the owner of a website reaches you.
    #[arg(long, env = "WINDLASS_SOURCE_USER_AGENT", value_parser = header)]
    pub(crate) source_user_agent: Option<String>,

    /// The languages that the built-in agent asks for pages in (Accept-Language); left out,
    /// `en-US,en;q=0.9`. Name the one that your playbooks were recorded in.
    #[arg(long, env = "WINDLASS_SOURCE_ACCEPT_LANGUAGE", value_parser = header)]
    pub(crate) source_accept_language: Option<String>,

    /// Requests that one host has under way at once, from this replica. More are quicker; less are
    /// kinder to a small website.
    #[arg(long, env = "WINDLASS_SOURCE_REQUESTS_AT_ONCE", default_value_t = 16)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1024))]
    pub(crate) source_requests_at_once: u32,

    /// Milliseconds between the starts of two requests to one host, at the least.
    #[arg(long, env = "WINDLASS_SOURCE_REQUEST_GAP_MS", default_value_t = 0)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=60_000))]
    pub(crate) source_request_gap_ms: u32,

    /// Seconds that a source may ask to wait for with Retry-After; one that asks for more has refused.
    #[arg(long, env = "WINDLASS_SOURCE_RETRY_WAIT_SECONDS", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u32).range(0..=600))]
    pub(crate) source_retry_wait_seconds: u32,

    /// Seconds until a source must have accepted a connection, TLS included.
    #[arg(long, env = "WINDLASS_SOURCE_CONNECT_SECONDS", default_value_t = 10)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=120))]
    pub(crate) source_connect_seconds: u32,

    /// Seconds until the head of an answer must have come.
    #[arg(long, env = "WINDLASS_SOURCE_HEAD_SECONDS", default_value_t = 30)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) source_head_seconds: u32,

    /// Seconds in which a page must come whole.
    #[arg(long, env = "WINDLASS_SOURCE_PAGE_SECONDS", default_value_t = 60)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=600))]
    pub(crate) source_page_seconds: u32,

    /// Seconds in which a page must have been gone to, with all redirects and waits on the way, and in
    /// which a file must come whole.
    #[arg(long, env = "WINDLASS_SOURCE_LOAD_SECONDS", default_value_t = 300)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=3600))]
    pub(crate) source_load_seconds: u32,

    /// Seconds that one step of a playbook may take, with all its pages, files and frames; waiting for
    /// a person does not count. Lists over many pages of a slow website need more.
    #[arg(long, env = "WINDLASS_SOURCE_STEP_SECONDS", default_value_t = 1800)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub(crate) source_step_seconds: u32,
}

/// What the server takes where nothing is said.
impl Default for SourceConfig {
    fn default() -> Self {
        Self {
            source_user_agent: None,
            source_accept_language: None,
            source_requests_at_once: 16,
            source_request_gap_ms: 0,
            source_retry_wait_seconds: 60,
            source_connect_seconds: 10,
            source_head_seconds: 30,
            source_page_seconds: 60,
            source_load_seconds: 300,
            source_step_seconds: 1800,
        }
    }
}

impl SourceConfig {
    pub(crate) fn manners(&self) -> Manners {
        let defaults = Manners::default();
        Manners {
            user_agent: self
                .source_user_agent
                .clone()
                .unwrap_or(defaults.user_agent),
            accept_language: self
                .source_accept_language
                .clone()
                .unwrap_or(defaults.accept_language),
            requests_at_once: self.source_requests_at_once,
            request_gap: Duration::from_millis(self.source_request_gap_ms.into()),
            head_timeout: seconds(self.source_head_seconds),
            page_timeout: seconds(self.source_page_seconds),
            load_timeout: seconds(self.source_load_seconds),
            step_timeout: seconds(self.source_step_seconds),
            retry_wait: seconds(self.source_retry_wait_seconds),
        }
    }

    pub(crate) fn timeouts(&self) -> Timeouts {
        Timeouts {
            connect: seconds(self.source_connect_seconds),
            // What is slower than a head may be waits for no other reason.
            read: seconds(self.source_head_seconds),
            total: seconds(self.source_load_seconds),
        }
    }
}

fn seconds(number: u32) -> Duration {
    Duration::from_secs(number.into())
}

fn header(text: &str) -> Result<String, String> {
    let text = text.trim();
    let is_value = text
        .chars()
        .all(|letter| letter.is_ascii_graphic() || letter == ' ');
    match is_value && (1..=255).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => Err("must be 1 to 255 printable ASCII characters".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        source: SourceConfig,
    }

    fn read(arguments: &[&str]) -> Result<SourceConfig, clap::Error> {
        let line = Line::try_parse_from(["windlass"].iter().chain(arguments));
        line.map(|line| line.source)
    }

    #[test]
    fn without_a_setting_sources_are_treated_as_the_agent_does_by_itself() {
        for config in [read(&[]).unwrap(), SourceConfig::default()] {
            assert_eq!(config.manners(), Manners::default());
            let (timeouts, defaults) = (config.timeouts(), Timeouts::default());
            assert_eq!(timeouts.connect, defaults.connect);
            assert_eq!(
                (timeouts.read, timeouts.total),
                (defaults.read, defaults.total)
            );
        }
    }

    #[test]
    fn what_is_no_header_is_refused_at_the_start() {
        assert!(read(&["--source-user-agent", "a\r\nb: c"]).is_err());
        assert!(read(&["--source-accept-language", ""]).is_err());
        let given = ["--source-user-agent", "Ours (+https://x.example)"];
        let languages = ["--source-accept-language", "nb-NO,nb;q=0.9"];
        let config = read(&[given, languages].concat()).unwrap();

        assert_eq!(config.manners().user_agent, "Ours (+https://x.example)");
        assert_eq!(config.manners().accept_language, "nb-NO,nb;q=0.9");
    }
}
