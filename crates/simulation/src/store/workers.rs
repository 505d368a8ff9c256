//! Workers: names with starts.

use async_trait::async_trait;
use windlass_application::ports::runs::Swept;
use windlass_application::ports::workers::{GONE_AFTER, Registered, STARTS_KNOWN};
use windlass_application::ports::{StoreError, Workers, WriteError};
use windlass_application::{OrganizationContext, random};
use windlass_domain::Timestamp;
use windlass_domain::id::{OrganizationId, RunId, SessionId, WorkerId};
use windlass_domain::lifecycle::{Command, SceneWorker, Signal};
use windlass_domain::run::{Epoch, Holder, Refusal, RunCommand};
use windlass_domain::session::SessionCommand;

use super::{KeptRun, MemoryStore, State};

/// A worker with its latest start.
pub(super) struct Worker {
    organization_id: Option<OrganizationId>,
    name: String,
    incarnation: u32,
    /// What it calls its latest starts, each with its number.
    starts: Vec<(String, u32)>,
    /// Whether it leases nothing any more.
    pub(super) draining: bool,
    /// When it began to drain, or, before that, to start.
    left_at: Timestamp,
    last_seen_at: Timestamp,
    /// How many lease calls have brought its latest start runs.
    pub(super) brought: u32,
}

#[async_trait]
impl Workers for MemoryStore {
    async fn register<'start>(
        &self,
        organization: Option<OrganizationContext>,
        name: &str,
        start: Option<&'start str>,
    ) -> Result<Registered, WriteError> {
        let organization_id = organization.map(OrganizationContext::organization_id);
        // The number first: from then on earlier starts lease nothing.
        let holder = self
            .transact("Workers::register", |state, at| {
                Ok::<_, WriteError>(state.next_start(organization_id, name, start, at))
            })
            .await?;
        let mut registered = Registered {
            holder,
            lost_leases: 0,
            signals: Vec::new(),
        };
        let held = self
            .read("Workers::held_before", |state| state.held_before(holder))
            .await?;
        for (run_id, session_id, earlier) in held {
            let command = Command::Run {
                run_id,
                command: RunCommand::WorkerGone { holder: earlier },
            };
            if let Some(signals) = self.tell(session_id, Some(run_id), command).await? {
                registered.lost_leases += 1;
                registered.signals.extend(signals);
            }
        }
        let kept = self
            .read("Workers::kept_before", |state| state.kept_before(holder))
            .await?;
        for (session_id, earlier) in kept {
            let command = Command::Session(SessionCommand::WorkerGone { holder: earlier });
            let signals = self.tell(session_id, None, command).await?;
            registered.signals.extend(signals.unwrap_or_default());
        }
        Ok(registered)
    }

    async fn find(
        &self,
        organization: OrganizationContext,
        name: &str,
    ) -> Result<Option<Holder>, StoreError> {
        let owner = Some(organization.organization_id());
        self.read("Workers::find", |state| {
            let mut workers = state.workers.iter();
            let found =
                workers.find(|(_, worker)| worker.organization_id == owner && worker.name == name);
            found.map(|(id, worker)| Holder {
                worker_id: *id,
                incarnation: worker.incarnation,
            })
        })
        .await
    }

    async fn drain(&self, holder: Holder) -> Result<(u32, Vec<Signal>), WriteError> {
        let (leases, kept) = self
            .transact("Workers::drain", |state, at| {
                state.is_latest(holder)?;
                if let Some(worker) = state.workers.get_mut(&holder.worker_id) {
                    worker.draining = true;
                    worker.left_at = at;
                }
                let leases = state.runs.values().filter(|kept| {
                    let lease = kept.run().state.lease();
                    lease.is_some_and(|lease| lease.holder == holder)
                });
                let leases = u32::try_from(leases.count()).unwrap_or(u32::MAX);
                Ok::<_, WriteError>((leases, state.kept_by(|keeper| keeper == holder)))
            })
            .await?;
        let mut signals = Vec::new();
        for (session_id, holder) in kept {
            let command = Command::Session(SessionCommand::Drained { holder });
            let told = self.tell(session_id, None, command).await?;
            signals.extend(told.unwrap_or_default());
        }
        Ok((leases, signals))
    }

    async fn sweep(&self, limit: u32) -> Result<Swept, StoreError> {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let kept = self
            .transact("Workers::kept_by_leaving", |state, now| {
                let mut kept = state.kept_by(|keeper| state.gives_up(keeper, now).is_some());
                kept.truncate(limit);
                Ok::<_, StoreError>(kept)
            })
            .await?;
        let mut swept = Swept {
            more: kept.len() == limit,
            ..Swept::default()
        };
        for (session_id, holder) in kept {
            let signals = self
                .transact("Workers::sweep", |state, now| {
                    let scene = state.scene(session_id, None);
                    let Some((scene, command)) = scene.zip(state.gives_up(holder, now)) else {
                        return Ok::<_, StoreError>(None);
                    };
                    let changes = state.command(scene, Command::Session(command), now);
                    Ok(changes.ok().map(|changes| changes.signals))
                })
                .await?;
            if let Some(signals) = signals {
                swept.acted += 1;
                swept.signals.extend(signals);
            }
        }
        Ok(swept)
    }

    async fn seen(&self, holder: Holder) -> Result<(), StoreError> {
        self.transact("Workers::seen", |state, at| {
            state.note_seen(holder, at);
            Ok(())
        })
        .await
    }
}

impl MemoryStore {
    /// A command that a session may refuse by now, in a transaction of its own.
    async fn tell(
        &self,
        session_id: SessionId,
        about: Option<RunId>,
        command: Command,
    ) -> Result<Option<Vec<Signal>>, WriteError> {
        self.transact("Workers::tell", |state, now| {
            let Some(scene) = state.scene(session_id, about) else {
                return Ok(None);
            };
            let changes = state.command(scene, command, now);
            Ok(changes.ok().map(|changes| changes.signals))
        })
        .await
    }
}

impl State {
    fn next_start(
        &mut self,
        organization_id: Option<OrganizationId>,
        name: &str,
        start: Option<&str>,
        at: Timestamp,
    ) -> Holder {
        let mut workers = self.workers.iter_mut();
        let known = workers
            .find(|(_, worker)| worker.organization_id == organization_id && worker.name == name);
        if let Some((id, worker)) = known {
            let mut starts = worker.starts.iter();
            let known = starts.find(|(known, _)| Some(known.as_str()) == start);
            if let Some((_, incarnation)) = known {
                return Holder {
                    worker_id: *id,
                    incarnation: *incarnation,
                };
            }
            worker.incarnation += 1;
            worker.draining = false;
            worker.left_at = at;
            worker.last_seen_at = at;
            worker.brought = 0;
            let latest = worker.incarnation;
            worker
                .starts
                .retain(|(_, incarnation)| *incarnation + STARTS_KNOWN > latest);
            let named = start.map(|start| (start.to_owned(), latest));
            worker.starts.extend(named);
            return Holder {
                worker_id: *id,
                incarnation: latest,
            };
        }
        let worker_id = WorkerId::new(at, random::random());
        let worker = Worker {
            organization_id,
            name: name.to_owned(),
            incarnation: 1,
            starts: start
                .map(|start| (start.to_owned(), 1))
                .into_iter()
                .collect(),
            draining: false,
            left_at: at,
            last_seen_at: at,
            brought: 0,
        };
        self.workers.insert(worker_id, worker);
        Holder {
            worker_id,
            incarnation: 1,
        }
    }

    /// What a decision reads of the worker that has its session.
    pub(super) fn in_scene(&self, holder: Holder) -> Option<SceneWorker> {
        let worker = self.workers.get(&holder.worker_id)?;
        if worker.incarnation == holder.incarnation && !worker.draining {
            Some(SceneWorker::Stays)
        } else {
            Some(SceneWorker::Leaves)
        }
    }

    /// What a session hears that `holder` keeps idle, where nobody leases runs in it any more.
    fn gives_up(&self, holder: Holder, now: Timestamp) -> Option<SessionCommand> {
        let worker = self.workers.get(&holder.worker_id)?;
        let is_gone = now >= worker.last_seen_at + GONE_AFTER;
        if worker.incarnation != holder.incarnation || is_gone {
            Some(SessionCommand::WorkerGone { holder })
        } else if worker.draining {
            Some(SessionCommand::Drained { holder })
        } else {
            None
        }
    }

    /// When each idle session must be taken from its worker, unless that calls before.
    pub(super) fn worker_deadlines(&self) -> impl Iterator<Item = Timestamp> {
        let kept = self.kept_by(|_| true).into_iter();
        kept.filter_map(|(_, holder)| {
            let worker = self.workers.get(&holder.worker_id)?;
            match self.gives_up(holder, worker.last_seen_at) {
                Some(_) => Some(worker.left_at),
                None => Some(worker.last_seen_at + GONE_AFTER),
            }
        })
    }

    /// The runs that earlier starts of the worker hold.
    fn held_before(&self, holder: Holder) -> Vec<(RunId, SessionId, Holder)> {
        let runs = self.runs.values().map(KeptRun::run);
        let held = runs.filter_map(|run| {
            let earlier = run.state.lease()?.holder;
            is_before(earlier, holder).then_some((run.id, run.session_id, earlier))
        });
        held.collect()
    }

    /// The idle sessions that earlier starts of the worker keep.
    fn kept_before(&self, holder: Holder) -> Vec<(SessionId, Holder)> {
        self.kept_by(|keeper| is_before(keeper, holder))
    }

    fn kept_by(&self, is_meant: impl Fn(Holder) -> bool) -> Vec<(SessionId, Holder)> {
        let sessions = self.sessions.values();
        let kept = sessions.filter_map(|session| Some((session.id, session.kept_by()?)));
        kept.filter(|(_, keeper)| is_meant(*keeper)).collect()
    }

    /// The worker whose latest start this is, where it is one of the organization's, or, for
    /// None, an embedded one.
    pub(super) fn latest(
        &self,
        holder: Holder,
        organization_id: Option<OrganizationId>,
    ) -> Result<&Worker, Refusal> {
        let worker = self.workers.get(&holder.worker_id);
        let worker = worker.filter(|worker| worker.organization_id == organization_id);
        let current = worker.map_or(0, |worker| worker.incarnation);
        worker
            .filter(|worker| worker.incarnation == holder.incarnation)
            .ok_or(Refusal::LeaseLost {
                given: Epoch(holder.incarnation),
                current: Epoch(current),
            })
    }

    fn is_latest(&self, holder: Holder) -> Result<(), Refusal> {
        let worker = self.workers.get(&holder.worker_id);
        let organization_id = worker.and_then(|worker| worker.organization_id);
        self.latest(holder, organization_id).map(|_| ())
    }

    pub(super) fn note_seen(&mut self, holder: Holder, at: Timestamp) {
        let worker = self.workers.get_mut(&holder.worker_id);
        if let Some(worker) = worker.filter(|it| it.incarnation == holder.incarnation) {
            worker.last_seen_at = at;
        }
    }
}

fn is_before(earlier: Holder, holder: Holder) -> bool {
    earlier.worker_id == holder.worker_id && earlier.incarnation < holder.incarnation
}
