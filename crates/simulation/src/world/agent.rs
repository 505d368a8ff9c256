//! What a worker's process says of a run that it holds: as a rule what an agent would say.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use secrecy::SecretSlice;
use serde_json::json;
use windlass_application::CallError;
use windlass_application::ports::runs::ProgressLine;
use windlass_application::worker::{CapturedFile, FinishReport, LeaseCall, Question};
use windlass_domain::file::Extraction;
use windlass_domain::run::{AfterRun, CredentialReport, ErrorCode, Field, RunError};

use super::replica::Replica;
use super::worker::Held;
use crate::random::Chance;

/// What a process says of a run.
#[derive(Clone)]
pub(super) enum Action {
    Renew,
    Begin,
    Progress,
    File(u8),
    Ask {
        attempt: u32,
        checkpoint: bool,
    },
    Read,
    /// The question of this number.
    Withdraw(u32),
    Finish(FinishReport),
    Release,
    /// While it asks the question of this number.
    ReleaseAsking(u32),
}

/// What it hears.
#[derive(Default)]
pub(super) struct Heard {
    /// Its agent should stop.
    pub(super) stop: bool,
    /// The run is not the process's any more.
    pub(super) over: bool,
    /// Answers came.
    pub(super) answered: bool,
}

/// What an agent does next: as a rule what one would do, now and then something else.
pub(super) fn next(chance: &mut Chance, held: &Held) -> Action {
    if let Some(action) = &held.unanswered
        && chance.permille(700)
    {
        return action.clone();
    }
    let drawn = chance.below(100);
    if held.stopping && drawn < 70 {
        return match drawn {
            0..20 => Action::Release,
            20..30 => success(chance),
            _ => failure(),
        };
    }
    if !held.begun {
        return match drawn {
            0..90 => Action::Begin,
            90..95 => Action::Release,
            _ => Action::Progress,
        };
    }
    if held.asking {
        return match drawn {
            0..75 => Action::Read,
            75..85 => Action::Withdraw(held.attempt),
            85..88 => failure(),
            88..89 => Action::Release,
            89..92 => Action::ReleaseAsking(held.attempt),
            92..94 => success(chance),
            _ => Action::Progress,
        };
    }
    match drawn {
        0..25 => Action::Progress,
        25..35 => Action::File(u8::try_from(chance.below(4)).unwrap_or(0)),
        35..55 => Action::Ask {
            attempt: held.attempt + 1,
            checkpoint: chance.permille(400),
        },
        55..60 => Action::Read,
        60..92 => success(chance),
        92..97 => failure(),
        97..99 => Action::Release,
        _ => Action::Withdraw(held.attempt),
    }
}

fn success(chance: &mut Chance) -> Action {
    let output = if chance.permille(900) {
        json!({"amount": chance.below(1000)})
    } else {
        json!({"wrong": true})
    };
    Action::Finish(FinishReport {
        result: Ok(output),
        credential: chance.permille(200).then_some(CredentialReport::Verified),
        session: if chance.permille(800) {
            AfterRun::Keep
        } else {
            AfterRun::End
        },
        login: None,
    })
}

fn failure() -> Action {
    Action::Finish(FinishReport {
        result: Err(vec![RunError::new(
            ErrorCode::TaskFailed,
            "It did not work.",
        )]),
        credential: None,
        session: AfterRun::Keep,
        login: None,
    })
}

/// Says it to a replica.
pub(super) async fn say(
    replica: &Replica,
    call: &LeaseCall,
    action: Action,
) -> Result<Heard, CallError> {
    let calls = &replica.calls;
    let stop = match action {
        Action::Renew => calls.renew_lease.execute(call).await?.cancel,
        Action::Begin => calls.begin_run.execute(call).await?.cancel,
        Action::Progress => {
            let progress = &calls.report_progress;
            let line = ProgressLine {
                message: Some("on its way".to_owned()),
                step: None,
            };
            progress.execute(call, vec![line]).await?.cancel
        }
        Action::File(number) => {
            let content = Bytes::from(vec![number; 8]);
            let file = CapturedFile {
                file_name: "bill.pdf".to_owned(),
                file_type: "application/pdf".to_owned(),
                metadata: None,
                extraction: Extraction::None,
                content: stream::iter([Ok(content)]).boxed(),
            };
            calls.store_file.execute(call, file).await?.cancel
        }
        Action::Ask {
            attempt,
            checkpoint,
        } => {
            let question = question(attempt, checkpoint);
            calls.ask_person.execute(call, question).await?.cancel
        }
        Action::Withdraw(attempt) => {
            let withdraw = &calls.withdraw_question;
            withdraw.execute(call, Some(attempt)).await?.cancel
        }
        Action::Read => {
            let answer = calls.read_answer.execute(call, Duration::ZERO).await?;
            return Ok(Heard {
                stop: answer.cancel,
                answered: answer.answers.is_some(),
                over: false,
            });
        }
        Action::Finish(report) => {
            calls.finish_run.execute(call, report).await?;
            return Ok(over());
        }
        Action::Release => {
            calls.release_run.execute(call).await?;
            return Ok(over());
        }
        Action::ReleaseAsking(attempt) => {
            let release = &calls.release_run;
            release.while_asking(call, Some(attempt)).await?;
            return Ok(over());
        }
    };
    Ok(Heard {
        stop,
        ..Heard::default()
    })
}

fn over() -> Heard {
    Heard {
        over: true,
        ..Heard::default()
    }
}

fn question(attempt: u32, checkpoint: bool) -> Question {
    Question {
        attempt,
        kind: "mfa".to_owned(),
        message: "Enter the code.".to_owned(),
        fields: vec![Field {
            name: "code".to_owned(),
            kind: "string".to_owned(),
            label: "Code".to_owned(),
            options: None,
            required: true,
        }],
        checkpoint: checkpoint.then(|| SecretSlice::from(b"page 3".to_vec())),
    }
}
