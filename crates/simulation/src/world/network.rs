//! What lies between the replicas and those who call them: calls and answers are lost, late,
//! doubled, and overtake one another.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;

use super::World;
use super::replica::Replica;
use crate::executor::Place;

/// How long a caller waits for an answer that does not come.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest that a call is on its way.
const LATEST: Duration = Duration::from_secs(60);

/// What a replica is asked to do.
pub(super) type Served<T> = Pin<Box<dyn Future<Output = T>>>;

impl World {
    /// Calls any replica that is up. None where no answer came: whether it was done is unknown.
    pub(super) async fn call<T: 'static>(
        self: &Rc<Self>,
        work: impl Fn(Rc<Replica>) -> Served<T> + 'static,
    ) -> Option<T> {
        let chaos = &self.chaos;
        let work = Rc::new(work);
        if chaos.strikes("call lost", 15) {
            self.sleep_up_to(PATIENCE).await;
            return None;
        }
        if chaos.strikes("call late", 15) {
            self.serve_later(work, LATEST);
            self.sleep_up_to(PATIENCE).await;
            return None;
        }
        if chaos.strikes("call doubled", 25) {
            self.serve_later(Rc::clone(&work), PATIENCE);
        }
        let answer = self.serve(&*work).await;
        answer.filter(|_| !chaos.strikes("answer lost", 25))
    }

    fn serve_later<T: 'static>(
        self: &Rc<Self>,
        work: Rc<impl Fn(Rc<Replica>) -> Served<T> + 'static>,
        latest: Duration,
    ) {
        let world = Rc::clone(self);
        self.executor.spawn(Place::Outside, async move {
            world.sleep_up_to(latest).await;
            world.serve(&*work).await;
        });
    }

    /// Has a replica do it; None where none is up, or it crashes over it.
    async fn serve<T: 'static>(&self, work: &impl Fn(Rc<Replica>) -> Served<T>) -> Option<T> {
        let up: Vec<(usize, Rc<Replica>)> = {
            let replicas = self.replicas.borrow();
            let numbered = replicas.iter().enumerate();
            let up = numbered.filter_map(|(number, it)| Some((number, Rc::clone(it.as_ref()?))));
            up.collect()
        };
        let (number, replica) = self.chaos.draw(|chance| chance.one_of(&up).cloned())?;
        let (answer, answered) = oneshot::channel();
        let serving = work(replica);
        self.executor.spawn(Place::Replica(number), async move {
            // Whoever asked may be gone.
            let _ = answer.send(serving.await);
        });
        answered.await.ok()
    }

    pub(super) async fn sleep_up_to(&self, longest: Duration) {
        let length = self.chaos.draw(|chance| chance.up_to(longest));
        self.chaos.pacer.sleep(length).await;
    }
}
