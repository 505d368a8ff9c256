//! A replica: the real use cases over its own access to the shared store, with its sweeper and its
//! dispatcher.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use windlass_application::dispatch::Dispatcher;
use windlass_application::ports::deliveries::DueDelivery;
use windlass_application::ports::{Clock, Deliveries, DestinationSender};
use windlass_application::worker::WorkerCalls;
use windlass_application::{Application, Ports, Settings};
use windlass_domain::delivery::{Attempt, Next};

use super::World;
use crate::chaos::ReplicaGate;
use crate::executor::Place;
use crate::pacer::Due;
use crate::store::MemoryStore;

/// How long a sweeper waits where nothing is due.
const SWEEP_PAUSE: Duration = Duration::from_millis(500);

/// How long a dispatcher waits where nothing is due, or the store cannot answer.
const DISPATCH_PAUSE: Duration = Duration::from_millis(100);

/// How many deliveries a dispatcher sends at once.
const ROOM: usize = 16;

/// A replica that is up.
pub(crate) struct Replica {
    /// Its use cases.
    pub(crate) application: Application,
    /// What workers ask of it.
    pub(crate) calls: WorkerCalls,
    /// Its access to the store.
    pub(crate) store: Arc<MemoryStore>,
}

impl Replica {
    fn new(world: &World, number: usize) -> Self {
        let gate = ReplicaGate {
            chaos: Arc::clone(&world.chaos),
            replica: number,
        };
        let store = Arc::new(world.store.behind(Arc::new(gate)));
        let application = Application::new(ports(world, &store), Settings::default());
        Self {
            calls: WorkerCalls::new(&application),
            application,
            store,
        }
    }
}

fn ports(world: &World, store: &Arc<MemoryStore>) -> Ports {
    let outside = &world.outside;
    Ports {
        agents: store.clone(),
        sources: store.clone(),
        credentials: store.clone(),
        tasks: store.clone(),
        playbooks: store.clone(),
        runs: store.clone(),
        sessions: store.clone(),
        files: store.clone(),
        screenshots: store.clone(),
        events: store.clone(),
        destinations: store.clone(),
        deliveries: store.clone(),
        organizations: store.clone(),
        keys: store.clone(),
        tokens: store.clone(),
        workers: store.clone(),
        blobs: outside.clone(),
        vault: outside.clone(),
        queue: outside.clone(),
        signals: outside.clone(),
        limits: outside.clone(),
        egress: outside.clone(),
        playbook_rules: outside.clone(),
        webhooks: Some(outside.clone()),
        clock: world.chaos.pacer.clone(),
    }
}

/// Starts a replica, in the place of one that crashed.
pub(super) fn start(world: &Rc<World>, number: usize) {
    let replica = Rc::new(Replica::new(world, number));
    world.replicas.borrow_mut()[number] = Some(Rc::clone(&replica));
    let place = Place::Replica(number);
    let sweeping = sweep(Rc::clone(world), Rc::clone(&replica));
    world.executor.spawn(place, sweeping);
    if let Some(dispatcher) = replica.application.dispatcher.clone() {
        let dispatching = dispatch(Rc::clone(world), replica, dispatcher, place);
        world.executor.spawn(place, dispatching);
    }
}

/// Ends a replica where it stands.
pub(super) fn crash(world: &World, number: usize) {
    world.replicas.borrow_mut()[number] = None;
    world.executor.kill(Place::Replica(number));
    world.chaos.disturb();
}

async fn sweep(world: Rc<World>, replica: Rc<Replica>) {
    let pacer = &world.chaos.pacer;
    loop {
        let sweeper = &replica.application.sweeper;
        let more = sweeper.sweep().await;
        if !(sweeper.sweep_workers().await || more) {
            pacer.until(Due::Deadline(pacer.now() + SWEEP_PAUSE)).await;
        }
    }
}

async fn dispatch(
    world: Rc<World>,
    replica: Rc<Replica>,
    dispatcher: Arc<Dispatcher>,
    place: Place,
) {
    let pacer = &world.chaos.pacer;
    loop {
        match dispatcher.lease(ROOM, &[]).await {
            Ok(leased) if !leased.is_empty() => {
                for due in leased {
                    if world.sabotage.records_before_sending {
                        let sending = record_and_send(Rc::clone(&world), Rc::clone(&replica), due);
                        world.executor.spawn(place, sending);
                    } else {
                        let sending = Arc::clone(&dispatcher).deliver(due);
                        world.executor.spawn(place, async move {
                            sending.await;
                        });
                    }
                }
            }
            Ok(_) | Err(_) => {
                let next = Due::Delivery(pacer.now() + DISPATCH_PAUSE);
                pacer.until(next).await;
            }
        }
    }
}

/// What a dispatcher must not do: say that it has sent what it is about to send.
async fn record_and_send(world: Rc<World>, replica: Rc<Replica>, due: DueDelivery) {
    let attempt = Attempt {
        at: world.chaos.pacer.now(),
        status_code: Some(200),
        duration: Duration::ZERO,
        error: None,
        retry_after: None,
    };
    let id = due.delivery.id;
    let recorded = replica.store.record(id, attempt, Next::Delivered);
    if recorded.await.is_ok() {
        let url = super::scenery::url(&due.destination);
        let opened = super::scenery::opened(url);
        world.outside.send(&due.event, &opened).await;
    }
}
