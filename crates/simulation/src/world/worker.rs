//! Workers: each process leases runs and does them, and knows only what it was answered.

use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio_util::sync::CancellationToken;
use windlass_application::ports::Clock;
use windlass_application::random::random;
use windlass_application::worker::{LeaseCall, LeaseWish, RunsLeased};
use windlass_application::{Actor, CallError, OrganizationContext};
use windlass_domain::Timestamp;
use windlass_domain::id::{RequestId, SessionId};
use windlass_domain::pool::Pool;
use windlass_domain::run::{Holder, Refusal};

use super::World;
use super::agent::{self, Action};
use super::network::Served;

/// How many runs one process does at once.
const CAPACITY: usize = 3;

/// A worker: processes of it follow one another.
#[derive(Clone)]
pub(crate) struct WorkerPlan {
    /// Its name.
    pub(crate) name: &'static str,
    /// Whose runs it does; None is everybody's.
    pub(crate) organization: Option<OrganizationContext>,
    /// From where.
    pub(crate) pools: Vec<Pool>,
}

/// A run that a process believes to hold.
pub(super) struct Held {
    pub(super) call: LeaseCall,
    pub(super) begun: bool,
    pub(super) asking: bool,
    pub(super) attempt: u32,
    pub(super) stopping: bool,
    pub(super) renew_at: Timestamp,
    /// What was not answered, and is said again.
    pub(super) unanswered: Option<Action>,
}

/// One process of a worker, until it is killed, or all is over.
pub(super) async fn work(world: Rc<World>, plan: WorkerPlan) {
    let Some(holder) = register(&world, &plan).await else {
        return;
    };
    let mut held: Vec<Held> = Vec::new();
    let mut kept: Vec<(OrganizationContext, SessionId)> = Vec::new();
    let mut heard = 0;
    loop {
        if world.chaos.strikes("worker stopped for a while", 8) {
            world.sleep_up_to(Duration::from_secs(90)).await;
        }
        let now = world.chaos.pacer.now();
        if let Some(due) = held.iter().position(|it| it.renew_at <= now) {
            tell(&world, &mut held, due, Action::Renew).await;
        } else if held.is_empty() || (held.len() < CAPACITY && draws(&world, 250)) {
            let leased = lease(&world, &plan, holder, &held, &mut kept, &mut heard).await;
            match leased {
                Leased::Runs(runs) => held.extend(runs),
                Leased::Nothing if held.is_empty() && world.is_settled() => return,
                Leased::Nothing if held.is_empty() => wait(&world).await,
                Leased::Nothing => {}
                Leased::Gone => return,
            }
        } else {
            let chosen = world.chaos.draw(|chance| chance.below(held.len()));
            let action = world
                .chaos
                .draw(|chance| agent::next(chance, &held[chosen]));
            tell(&world, &mut held, chosen, action).await;
        }
        world.sleep_up_to(Duration::from_secs(3)).await;
        if draws(&world, 15) {
            evict(&world, holder, &mut kept).await;
        }
        if draws(&world, 4) && drain(&world, holder).await {
            world.chaos.count("worker drained");
        }
    }
}

fn draws(world: &World, permille: usize) -> bool {
    world.chaos.draw(|chance| chance.permille(permille))
}

/// For a signal, or a while.
async fn wait(world: &World) {
    let length = world
        .chaos
        .draw(|chance| chance.up_to(Duration::from_secs(20)));
    let heard = std::pin::pin!(world.outside.heard());
    match select(heard, world.chaos.pacer.sleep(length)).await {
        Either::Left(_) => world.chaos.count("signal heard"),
        Either::Right(_) => {}
    }
}

async fn register(world: &Rc<World>, plan: &WorkerPlan) -> Option<Holder> {
    let start = world.chaos.draw(|chance| chance.below(usize::MAX));
    while !world.is_over() {
        let (organization, name) = (plan.organization, plan.name);
        let called = world.call(move |replica| -> Served<_> {
            Box::pin(async move {
                let register = &replica.calls.register_worker;
                let start = start.to_string();
                register.execute(organization, name, Some(&start)).await
            })
        });
        if let Some(Ok(start)) = called.await {
            return Some(start.holder);
        }
        world.sleep_up_to(Duration::from_secs(3)).await;
    }
    None
}

async fn drain(world: &Rc<World>, holder: Holder) -> bool {
    if !world.chaos.is_on() {
        return false;
    }
    let called = world.call(move |replica| -> Served<_> {
        Box::pin(async move { replica.calls.drain_worker.execute(holder).await })
    });
    matches!(called.await, Some(Ok(_)))
}

/// Gives up one of its sessions, which may be idle, or not.
async fn evict(
    world: &Rc<World>,
    holder: Holder,
    kept: &mut Vec<(OrganizationContext, SessionId)>,
) {
    let drawn = world.chaos.draw(|chance| chance.one_of(kept).copied());
    let Some((organization, session_id)) = drawn else {
        return;
    };
    let request_id = RequestId::new(world.chaos.pacer.now(), random());
    let called = world.call(move |replica| -> Served<_> {
        Box::pin(async move {
            let evict = &replica.calls.evict_session;
            evict
                .execute(organization, request_id, holder, session_id)
                .await
        })
    });
    match called.await {
        Some(Ok(())) => kept.retain(|(_, id)| *id != session_id),
        Some(Err(CallError::Refused(_) | CallError::Store(_))) | None => {}
        Some(Err(error)) => world.complain(format!("an eviction: {error}")),
    }
}

enum Leased {
    Runs(Vec<Held>),
    Nothing,
    /// A later process of this worker has started.
    Gone,
}

async fn lease(
    world: &Rc<World>,
    plan: &WorkerPlan,
    holder: Holder,
    held: &[Held],
    kept: &mut Vec<(OrganizationContext, SessionId)>,
    heard: &mut u32,
) -> Leased {
    let now = world.chaos.pacer.now();
    let wish = LeaseWish {
        organization: plan.organization,
        request_id: RequestId::new(now, random()),
        holder,
        pools: plan.pools.clone(),
        capacity: u32::try_from(CAPACITY - held.len()).unwrap_or(0),
        explicit_begin: draws(world, 800),
        sessions: kept.iter().map(|(_, id)| *id).collect(),
        held: Some(held.iter().map(|it| it.call.run_id).collect()),
        heard: Some(*heard),
        wait: Duration::ZERO,
    };
    let called = world.call(move |replica| -> Served<_> {
        let wish = wish.clone();
        let never = CancellationToken::new();
        Box::pin(async move { replica.calls.lease_runs.execute(&wish, &never).await })
    });
    match called.await {
        Some(Ok(leased)) => {
            *heard = leased.brought;
            kept.retain(|(_, id)| !leased.ended_sessions.contains(id));
            if leased.runs.is_empty() {
                return Leased::Nothing;
            }
            for run in leased.runs.iter().map(|opened| &opened.leased.run) {
                let organization = OrganizationContext::of_server(run.organization_id);
                kept.retain(|(_, id)| *id != run.session_id);
                kept.push((organization, run.session_id));
            }
            Leased::Runs(holds(leased, now))
        }
        Some(Err(CallError::Refused(Refusal::LeaseLost { .. }))) => Leased::Gone,
        Some(Err(CallError::Store(_))) | None => Leased::Nothing,
        Some(Err(error)) => {
            world.complain(format!("a lease call: {error}"));
            Leased::Gone
        }
    }
}

fn holds(leased: RunsLeased, now: Timestamp) -> Vec<Held> {
    let runs = leased.runs.into_iter().map(|opened| {
        let run = opened.leased.run;
        Held {
            call: LeaseCall {
                organization: OrganizationContext::of_server(run.organization_id),
                actor: Actor::Worker,
                request_id: RequestId::new(now, random()),
                trace_parent: None,
                run_id: run.id,
                epoch: run.epoch,
            },
            begun: run.state.lease().is_some_and(|lease| lease.begun),
            asking: false,
            attempt: 0,
            stopping: false,
            renew_at: now + Duration::from_secs(3),
            unanswered: None,
        }
    });
    runs.collect()
}

/// Says it, and learns from what is answered.
async fn tell(world: &Rc<World>, held: &mut Vec<Held>, index: usize, action: Action) {
    let call = held[index].call.clone();
    let said = action.clone();
    let called = world.call(move |replica| -> Served<_> {
        let (call, action) = (call.clone(), said.clone());
        Box::pin(async move { agent::say(&replica, &call, action).await })
    });
    let answer = called.await;
    let now = world.chaos.pacer.now();
    let it = &mut held[index];
    match answer {
        Some(Ok(heard)) => {
            it.unanswered = None;
            it.stopping |= heard.stop;
            match action {
                Action::Renew => it.renew_at = now + Duration::from_secs(10),
                Action::Ask { attempt, .. } if !heard.stop => {
                    it.attempt = it.attempt.max(attempt);
                    it.asking = true;
                }
                Action::Withdraw(_) => it.asking = false,
                Action::Read if heard.answered => it.asking = false,
                Action::Ask { .. }
                | Action::Read
                | Action::Begin
                | Action::Progress
                | Action::File(_)
                | Action::Finish(_)
                | Action::Release
                | Action::ReleaseAsking(_) => {}
            }
            it.begun |= !matches!(action, Action::Renew | Action::Read);
            if heard.over {
                held.swap_remove(index);
            }
        }
        Some(Err(CallError::Refused(Refusal::LeaseLost { .. } | Refusal::LeaseOver { .. }))) => {
            drop(held.swap_remove(index));
        }
        // What the run does not take in its status.
        Some(Err(CallError::Refused(_))) => it.unanswered = None,
        Some(Err(CallError::Store(_))) | None => {
            if !matches!(action, Action::Renew) {
                it.unanswered = Some(action);
            }
        }
        Some(Err(error)) => world.complain(format!("a worker's word: {error}")),
    }
}
