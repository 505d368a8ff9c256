//! Who may know whom, as data, and what is said when a manifest breaks it.
//! Source: docs/architecture.md, "Who may know whom".

use cargo_metadata::{DependencyKind, Metadata};

use crate::place;

#[cfg(test)]
mod kept;

/// Where one crate, or with `*` a family of crates, stands in the house. Names of our own crates
/// are without `windlass-`.
struct Stand {
    of: &'static str,
    may_know: &'static [&'static str],
    because: &'static str,
}

const EVERY_CRATE: &str = "*";

const STANDS: &[Stand] = &[
    Stand {
        of: "domain",
        may_know: &[],
        because: "the rules stand alone, and what they need comes in as data",
    },
    Stand {
        of: "application",
        may_know: &["domain"],
        because: "a use case speaks to the outside through its own ports",
    },
    Stand {
        of: "wire",
        may_know: &["domain"],
        because: "a body is made from the domain's types and knows nothing else",
    },
    Stand {
        of: "records",
        may_know: &["application", "domain"],
        because: "a row is made from what a port speaks of, and knows no adapter",
    },
    Stand {
        of: "store-*",
        may_know: &["application", "domain", "records"],
        because: "an adapter knows its port, and never another adapter",
    },
    Stand {
        of: "queue-*",
        may_know: &["application", "domain"],
        because: "an adapter knows its port, and never another adapter",
    },
    Stand {
        of: "events-*",
        may_know: &["application", "domain", "wire", "egress"],
        because: "a destination knows its port, the event's body and the dialer",
    },
    Stand {
        of: "blobs",
        may_know: &["application", "domain"],
        because: "an adapter knows its port, and never another adapter",
    },
    Stand {
        of: "vault",
        may_know: &["application", "domain"],
        because: "an adapter knows its port, and never another adapter",
    },
    Stand {
        of: "egress",
        may_know: &["application", "domain"],
        because: "an adapter knows its port, and never another adapter",
    },
    Stand {
        of: "playbook",
        may_know: &[],
        because: "a playbook is parsed and checked without any engine",
    },
    Stand {
        of: "worker",
        may_know: &["domain", "wire"],
        because: "a worker of somebody else's must be able to build on it alone",
    },
    Stand {
        of: "worker-rust",
        may_know: &["worker"],
        because: "an example has what everybody's workers have",
    },
    Stand {
        of: "session-*",
        may_know: &["domain", "egress", "playbook", "wire", "worker"],
        because: "an agent is a worker like any other: it speaks the protocol, never a port",
    },
    Stand {
        of: "api",
        may_know: &["application", "domain", "wire"],
        because: "a handler calls a use case or a port, and the binary chooses the adapters",
    },
    Stand {
        of: "mcp",
        may_know: &[],
        because: "an assistant is a client of the API like any other",
    },
    Stand {
        of: "conformance",
        may_know: &["application", "domain"],
        because: "what a port promises is said without any adapter",
    },
    Stand {
        of: "simulation",
        may_know: &["application", "domain"],
        because: "what is simulated is the use cases, over a store in memory",
    },
    Stand {
        of: "bench",
        may_know: &["domain", "egress", "session-http", "worker"],
        because: "what is measured is the binary, and the tier alone beside it",
    },
    Stand {
        of: "demo-site",
        may_know: &[],
        because: "the demo's website is a stranger to Windlass, as a real one is",
    },
    Stand {
        of: "test-servers",
        may_know: &[],
        because: "the chores stand on it, and must run while nothing else builds",
    },
    Stand {
        of: "windlass",
        may_know: &[EVERY_CRATE],
        because: "the binary wires everything",
    },
    Stand {
        of: "tests",
        may_know: &["demo-site", "test-servers"],
        because: "system tests see what a user sees: the binary",
    },
    Stand {
        of: "xtask",
        may_know: &["test-servers"],
        because: "the chores must run while nothing else builds",
    },
];

/// Packages of others that some crates must not know. `*` ends a family, as above.
struct Ban {
    of: &'static [&'static str],
    never: &'static [&'static str],
    because: &'static str,
}

const BANS: &[Ban] = &[
    Ban {
        of: &["domain", "playbook"],
        never: &[
            "tokio*", "futures*", "async-*", "mio", "hyper*", "reqwest", "axum*", "http",
        ],
        because: "pure rules do no I/O and wait for nothing",
    },
    Ban {
        of: &["domain"],
        never: &["getrandom", "rand*", "fastrand"],
        because: "randomness comes in as data, so that a test can repeat a decision",
    },
    Ban {
        of: &[
            "domain",
            "application",
            "api",
            "wire",
            "worker",
            "conformance",
        ],
        never: &[
            "sqlx*",
            "rusqlite",
            "libsqlite3-sys",
            "tokio-postgres",
            "redis",
        ],
        because: "queries belong to a store",
    },
    Ban {
        of: &[
            "domain",
            "application",
            "records",
            "store-*",
            "queue-*",
            "blobs",
            "vault",
            "egress",
            "events-*",
            "playbook",
            "worker",
            "session-*",
            "wire",
            "conformance",
        ],
        never: &["axum*", "utoipa-axum", "tower-http"],
        because: "only `api` serves HTTP",
    },
    Ban {
        of: &[
            "application",
            "records",
            "store-*",
            "queue-*",
            "blobs",
            "vault",
        ],
        never: &["http", "hyper*", "reqwest"],
        because: "an HTTP status means nothing below `api`, and only `egress` dials",
    },
    Ban {
        of: &["api"],
        never: &["reqwest", "object_store"],
        because: "what leaves the machine goes through a port",
    },
    Ban {
        of: &["domain"],
        never: &["serde"],
        because: "a serialized shape is a promise, and only `wire` and `records` make promises",
    },
];

/// One of our crates and what its manifest asks for, development dependencies apart.
struct Crate {
    name: String,
    knows: Vec<String>,
}

/// Every arrow that points the wrong way, one sentence each.
///
/// # Errors
/// When the manifests cannot be read.
pub(crate) fn broken() -> anyhow::Result<Vec<String>> {
    Ok(broken_among(&crates(&place::manifests()?)))
}

fn crates(metadata: &Metadata) -> Vec<Crate> {
    let packages = metadata.packages.iter();
    let read = packages.map(|package| Crate {
        name: package.name.to_string(),
        knows: package
            .dependencies
            .iter()
            // Tests may know more: those of `api` run on a real store.
            .filter(|dependency| dependency.kind != DependencyKind::Development)
            .map(|dependency| dependency.name.clone())
            .collect(),
    });
    read.collect()
}

fn broken_among(crates: &[Crate]) -> Vec<String> {
    let own: Vec<&str> = crates.iter().map(|each| each.name.as_str()).collect();
    crates
        .iter()
        .flat_map(|each| broken_by(each, &own))
        .collect()
}

fn broken_by(each: &Crate, own: &[&str]) -> Vec<String> {
    let name = short(&each.name);
    let Some(stand) = STANDS.iter().find(|stand| fits(stand.of, name)) else {
        return vec![format!(
            "`{name}` has no place yet: give it one in xtask/src/arrows.rs and docs/architecture.md"
        )];
    };
    let mut findings = Vec::new();
    for known in &each.knows {
        if own.contains(&known.as_str()) {
            findings.extend(broken_inside(name, stand, short(known)));
        }
        let bans = BANS
            .iter()
            .filter(|ban| fits_any(ban.of, name) && fits_any(ban.never, known));
        findings.extend(bans.map(|ban| sentence(name, known, ban.because)));
    }
    findings
}

fn broken_inside(name: &str, stand: &Stand, known: &str) -> Option<String> {
    if known == "conformance" {
        let because = "a conformance suite is for tests: [dev-dependencies]";
        return Some(sentence(name, known, because));
    }
    (!fits_any(stand.may_know, known)).then(|| sentence(name, known, stand.because))
}

fn sentence(name: &str, known: &str, because: &str) -> String {
    format!("`{name}` must not know `{known}`: {because}")
}

fn fits_any(patterns: &[&str], name: &str) -> bool {
    patterns.iter().any(|pattern| fits(pattern, name))
}

fn fits(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(family) => name.starts_with(family),
        None => pattern == name,
    }
}

fn short(name: &str) -> &str {
    name.strip_prefix("windlass-").unwrap_or(name)
}
