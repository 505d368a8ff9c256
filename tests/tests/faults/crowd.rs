//! Runs of many people, of which half may be repeated and half may not, some with another in their
//! session, and what must have become of them.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use windlass_demo_site::{PASSWORD, User};
use windlass_tests::client::text;
use windlass_tests::{Calls, Client, World};

use crate::chance::Chance;
use crate::person::Person;

/// One run in so many is canceled by its caller.
const CANCELED: usize = 20;

/// Of so many people two have another run done in the session of their first, which is not canceled.
const FOLLOWED: usize = 8;

/// The website's log forgets its oldest visits beyond this.
const VISITS_KEPT: usize = 20_000;

/// The runs.
pub(crate) struct Crowd {
    runs: Vec<Started>,
    errand: Errand,
}

/// What they are to bring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Errand {
    /// All invoices, by the playbook.
    Invoices,
    /// The newest one, as `examples/worker-python` does it without one.
    NewestInvoice,
}

impl Errand {
    async fn task(self, world: &World, settings: Value) -> anyhow::Result<String> {
        match self {
            Self::Invoices => world.task(settings).await,
            Self::NewestInvoice => {
                let task = json!({"name": "Newest invoice", "agent_id": world.agent_id,
                    "settings": settings, "storage": {"enabled": true}});
                let task = world.client().post("/v2/tasks", &task).await?;
                Ok(text(&task, "id")?.to_owned())
            }
        }
    }

    fn output(self, user: &User) -> Value {
        let all = user.expected_output();
        match self {
            Self::Invoices => all,
            Self::NewestInvoice => {
                let newest = &all["invoices"][0];
                json!({"customer_name": all["customer_name"], "number": newest["number"],
                    "due": newest["due"]})
            }
        }
    }
}

struct Started {
    run_id: String,
    user: User,
    is_repeated: bool,
    is_canceled: bool,
    /// Whether it is done in another's session: it is lost with that, whatever its task says.
    follows: bool,
}

impl Crowd {
    /// Starts one for each of these users of the website, for the server's own worker.
    pub(crate) async fn start(world: &World, users: Range<usize>) -> anyhow::Result<Self> {
        Self::start_with(world, users, Errand::Invoices, json!({}), false).await
    }

    /// Starts one for each of these users of the website, and a second in the session of some, for the
    /// workers of a pool.
    pub(crate) async fn start_in(
        world: &World,
        users: Range<usize>,
        pool: &str,
        errand: Errand,
    ) -> anyhow::Result<Self> {
        Self::start_with(world, users, errand, json!({"pool": pool}), true).await
    }

    async fn start_with(
        world: &World,
        users: Range<usize>,
        errand: Errand,
        mut settings: Value,
        with_followers: bool,
    ) -> anyhow::Result<Self> {
        let once = errand.task(world, settings.clone()).await?;
        settings["max_attempts"] = json!(25);
        let repeated = errand.task(world, settings).await?;
        let mut runs = Vec::new();
        for number in users {
            let user = world.user(number)?;
            let credential_id = world.credential(&user, PASSWORD).await?;
            let is_repeated = number % 2 == 1;
            let task_id = if is_repeated { &repeated } else { &once };
            let start = async |body| {
                let path = format!("/v2/tasks/{task_id}/run");
                world.client().post(&path, &body).await
            };
            let first = start(json!({"credential_id": credential_id})).await?;
            runs.push(Started {
                run_id: text(&first, "id")?.to_owned(),
                user: user.clone(),
                is_repeated,
                is_canceled: number % CANCELED < 2,
                follows: false,
            });
            if with_followers && (2..4).contains(&(number % FOLLOWED)) {
                let next = start(json!({"session_id": first["session_id"]})).await?;
                runs.push(Started {
                    run_id: text(&next, "id")?.to_owned(),
                    user,
                    is_repeated,
                    is_canceled: false,
                    follows: true,
                });
            }
        }
        Ok(Self { runs, errand })
    }

    /// Has each attended to by a person, who asks one of these servers.
    pub(crate) fn attend(
        &self,
        world: &World,
        servers: &[Client],
        calls: &Arc<Calls>,
        chance: &mut Chance,
    ) -> JoinSet<anyhow::Result<()>> {
        let mut people = JoinSet::new();
        for (run, client) in self.runs.iter().zip(servers.iter().cycle()) {
            let person = Person {
                client: client.clone(),
                calls: Arc::clone(calls),
                phone: world.site.phone(),
                user: run.user.clone(),
                run_id: run.run_id.clone(),
                thinks: chance.up_to(Duration::from_secs(6)),
                cancels_after: run
                    .is_canceled
                    .then(|| chance.up_to(Duration::from_secs(60))),
            };
            people.spawn(person.attend());
        }
        people
    }

    /// The ids of the runs.
    pub(crate) fn run_ids(&self) -> Vec<String> {
        self.runs.iter().map(|run| run.run_id.clone()).collect()
    }

    /// Of what may be repeated nine in ten complete, but for those that their caller canceled.
    pub(crate) async fn what_may_be_repeated_completes(&self, world: &World) -> anyhow::Result<()> {
        let runs = self.runs.iter();
        let meant = runs.filter(|run| run.is_repeated && !run.follows);
        let (completed, all) = self.completed(world, meant).await?;
        ensure!(completed * 10 >= all * 9, "{completed} of {all} completed");
        Ok(())
    }

    /// Some of what follows another in its session completes, and the rest was lost with the session.
    pub(crate) async fn what_follows_completes_or_is_lost(
        &self,
        world: &World,
    ) -> anyhow::Result<()> {
        let followers = || self.runs.iter().filter(|run| run.follows);
        let (completed, _) = self.completed(world, followers()).await?;
        ensure!(completed > 0, "no run that follows another completed");
        for run in followers() {
            let path = format!("/v2/task-runs/{}", run.run_id);
            let shown = world.client().get(&path).await?;
            let code = &shown["errors"][0]["code"];
            ensure!(
                shown["status"] == "completed"
                    || *code == "session_lost"
                    || *code == "session_failed",
                "{shown}"
            );
        }
        Ok(())
    }

    /// All complete, but for those that their caller canceled.
    pub(crate) async fn everything_completes(&self, world: &World) -> anyhow::Result<()> {
        let (completed, all) = self.completed(world, self.runs.iter()).await?;
        ensure!(completed == all, "{completed} of {all} completed");
        Ok(())
    }

    /// Each that completed has what it has over a good network, and no more: its file, what its agent saw,
    /// and what happened in it; and its session is there for the next.
    pub(crate) async fn nothing_shows_twice(&self, world: &World) -> anyhow::Result<()> {
        let client = world.client();
        for run in self.runs.iter().filter(|run| !run.is_canceled) {
            let path = format!("/v2/task-runs/{}", run.run_id);
            let shown = client
                .get(&format!("{path}?include=storage,screenshots"))
                .await?;
            let [files, screenshots] =
                ["storage", "screenshots"].map(|what| shown[what].as_array().map_or(0, Vec::len));
            ensure!(files == 1, "{files} files: {shown}");
            if self.errand == Errand::NewestInvoice {
                ensure!(screenshots == 1, "{screenshots} screenshots: {shown}");
            }
            let session_id = text(&shown, "session_id")?;
            let session = client.get(&format!("/v2/sessions/{session_id}")).await?;
            ensure!(session["status"] == "idle", "{session}");
            let timeline = client.get(&format!("{path}/timeline")).await?;
            let entries = timeline["data"].as_array().context("no timeline")?;
            let of_kind = |kind: &str| {
                let entries = entries.iter().filter(|entry| entry["kind"] == kind);
                entries.map(|entry| &entry["message"]).collect::<Vec<_>>()
            };
            ensure!(of_kind("file").len() == files, "{timeline}");
            ensure!(of_kind("screenshot").len() == screenshots, "{timeline}");
            let events = client.list(&format!("{path}/events")).await?;
            let types = events.iter().map(|event| &event["type"]);
            // Those of its files show as files.
            let of_run =
                |event: &&Value| event.as_str().is_some_and(|it| it.starts_with("task_run."));
            let types: Vec<&Value> = types.filter(of_run).collect();
            ensure!(of_kind("event") == types, "{types:?} in {timeline}");
            let asked = Value::from("task_run.interaction_required");
            let questions = types.iter().filter(|it| ***it == asked).count();
            ensure!(of_kind("interaction").len() == questions, "{timeline}");
        }
        Ok(())
    }

    /// The session of each has ended well, at the latest as its worker left.
    pub(crate) async fn every_session_is_completed(&self, world: &World) -> anyhow::Result<()> {
        let client = world.client();
        for run in &self.runs {
            let shown = client.get(&format!("/v2/task-runs/{}", run.run_id)).await?;
            let session_id = text(&shown, "session_id")?;
            let ends = ["completed", "failed"];
            let session = client.session_in(session_id, &ends).await?;
            ensure!(session["status"] == "completed", "{session} of {shown}");
        }
        Ok(())
    }

    /// How many of these completed, with their output and files, of how many that nobody canceled.
    async fn completed<'a>(
        &self,
        world: &World,
        runs: impl Iterator<Item = &'a Started>,
    ) -> anyhow::Result<(usize, usize)> {
        let (mut all, mut completed) = (0, 0);
        for run in runs.filter(|run| !run.is_canceled) {
            let path = format!("/v2/task-runs/{}?include=storage", run.run_id);
            let shown = world.client().get(&path).await?;
            all += 1;
            if shown["status"] == "completed" {
                completed += 1;
                ensure!(shown["output"] == self.errand.output(&run.user), "{shown}");
                let files = shown["storage"].as_array().map_or(0, Vec::len);
                ensure!(files > 0, "nothing was downloaded: {shown}");
            } else {
                let (run_id, status, errors) = (&run.run_id, &shown["status"], &shown["errors"]);
                println!("{run_id} is {status}: {errors}");
            }
        }
        println!("{completed} of {all} runs completed");
        Ok((completed, all))
    }

    /// Nobody has logged in twice, as the website itself saw it.
    pub(crate) fn nothing_is_repeated(&self, world: &World) -> anyhow::Result<()> {
        logged_in_once(world, self.runs.iter())
    }

    /// Who may not be repeated has logged in once at most, as the website itself saw it.
    pub(crate) fn what_may_not_is_not(&self, world: &World) -> anyhow::Result<()> {
        logged_in_once(world, self.runs.iter().filter(|run| !run.is_repeated))
    }
}

fn logged_in_once<'a>(
    world: &World,
    runs: impl Iterator<Item = &'a Started>,
) -> anyhow::Result<()> {
    let visits = world.site.visits().len();
    ensure!(visits < VISITS_KEPT, "the website's log is not whole");
    for run in runs {
        let username = &run.user.username;
        let logins = world.site.visit_count("POST", "/login", Some(username));
        ensure!(
            logins <= 1,
            "{username} of {} logged in {logins} times",
            run.run_id
        );
    }
    println!("{visits} visits of the website, no second login of who may have but one");
    Ok(())
}
