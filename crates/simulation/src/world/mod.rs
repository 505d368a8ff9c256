//! One history: several replicas, workers and callers, first in a storm of faults, then in calm
//! until all is over.

mod agent;
mod caller;
mod network;
mod outside;
mod replica;
mod report;
mod scenery;
mod worker;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use windlass_application::ports::Clock;
use windlass_application::random::seeded::Seeded;
use windlass_domain::Timestamp;
use windlass_domain::id::{OrganizationId, RunId, SessionId};
use windlass_domain::pool::Pool;
use windlass_domain::run::Status;

pub(crate) use self::outside::Outside;
use self::replica::Replica;
pub use self::report::{Broken, Report, Sabotage};
use self::scenery::Tenant;
pub(crate) use self::scenery::url;
use self::worker::WorkerPlan;
use crate::chaos::Chaos;
use crate::check;
use crate::executor::{Executor, Place};
use crate::pacer::Ahead;
use crate::random::Chance;
use crate::store::MemoryStore;

/// How many replicas share the store.
const REPLICAS: usize = 3;

/// How long things go wrong, in virtual time.
const STORM: Duration = Duration::from_secs(8 * 60);

/// The most steps until all must be over: what takes more goes round for ever.
const MAX_STEPS: u64 = 200_000;

/// How late a clock may be acted on. Source: docs/lifecycle.md, "Clocks".
const LATEST_SWEEP: Duration = Duration::from_secs(5);

/// How many of the last lines a broken promise shows.
const SHOWN_LINES: usize = 40;

/// Who is there, and what has happened.
pub(crate) struct World {
    chaos: Arc<Chaos>,
    executor: Executor,
    store: MemoryStore,
    outside: Arc<Outside>,
    replicas: RefCell<Vec<Option<Rc<Replica>>>>,
    sabotage: Sabotage,
    /// The runs that a caller was told of.
    accepted: RefCell<Vec<RunId>>,
    complaints: RefCell<Vec<String>>,
    /// Whether nothing more is started.
    is_over: Cell<bool>,
    /// The last process of each worker.
    processes: RefCell<BTreeMap<&'static str, u32>>,
    last_process: Cell<u32>,
    lines: RefCell<VecDeque<String>>,
    prints: bool,
}

/// Plays the history of a seed; `prints` every decision on the way.
///
/// # Errors
/// The first promise that it breaks.
pub fn play(seed: u64, sabotage: Sabotage, prints: bool) -> Result<Report, Box<Broken>> {
    let mut ids = Chance::of(!seed);
    let seeded = Seeded::by(move |bytes| ids.fill(bytes));
    let world = Rc::new(World::new(seed, sabotage, prints));
    let played = world.play(seed);
    // Tasks know their world, and the world its tasks.
    world.executor.end();
    drop(seeded);
    played.map_err(|promise| {
        Box::new(Broken {
            seed,
            promise,
            last: world.lines.borrow().iter().cloned().collect(),
        })
    })
}

impl World {
    fn new(seed: u64, sabotage: Sabotage, prints: bool) -> Self {
        let chaos = Arc::new(Chaos::of(seed));
        let clock: Arc<dyn Clock> = chaos.pacer.clone();
        Self {
            store: MemoryStore::new(clock, sabotage.rules),
            outside: Arc::new(Outside::new(Arc::clone(&chaos))),
            chaos,
            executor: Executor::default(),
            replicas: RefCell::new(vec![None; REPLICAS]),
            sabotage,
            accepted: RefCell::default(),
            complaints: RefCell::default(),
            is_over: Cell::new(false),
            processes: RefCell::default(),
            last_process: Cell::new(0),
            lines: RefCell::default(),
            prints,
        }
    }

    fn play(self: &Rc<Self>, seed: u64) -> Result<Report, String> {
        let mut history = History {
            chance: Chance::of(seed.wrapping_mul(31)),
            hash: DefaultHasher::new(),
            steps: 0,
            decisions: 0,
        };
        let tenants = self.settle(&mut history)?;
        for number in 0..REPLICAS {
            replica::start(self, number);
        }
        let plans = plans(&tenants);
        for plan in &plans {
            self.start_worker(plan);
        }
        for tenant in &tenants {
            let demand = caller::demand(Rc::clone(self), Rc::clone(tenant));
            self.executor.spawn(Place::Outside, demand);
        }
        let breaking = break_things(Rc::clone(self), plans.clone());
        self.executor.spawn(Place::Outside, breaking);
        self.chaos.set(true);
        let calm_at = self.chaos.pacer.now() + STORM;
        while self.chaos.pacer.now() < calm_at {
            self.step(&mut history)?;
        }
        self.chaos.set(false);
        for number in 0..REPLICAS {
            if self.replicas.borrow()[number].is_none() {
                replica::start(self, number);
            }
        }
        // Of each worker one process goes on for certain.
        for plan in &plans {
            self.start_worker(plan);
        }
        while !self.is_quiet() {
            self.step(&mut history)?;
        }
        self.verdict(seed, &history)
    }

    /// Makes what is there before anything happens.
    fn settle(self: &Rc<Self>, history: &mut History) -> Result<Vec<Rc<Tenant>>, String> {
        let made = Rc::new(RefCell::new(Vec::new()));
        let (world, making) = (Rc::clone(self), Rc::clone(&made));
        self.executor.spawn(Place::Outside, async move {
            for name in ["acme", "umbra"] {
                match scenery::tenant(&world, name).await {
                    Ok(tenant) => making.borrow_mut().push(Rc::new(tenant)),
                    Err(error) => world.complain(format!("{name} cannot be made: {error}")),
                }
            }
        });
        while self.executor.is_ready() {
            self.step(history)?;
        }
        Ok(made.take())
    }

    /// Starts the next process of a worker; answers the one before it, if there was one.
    fn start_worker(self: &Rc<Self>, plan: &WorkerPlan) -> Option<u32> {
        let mut processes = self.processes.borrow_mut();
        let process = self.last_process.get() + 1;
        self.last_process.set(process);
        let working = worker::work(Rc::clone(self), plan.clone());
        self.executor.spawn(Place::Worker(process), working);
        processes.insert(plan.name, process)
    }

    /// One thing goes on, or time does.
    fn step(self: &Rc<Self>, history: &mut History) -> Result<(), String> {
        history.steps += 1;
        if history.steps > MAX_STEPS {
            return Err(format!("it is not over after {MAX_STEPS} steps"));
        }
        let slow = self.chaos.is_on() && history.chance.permille(30);
        if self.executor.is_ready() && !slow {
            let stepped = self.executor.step(&mut history.chance);
            (self.chaos.pacer.now().millis(), stepped).hash(&mut history.hash);
        } else {
            self.pass_time(history)?;
        }
        for number in self.chaos.crashes() {
            self.restart_later(number);
        }
        self.check_decisions(history)?;
        self.complaints.borrow_mut().pop().map_or(Ok(()), Err)
    }

    fn pass_time(&self, history: &mut History) -> Result<(), String> {
        let ahead = self.ahead();
        let now = self.chaos.pacer.now();
        let length = if self.executor.is_ready() {
            history.chance.up_to(Duration::from_millis(300))
        } else {
            let next = self.chaos.pacer.next(ahead);
            next.ok_or("nothing ever goes on")?.since(now)
        };
        self.chaos.pacer.advance(length, ahead);
        check::is_swept(
            ahead.deadline,
            self.chaos.disturbed_at(),
            self.chaos.pacer.now(),
            LATEST_SWEEP,
        )
    }

    fn ahead(&self) -> Ahead {
        self.store.look(|state| Ahead {
            deadline: state.next_deadline(),
            delivery: state.next_delivery(),
        })
    }

    fn check_decisions(&self, history: &mut History) -> Result<(), String> {
        let decided = self.store.look(|state| std::mem::take(&mut state.journal));
        if decided.is_empty() {
            return Ok(());
        }
        for decided in decided {
            history.decisions += 1;
            let line = check::line(&decided);
            line.hash(&mut history.hash);
            if self.prints {
                println!("{line}");
            }
            let mut lines = self.lines.borrow_mut();
            lines.push_back(line);
            if lines.len() > SHOWN_LINES {
                lines.pop_front();
            }
            check::decision(&decided)?;
        }
        self.store.look(|state| check::slots(state))
    }

    /// A replica ends where it stands, and is there again a while later.
    fn restart_later(self: &Rc<Self>, number: usize) {
        replica::crash(self, number);
        let world = Rc::clone(self);
        self.executor.spawn(Place::Outside, async move {
            world.sleep_up_to(Duration::from_secs(10)).await;
            let is_down = world.replicas.borrow()[number].is_none();
            if is_down {
                replica::start(&world, number);
            }
        });
    }

    /// Whether all runs are over, and nothing more is started.
    fn is_settled(&self) -> bool {
        !self.chaos.is_on() && self.store.look(|state| state.unfinished().next().is_none())
    }

    fn is_over(&self) -> bool {
        self.is_over.get()
    }

    /// Whether nothing is to be done any more.
    fn is_quiet(&self) -> bool {
        if self.executor.is_ready() || !self.is_settled() {
            return false;
        }
        let Ahead { deadline, delivery } = self.ahead();
        deadline.is_none() && delivery.is_none()
    }

    /// A caller was told that its run was started.
    fn accept(&self, run_id: RunId) {
        self.accepted.borrow_mut().push(run_id);
    }

    /// Something that nobody may be answered.
    fn complain(&self, complaint: String) {
        self.complaints.borrow_mut().push(complaint);
    }

    /// One of the organization's sessions that take runs, or none, for a new one.
    fn draw_session(&self, organization_id: OrganizationId) -> Option<SessionId> {
        let open = self
            .store
            .look(|state| state.open_sessions(organization_id));
        self.chaos.draw(|chance| {
            let reuses = chance.permille(400);
            chance.one_of(&open).copied().filter(|_| reuses)
        })
    }

    /// One of the organization's runs that are not final.
    fn draw_run(&self, organization_id: OrganizationId) -> Option<(RunId, SessionId, Status)> {
        let runs: Vec<(RunId, SessionId, Status)> = self.store.look(|state| {
            let own = state.unfinished();
            let own = own.filter(|run| run.organization_id == organization_id);
            own.map(|run| (run.id, run.session_id, run.status()))
                .collect()
        });
        self.chaos.draw(|chance| chance.one_of(&runs).copied())
    }

    fn verdict(&self, seed: u64, history: &History) -> Result<Report, String> {
        let accepted = self.accepted.borrow();
        self.store.look(|state| {
            check::end(state, &accepted, &self.outside)?;
            let mut runs: BTreeMap<String, u64> = BTreeMap::new();
            for kept in state.runs.values() {
                *runs.entry(kept.run().status().to_string()).or_default() += 1;
            }
            Ok(Report {
                seed,
                steps: history.steps,
                hash: history.hash.finish(),
                counts: self.chaos.counts(),
                runs,
                decisions: history.decisions,
                events: (state.events.len(), state.deliveries.len()),
            })
        })
    }
}

/// How far a history is.
struct History {
    chance: Chance,
    hash: DefaultHasher,
    steps: u64,
    decisions: u64,
}

fn plans(tenants: &[Rc<Tenant>]) -> Vec<WorkerPlan> {
    let default = Pool::default_pool();
    let other = Pool::parse("other").into_iter();
    let both: Vec<Pool> = [default.clone()].into_iter().chain(other).collect();
    let mut plans = vec![
        WorkerPlan {
            name: "embedded",
            organization: None,
            pools: both.clone(),
        },
        WorkerPlan {
            name: "second",
            organization: None,
            pools: vec![default],
        },
    ];
    plans.extend(tenants.first().map(|tenant| WorkerPlan {
        name: "own",
        organization: Some(tenant.organization),
        pools: both,
    }));
    plans
}

/// Crashes replicas, and ends and starts workers, as long as things go wrong.
async fn break_things(world: Rc<World>, plans: Vec<WorkerPlan>) {
    while world.chaos.is_on() {
        world.sleep_up_to(Duration::from_secs(40)).await;
        if world.chaos.strikes("replica crashed", 350) {
            let number = world.chaos.draw(|chance| chance.below(REPLICAS));
            world.restart_later(number);
        }
        let plan = world.chaos.draw(|chance| chance.one_of(&plans).cloned());
        let Some(plan) = plan.filter(|_| world.chaos.strikes("worker started anew", 350)) else {
            continue;
        };
        let before = world.start_worker(&plan);
        // It ends, or it goes on and does not know that another has taken its place.
        match before {
            Some(before) if !world.chaos.strikes("worker comes back from the dead", 500) => {
                world.executor.kill(Place::Worker(before));
            }
            Some(_) | None => {}
        }
    }
}

/// A moment as lines show it: in seconds since the start.
pub(crate) fn seconds(at: Timestamp) -> String {
    let millis = at.millis() - crate::pacer::START_MILLIS;
    format!("{:4}.{:03}", millis / 1000, millis % 1000)
}
