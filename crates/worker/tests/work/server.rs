//! Windlass as a worker sees it: answers as the test says, and remembers what it was told.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use serde_json::{Map, Value};
use tokio::sync::watch;
use windlass_domain::Timestamp;
use windlass_domain::file::Extraction;
use windlass_domain::id::{Random, RunId, SessionId, TaskId};
use windlass_domain::run::{Epoch, Status};
use windlass_domain::task::TaskSettings;
use windlass_worker::lease::{LeasedRun, LeasedTask};
use windlass_worker::protocol::{
    Answer, Begun, CapturedFile, CapturedScreenshot, FinishReport, Heard, Kept, LeaseKey,
    LeaseRequest, Leases, Progress, Question, Registration, Renewal,
};
use windlass_worker::{Protocol, ProtocolError};

/// Nothing here takes that long unless it is broken.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// What the server was told.
#[derive(Debug, Clone)]
pub(crate) enum Call {
    Register,
    Lease(LeaseRequest),
    Renew(LeaseKey),
    Ask(Question),
    Withdraw(u32),
    File(Option<Map<String, Value>>, Extraction),
    Screenshot(CapturedScreenshot),
    Finish(FinishReport),
    Release(LeaseKey),
    ReleaseAsking(u32),
    Evict(SessionId),
    Drain,
}

/// What the server answers.
pub(crate) struct Answers {
    pub(crate) lease_length: Duration,
    /// One for each poll; a poll that finds none waits.
    pub(crate) leases: VecDeque<Result<Leases, ProtocolError>>,
    /// As a renewal answers.
    pub(crate) renewal: fn() -> Result<bool, ProtocolError>,
    /// How many renewals are never answered before that.
    pub(crate) renewals_hang: u32,
    /// One for each screenshot; those that find none are kept.
    pub(crate) screenshots: VecDeque<ProtocolError>,
    /// One for each finish; those that find none are heard.
    pub(crate) finishes: VecDeque<ProtocolError>,
    /// Whether those that are heard are answered only later.
    pub(crate) finishes_wait: bool,
    /// One for each drain; those that find none are heard.
    pub(crate) drains: VecDeque<ProtocolError>,
    /// Whether a drain is answered only later.
    pub(crate) drains_wait: bool,
    /// Whether a question is heard only later.
    pub(crate) questions_wait: bool,
    /// Whether a person has answered.
    pub(crate) answered: bool,
    /// Whether a session is given up only once a poll that is open has looked again, as where both
    /// need the one connection that writes.
    pub(crate) one_writer: bool,
    /// Whether that a session is given up is answered only later.
    pub(crate) evictions_wait: bool,
    /// Sessions that are not given up, each with why.
    pub(crate) wanted: HashMap<SessionId, fn() -> ProtocolError>,
}

pub(crate) struct Server {
    calls: watch::Sender<Vec<Call>>,
    answers: Mutex<Answers>,
    changed: watch::Sender<()>,
    /// Counts how often open polls have looked for runs.
    looks: watch::Sender<u32>,
    /// The leases of which nothing more is said.
    pub(crate) forgotten: Mutex<Vec<LeaseKey>>,
}

impl Server {
    pub(crate) fn new(lease_length: Duration) -> Self {
        Self {
            calls: watch::Sender::new(Vec::new()),
            answers: Mutex::new(Answers {
                lease_length,
                leases: VecDeque::new(),
                renewal: || Ok(false),
                renewals_hang: 0,
                screenshots: VecDeque::new(),
                finishes: VecDeque::new(),
                finishes_wait: false,
                drains: VecDeque::new(),
                drains_wait: false,
                questions_wait: false,
                answered: true,
                one_writer: false,
                evictions_wait: false,
                wanted: HashMap::new(),
            }),
            changed: watch::Sender::new(()),
            looks: watch::Sender::new(0),
            forgotten: Mutex::default(),
        }
    }

    /// Changes what it answers from now on.
    pub(crate) fn answer(&self, change: impl FnOnce(&mut Answers)) {
        change(&mut self.answers.lock().unwrap());
        self.changed.send_replace(());
    }

    /// A person has answered, and who waits for it does not know yet.
    pub(crate) fn answer_unheard(&self) {
        self.answers.lock().unwrap().answered = true;
    }

    /// The next poll gets this run.
    pub(crate) fn queue(&self, run: LeasedRun) {
        self.answer(|answers| {
            answers.leases.push_back(Ok(Leases {
                runs: vec![run],
                ..Leases::default()
            }));
        });
    }

    /// Waits until what it was told is as `enough` says, and answers all of it.
    pub(crate) async fn told(&self, enough: impl Fn(&[Call]) -> bool) -> Vec<Call> {
        let mut calls = self.calls.subscribe();
        let waiting = calls.wait_for(|calls| enough(calls));
        match tokio::time::timeout(PATIENCE, waiting).await {
            Ok(calls) => calls.unwrap().clone(),
            Err(_) => panic!("only this was told: {:?}", self.calls.borrow()),
        }
    }

    pub(crate) fn finishes(&self) -> Vec<FinishReport> {
        let calls = self.calls.borrow();
        let finishes = calls.iter().filter_map(|call| match call {
            Call::Finish(report) => Some(report.clone()),
            _ => None,
        });
        finishes.collect()
    }

    fn hear(&self, call: Call) {
        self.calls.send_modify(|calls| calls.push(call));
    }
}

pub(crate) fn count(calls: &[Call], kind: fn(&Call) -> bool) -> usize {
    calls.iter().filter(|call| kind(call)).count()
}

/// The run of this number, in the session of that one.
pub(crate) fn run(number: u8, session: u8) -> LeasedRun {
    let now = Timestamp::from_millis(1_767_607_300_000);
    LeasedRun {
        run_id: RunId::new(now, Random([number; 10])),
        session_id: session_id(session),
        resumed: false,
        task: LeasedTask {
            id: TaskId::new(now, Random([1; 10])),
            name: "Latest bill".to_owned(),
            prompt: None,
            input_schema: None,
            output_schema: None,
            files_kept: true,
            extraction: None,
            settings: TaskSettings::default(),
        },
        input: Value::Null,
        source: None,
        credential_id: None,
        playbook: None,
        checkpoint: None,
        epoch: Epoch(1),
        begun: false,
        lease_expires_at: now,
        trace_parent: None,
    }
}

pub(crate) fn session_id(number: u8) -> SessionId {
    SessionId::new(
        Timestamp::from_millis(1_767_607_300_000),
        Random([number; 10]),
    )
}

pub(crate) fn unavailable() -> ProtocolError {
    ProtocolError::Unavailable {
        message: "the disk is full".to_owned(),
    }
}

fn unused<T>() -> Result<T, ProtocolError> {
    Err(ProtocolError::Refused {
        message: "no agent here makes this call".to_owned(),
    })
}

#[async_trait]
impl Protocol for Server {
    async fn register(&self, _: &str, _: Option<&str>) -> Result<Registration, ProtocolError> {
        self.hear(Call::Register);
        Ok(Registration {
            incarnation: 7,
            lost_leases: 0,
            lease_length: self.answers.lock().unwrap().lease_length,
        })
    }

    async fn lease(&self, request: LeaseRequest) -> Result<Leases, ProtocolError> {
        let wait = request.wait;
        let mut changed = self.changed.subscribe();
        self.hear(Call::Lease(request));
        let next = async {
            loop {
                self.looks.send_modify(|looks| *looks += 1);
                let next = self.answers.lock().unwrap().leases.pop_front();
                match next {
                    Some(leases) => return leases,
                    None => changed.changed().await.unwrap(),
                }
            }
        };
        tokio::time::timeout(wait, next)
            .await
            .unwrap_or_else(|_| Ok(Leases::default()))
    }

    async fn renew(&self, lease: LeaseKey) -> Result<Renewal, ProtocolError> {
        self.hear(Call::Renew(lease));
        let hanging = self.answers.lock().unwrap().renewals_hang.checked_sub(1);
        if let Some(left) = hanging {
            self.answers.lock().unwrap().renewals_hang = left;
            pending::<()>().await;
        }
        let answer = self.answers.lock().unwrap().renewal;
        Ok(Renewal {
            lease_expires_at: Timestamp::EPOCH,
            cancel: answer()?,
        })
    }

    async fn begin(&self, _: LeaseKey) -> Result<Begun, ProtocolError> {
        unused()
    }

    async fn progress(&self, _: LeaseKey, _: Vec<Progress>) -> Result<Heard, ProtocolError> {
        unused()
    }

    async fn store_file(&self, _: LeaseKey, mut file: CapturedFile) -> Result<Kept, ProtocolError> {
        self.hear(Call::File(file.metadata, file.extraction));
        while file.content.next().await.is_some() {}
        Ok(Kept {
            storage_id: None,
            cancel: false,
        })
    }

    async fn store_screenshot(
        &self,
        _: LeaseKey,
        screenshot: CapturedScreenshot,
    ) -> Result<Heard, ProtocolError> {
        self.hear(Call::Screenshot(screenshot));
        match self.answers.lock().unwrap().screenshots.pop_front() {
            Some(error) => Err(error),
            None => Ok(Heard { cancel: false }),
        }
    }

    async fn interact(&self, _: LeaseKey, question: Question) -> Result<Heard, ProtocolError> {
        let mut changed = self.changed.subscribe();
        self.hear(Call::Ask(question));
        while self.answers.lock().unwrap().questions_wait {
            changed.changed().await.unwrap();
        }
        Ok(Heard { cancel: false })
    }

    async fn withdraw(&self, _: LeaseKey, attempt: u32) -> Result<Heard, ProtocolError> {
        self.hear(Call::Withdraw(attempt));
        Ok(Heard { cancel: false })
    }

    async fn answer(&self, _: LeaseKey, wait: Duration) -> Result<Answer, ProtocolError> {
        let mut changed = self.changed.subscribe();
        let answered = async {
            while !self.answers.lock().unwrap().answered {
                changed.changed().await.unwrap();
            }
        };
        if tokio::time::timeout(wait, answered).await.is_err() {
            return Ok(Answer {
                answers: None,
                cancel: false,
            });
        }
        Ok(Answer {
            answers: Some(Vec::new()),
            cancel: false,
        })
    }

    async fn finish(&self, _: LeaseKey, report: FinishReport) -> Result<Status, ProtocolError> {
        let mut changed = self.changed.subscribe();
        self.hear(Call::Finish(report));
        while self.answers.lock().unwrap().finishes_wait {
            changed.changed().await.unwrap();
        }
        match self.answers.lock().unwrap().finishes.pop_front() {
            Some(error) => Err(error),
            None => Ok(Status::Completed),
        }
    }

    async fn release(&self, lease: LeaseKey) -> Result<Status, ProtocolError> {
        self.hear(Call::Release(lease));
        Ok(Status::Queued)
    }

    async fn release_asking(&self, _: LeaseKey, attempt: u32) -> Result<Status, ProtocolError> {
        self.hear(Call::ReleaseAsking(attempt));
        if self.answers.lock().unwrap().answered {
            return Err(ProtocolError::Refused {
                message: "the answer has come".to_owned(),
            });
        }
        Ok(Status::Queued)
    }

    async fn evict(&self, _: &str, _: u32, session_id: SessionId) -> Result<(), ProtocolError> {
        if self.answers.lock().unwrap().one_writer {
            let mut looks = self.looks.subscribe();
            self.changed.send_replace(());
            looks.changed().await.unwrap();
        }
        let mut changed = self.changed.subscribe();
        self.hear(Call::Evict(session_id));
        while self.answers.lock().unwrap().evictions_wait {
            changed.changed().await.unwrap();
        }
        match self.answers.lock().unwrap().wanted.get(&session_id) {
            Some(error) => Err(error()),
            None => Ok(()),
        }
    }

    async fn drain(&self, _: &str, _: u32) -> Result<(), ProtocolError> {
        let mut changed = self.changed.subscribe();
        self.hear(Call::Drain);
        while self.answers.lock().unwrap().drains_wait {
            changed.changed().await.unwrap();
        }
        match self.answers.lock().unwrap().drains.pop_front() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn forget(&self, lease: LeaseKey) {
        self.forgotten.lock().unwrap().push(lease);
    }
}
