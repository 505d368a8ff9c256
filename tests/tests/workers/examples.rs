//! The workers of `examples/worker-python` and `examples/worker-playwright`, started as their READMEs
//! say: processes of their own that do runs on the demo's website.

use std::path::Path;

use anyhow::{Context, ensure};
use rstest::rstest;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::time::timeout;
use windlass_demo_site::{DemoSite, PASSWORD, User};
use windlass_test_servers::PYTHON;
use windlass_tests::client::text;
use windlass_tests::{Backend, World, history};

use crate::process::{PATIENCE, Process};

/// One of the examples.
#[derive(Debug, Clone, Copy)]
enum Example {
    Python,
    Playwright,
}

impl Example {
    fn readme(self) -> &'static str {
        match self {
            Self::Python => include_str!("../../../examples/worker-python/README.md"),
            Self::Playwright => include_str!("../../../examples/worker-playwright/README.md"),
        }
    }

    /// What the README runs once everything is installed, for this server and under this name.
    fn command(self, server: &str, name: &str) -> anyhow::Result<Command> {
        let lines = self.readme().lines();
        let starts = ["export PYTHONPATH=", "python3 "];
        let lines: Vec<&str> = lines
            .filter(|line| starts.iter().any(|start| line.starts_with(start)))
            // The tests have a virtual environment of their own.
            .filter(|line| !line.contains("-m venv"))
            .collect();
        let (last, before) = lines.split_last().context("the README has no command")?;
        let last = last.replace("http://127.0.0.1:8080", server);
        let (last, _) = last.split_once("--name ").context("it has no name")?;
        let script = format!("set -eu\n{}\nexec {last} --name {name}", before.join("\n"));
        let mut command = Command::new("sh");
        command.args(["-c", &script]);
        // Where `python3` is the one that the tests have installed packages for.
        let python = std::env::var_os(PYTHON).with_context(|| format!("{PYTHON} is not set"))?;
        let folder = Path::new(&python).parent().context("it is in no folder")?;
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(folder.to_owned()).chain(std::env::split_paths(&path));
        command
            .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
            .env("PATH", std::env::join_paths(folders)?)
            .env("PYTHONDONTWRITEBYTECODE", "1");
        Ok(command)
    }
}

/// A server with the demo's website, and a task on it that outside workers do.
struct Place {
    world: World,
    task_id: String,
    credential_id: String,
    user: User,
}

impl Place {
    async fn start(backend: Backend) -> anyhow::Result<Self> {
        let world = World::start(backend, DemoSite::start().await?).await?;
        let user = world.user(0)?;
        let credential_id = world.credential(&user, PASSWORD).await?;
        let task = json!({"name": "Newest invoice", "agent_id": world.agent_id,
            "storage": {"enabled": true}});
        let task = world.client().post("/v2/tasks", &task).await?;
        Ok(Self {
            task_id: text(&task, "id")?.to_owned(),
            world,
            credential_id,
            user,
        })
    }

    async fn run(&self) -> anyhow::Result<String> {
        self.world.run(&self.task_id, &self.credential_id).await
    }

    /// Answers the code, and waits for the end.
    async fn completed(&self, run_id: &str) -> anyhow::Result<Value> {
        self.world.answer_code(run_id, &self.user).await?;
        let run = self.world.client().ended(run_id).await?;
        ensure!(run["status"] == "completed", "{run}");
        Ok(run)
    }

    fn worker(&self, example: Example, name: &'static str) -> anyhow::Result<Process> {
        let command = example.command(&self.world.server.url(), name)?;
        Process::start(command, name, self.world.ground.folder())
    }

    /// How often somebody has logged in.
    fn logins(&self) -> usize {
        self.world.site.visit_count("POST", "/login", None)
    }
}

/// Over a server that answers as the script says: leases that come twice, or before an end was heard,
/// renewals that hang, answers that are lost, and drains.
#[tokio::test]
async fn the_files_to_copy_take_leases_as_the_crate_does() -> anyhow::Result<()> {
    let python = std::env::var_os(PYTHON).with_context(|| format!("{PYTHON} is not set"))?;
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = [
        here.join("../examples/worker-python"),
        here.join("tests/workers"),
    ];
    let tested = Command::new(python)
        .args(["-m", "unittest", "windlass_worker_test"])
        .env("PYTHONPATH", std::env::join_paths(folders)?)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .kill_on_drop(true)
        .output();
    let tested = timeout(PATIENCE * 2, tested).await??;

    let said = String::from_utf8_lossy(&tested.stderr);
    ensure!(tested.status.success(), "{said}");
    ensure!(said.contains("Ran 34 tests"), "{said}");
    Ok(())
}

/// Login, a wrong code and a right one, screenshot, download; then the session is used again.
#[rstest]
#[tokio::test]
async fn an_example_brings_the_invoice(
    #[values(Example::Python, Example::Playwright)] example: Example,
    #[values(Backend::Sqlite, Backend::Postgres)] backend: Backend,
) -> anyhow::Result<()> {
    let place = Place::start(backend).await?;
    let client = place.world.client();
    let worker = place.worker(example, "invoices-1")?;

    let run_id = place.run().await?;
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;
    let asked = [text(&asking["interaction"], "id")?.to_owned()].into();
    let wrong = json!({"input": {"code": "not it"}});
    let path = format!("/v2/task-runs/{run_id}/interaction");
    client.post(&path, &wrong).await?;
    client.asks_anew_or_ended(&run_id, &asked).await?;
    let run = place.completed(&run_id).await?;
    let path = format!("/v2/tasks/{}/run", place.task_id);
    let next = json!({"session_id": run["session_id"]});
    let next = client.post(&path, &next).await?;
    let next = client.ended(text(&next, "id")?).await?;

    assert_eq!(asking["interaction"]["type"], "mfa");
    let expected = place.user.expected_output();
    let newest = &expected["invoices"][0];
    let output = json!({"customer_name": expected["customer_name"],
        "number": newest["number"], "due": newest["due"]});
    for run in [&run, &next] {
        assert_eq!(run["output"], output, "{run}: {}", worker.logged()?);
    }
    assert_eq!(place.logins(), 1, "the session is logged in");
    let path = format!("/v2/task-runs/{run_id}");
    let files = client.list(&format!("{path}/storage")).await?;
    assert_eq!(files.len(), 1);
    assert_eq!(files[0]["file_type"], "application/pdf");
    assert_eq!(files[0]["metadata"], json!({"number": newest["number"]}));
    let seen = client.list(&format!("{path}/screenshots")).await?;
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0]["reasoning"], "download the newest invoice");
    let timeline = client.get(&format!("{path}/timeline")).await?;
    assert!(timeline.to_string().contains("sign in"), "{timeline}");
    let credential = format!("/v2/credentials/{}", place.credential_id);
    assert_eq!(client.get(&credential).await?["status"], "verified");
    assert!(!worker.logged()?.contains(PASSWORD));
    let ids = [run_id, text(&next, "id")?.to_owned()];
    let counts = history::check(&client, &place.world.receiver, &ids).await?;
    assert_eq!(counts.runs["completed"], 2);
    Ok(())
}

/// A wrong password is the credential's end, and is tried once.
#[rstest]
#[tokio::test]
async fn an_example_says_that_the_password_is_wrong(
    #[values(Example::Python, Example::Playwright)] example: Example,
) -> anyhow::Result<()> {
    let mut place = Place::start(Backend::Sqlite).await?;
    place.credential_id = place.world.credential(&place.user, "wrong").await?;
    let _worker = place.worker(example, "invoices-1")?;

    let run_id = place.run().await?;
    let client = place.world.client();
    let run = client.ended(&run_id).await?;

    assert_eq!(run["errors"][0]["code"], "auth_invalid", "{run}");
    assert_eq!(place.logins(), 1);
    let credential = format!("/v2/credentials/{}", place.credential_id);
    assert_eq!(client.get(&credential).await?["status"], "invalid");
    Ok(())
}

/// SIGTERM while a person is asked: the run goes back at once, and the next worker goes on from its
/// checkpoint, without another login.
#[rstest]
#[tokio::test]
async fn an_example_that_leaves_gives_back_what_asks(
    #[values(Example::Python, Example::Playwright)] example: Example,
) -> anyhow::Result<()> {
    let place = Place::start(Backend::Sqlite).await?;
    let client = place.world.client();
    let mut first = place.worker(example, "invoices-1")?;
    let run_id = place.run().await?;
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;

    first.signal("TERM").await?;
    let ended = first.ended().await?;
    client.run_in(&run_id, &["queued"]).await?;
    let second = place.worker(example, "invoices-2")?;
    let asked = [text(&asking["interaction"], "id")?.to_owned()].into();
    client.asks_anew_or_ended(&run_id, &asked).await?;
    place.completed(&run_id).await?;

    assert!(ended.success(), "{ended}");
    assert_eq!(place.logins(), 1);
    second.says("is completed").await?;
    let counts = history::check(&client, &place.world.receiver, &[run_id]).await?;
    assert_eq!(counts.runs["completed"], 1);
    Ok(())
}

/// A cancel reaches it while it asks; it ends the run by its own word, so that the session ends well.
#[rstest]
#[tokio::test]
async fn an_example_hears_a_cancel(
    #[values(Example::Python, Example::Playwright)] example: Example,
) -> anyhow::Result<()> {
    let place = Place::start(Backend::Sqlite).await?;
    let client = place.world.client();
    let worker = place.worker(example, "invoices-1")?;
    let run_id = place.run().await?;
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;

    let session_id = text(&asking, "session_id")?;
    let path = format!("/v2/sessions/{session_id}/end");
    client.post(&path, &json!({})).await?;
    let run = client.ended(&run_id).await?;

    assert_eq!(run["status"], "canceled", "{run}");
    worker.says("is canceled").await?;
    let ends = ["completed", "failed"];
    let session = client.session_in(session_id, &ends).await?;
    assert_eq!(session["status"], "completed", "{session}");
    Ok(())
}

/// A worker that was stopped loses its run to the next start of its name, and hears so when it goes on.
#[tokio::test]
async fn an_example_that_lost_its_run_stops() -> anyhow::Result<()> {
    let place = Place::start(Backend::Sqlite).await?;
    let client = place.world.client();
    let first = place.worker(Example::Python, "invoices-1")?;
    let run_id = place.run().await?;
    let asking = client.run_in(&run_id, &["interaction_required"]).await?;

    first.signal("STOP").await?;
    let second = place.worker(Example::Python, "invoices-1")?;
    let asked = [text(&asking["interaction"], "id")?.to_owned()].into();
    client.asks_anew_or_ended(&run_id, &asked).await?;
    place.completed(&run_id).await?;
    first.signal("CONT").await?;

    first.says("is lost").await?;
    second.says("is completed").await?;
    assert_eq!(place.logins(), 1);
    Ok(())
}

/// A server that is gone for a moment is waited for, and the run goes on.
#[tokio::test]
async fn an_example_waits_for_a_server_that_starts_again() -> anyhow::Result<()> {
    let mut place = Place::start(Backend::Sqlite).await?;
    let worker = place.worker(Example::Python, "invoices-1")?;
    let run_id = place.run().await?;
    let client = place.world.client();
    client.run_in(&run_id, &["interaction_required"]).await?;

    place.world.server = place.world.server.kill_and_start_again().await?;
    worker.says("does not answer").await?;
    place.completed(&run_id).await?;

    assert_eq!(place.logins(), 1);
    Ok(())
}
