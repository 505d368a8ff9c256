//! What replicas tell each other: a line for who tells, then a line for each signal.

use std::collections::BTreeSet;

use windlass_domain::id::{RunId, SessionId, WorkerId};
use windlass_domain::lifecycle::Signal;
use windlass_domain::pool::Pool;
use windlass_domain::run::Holder;

/// Signals of one replica, each once.
pub(crate) fn encode(sender: &str, signals: &[Signal]) -> String {
    let lines: BTreeSet<String> = signals.iter().map(line).collect();
    let mut message = sender.to_owned();
    for line in lines {
        message.push('\n');
        message.push_str(&line);
    }
    message
}

/// The signals of another replica; none where they are our own, of which everybody here knows. What
/// only a newer replica understands is left aside.
pub(crate) fn decode(message: &[u8], own: &str) -> Vec<Signal> {
    let Ok(message) = std::str::from_utf8(message) else {
        return Vec::new();
    };
    let mut lines = message.lines();
    if lines.next() == Some(own) {
        return Vec::new();
    }
    lines.filter_map(signal).collect()
}

fn line(signal: &Signal) -> String {
    match signal {
        Signal::Ready { pool } => format!("ready {pool}"),
        Signal::RunChanged { run_id } => format!("run {run_id}"),
        Signal::SessionChanged { session_id } => format!("session {session_id}"),
        Signal::Stop { holder, run_id } => {
            format!("stop {} {} {run_id}", holder.worker_id, holder.incarnation)
        }
    }
}

fn signal(line: &str) -> Option<Signal> {
    let words: Vec<&str> = line.split(' ').collect();
    Some(match words[..] {
        ["ready", pool] => Signal::Ready {
            pool: Pool::parse(pool).ok()?,
        },
        ["run", run_id] => Signal::RunChanged {
            run_id: RunId::parse(run_id).ok()?,
        },
        ["session", session_id] => Signal::SessionChanged {
            session_id: SessionId::parse(session_id).ok()?,
        },
        ["stop", worker_id, incarnation, run_id] => Signal::Stop {
            holder: Holder {
                worker_id: WorkerId::parse(worker_id).ok()?,
                incarnation: incarnation.parse().ok()?,
            },
            run_id: RunId::parse(run_id).ok()?,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use windlass_domain::Timestamp;
    use windlass_domain::id::Random;

    use super::*;

    fn signals() -> Vec<Signal> {
        let (at, random) = (Timestamp::EPOCH, Random([7; 10]));
        let run_id = RunId::new(at, random);
        vec![
            Signal::Ready {
                pool: Pool::builtin(),
            },
            Signal::RunChanged { run_id },
            Signal::SessionChanged {
                session_id: SessionId::new(at, random),
            },
            Signal::Stop {
                holder: Holder {
                    worker_id: WorkerId::new(at, random),
                    incarnation: 3,
                },
                run_id,
            },
        ]
    }

    #[test]
    fn others_hear_every_signal_once() {
        let twice = [signals(), signals()].concat();

        let heard = decode(encode("one", &twice).as_bytes(), "two");

        assert_eq!(heard, signals());
    }

    #[test]
    fn nobody_hears_themselves() {
        assert_eq!(decode(encode("one", &signals()).as_bytes(), "one"), []);
    }

    #[test]
    fn what_is_not_understood_is_left_aside() {
        let message = "one\nrun trun_x\nstop\n\nready builtin\nfuture thing\nready A B";

        let heard = decode(message.as_bytes(), "two");

        assert_eq!(heard, signals()[..1]);
        assert_eq!(decode(&[0xff, 0xfe], "two"), []);
        assert_eq!(decode(b"", "two"), []);
    }
}
