//! PostgreSQL and Redis for the tests, Python for their websites, and the packages of Node that read
//! what Chrome exports: those that the environment names, else private ones.
//!
//! A keeper, which is a process of this program, starts the private ones and ends them: at the end of
//! the tests, and just as well when whoever started it is interrupted or killed, since its standard
//! input closes then. What a killed keeper left, the next start removes.

mod install;
pub(crate) mod keeper;
mod node;
mod python;
mod stand;

use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use windlass_test_servers::{FOLDER, NODE_PACKAGES, POSTGRES_URL, PYTHON, REDIS_URL};

use self::stand::Stand;

/// The servers of `cargo xtask services up`.
const UP: &str = "up";

/// How long starting or stopping both may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often is looked whether they have started or ended.
pub(crate) const LOOK: Duration = Duration::from_millis(50);

/// What a test finds in its environment.
pub(crate) type Variables = Vec<(String, String)>;

/// Starts servers that stay until `services down`, and prints their variables for a shell to `eval`.
///
/// # Errors
/// They do not start.
pub(crate) fn up() -> anyhow::Result<()> {
    install::missing()?;
    let variables = match running()? {
        Some(variables) => variables,
        None => {
            // Not waited for: it outlives this process.
            let (stand, mut keeper) = start(UP, &[POSTGRES_URL, REDIS_URL], Stdio::null())?;
            started(&stand, &mut keeper)?
        }
    };
    for (name, value) in installed()? {
        println!("export {name}='{value}'");
    }
    for (name, value) in variables.iter().filter(|(name, _)| name != FOLDER) {
        println!("export {name}='{value}'");
    }
    Ok(())
}

/// Stops what `services up` started.
///
/// # Errors
/// It does not end.
pub(crate) fn down() -> anyhow::Result<()> {
    if running()?.is_none() {
        eprintln!("no servers are up");
        return Ok(());
    }
    let stand = Stand::named(UP)?;
    stand.ask_to_end()?;
    let deadline = Instant::now() + PATIENCE;
    while stand.is_kept()? {
        ensure!(
            Instant::now() < deadline,
            "the servers do not end: {}",
            stand.log()
        );
        sleep(LOOK);
    }
    Ok(())
}

/// Servers for the tests of one command.
pub(crate) struct Services {
    pub(crate) variables: Variables,
    keeper: Child,
}

impl Services {
    /// Those that the environment names, those of `services up`, or new ones.
    ///
    /// # Errors
    /// Something is not installed, or does not start.
    pub(crate) fn for_tests() -> anyhow::Result<Self> {
        install::missing()?;
        let up = running()?.unwrap_or_default();
        let mut given: Variables = Vec::new();
        let mut wanted = Vec::new();
        for name in [POSTGRES_URL, REDIS_URL] {
            match (std::env::var(name), up.iter().find(|(up, _)| up == name)) {
                (Ok(value), _) => given.push((name.to_owned(), value)),
                (Err(_), Some(up)) => given.push(up.clone()),
                (Err(_), None) => wanted.push(name),
            }
        }
        let name = format!("test-{}", std::process::id());
        let (stand, mut keeper) = start(&name, &wanted, Stdio::piped())?;
        let mut variables = started(&stand, &mut keeper)?;
        variables.extend(given);
        variables.extend(installed()?);
        Ok(Self { variables, keeper })
    }

    /// Runs the tests to their end. Should this process end before them, the keeper ends them: they
    /// have no servers any more.
    ///
    /// # Errors
    /// They cannot be started.
    pub(crate) fn run(&mut self, tests: &mut Command) -> anyhow::Result<ExitStatus> {
        let mut child = tests
            .spawn()
            .with_context(|| format!("failed to start {tests:?}"))?;
        self.tell(&child.id().to_string())?;
        let status = child.wait()?;
        self.tell(keeper::OVER)?;
        Ok(status)
    }

    /// Stops what was started, and waits for it.
    ///
    /// # Errors
    /// It does not end well.
    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.keeper.stdin.take());
        let status = self.keeper.wait()?;
        ensure!(
            status.success(),
            "the keeper of the test servers ended with {status}"
        );
        Ok(())
    }

    fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        use std::io::Write;

        let input = self
            .keeper
            .stdin
            .as_mut()
            .context("the keeper hears nothing")?;
        writeln!(input, "{line}").context("the keeper of the test servers has ended")
    }
}

/// What is installed for the tests: what the environment names, else ours.
fn installed() -> anyhow::Result<Variables> {
    let given = |name: &str, ours: fn() -> anyhow::Result<PathBuf>| {
        let value = match std::env::var(name) {
            Ok(value) => value,
            Err(_) => ours()?.display().to_string(),
        };
        anyhow::Ok((name.to_owned(), value))
    };
    Ok(vec![
        given(PYTHON, python::environment)?,
        given(NODE_PACKAGES, node::packages)?,
    ])
}

/// The variables of `services up`, where they are.
fn running() -> anyhow::Result<Option<Variables>> {
    let stand = Stand::named(UP)?;
    Ok(if stand.is_kept()? {
        stand.variables()?
    } else {
        None
    })
}

/// Starts a keeper of these servers, after removing what dead ones left.
fn start(name: &str, wanted: &[&str], input: Stdio) -> anyhow::Result<(Stand, Child)> {
    use std::os::unix::process::CommandExt;

    let _others_wait = stand::one_at_a_time()?;
    stand::remove_left()?;
    let (stand, lock) = Stand::make(name)?;
    let program: PathBuf = std::env::current_exe().context("failed to find this program")?;
    let keeper = Command::new(program)
        .args(["services", "keep", name])
        .args(wanted)
        .env(FOLDER, stand.data()?)
        .stdin(input)
        // The lock goes with the open file: it is held as long as the keeper lives.
        .stdout(lock)
        .stderr(stand.open_log()?)
        // Ctrl-C is for the tests; the keeper ends after them.
        .process_group(0)
        .spawn()
        .context("failed to start the keeper of the test servers")?;
    Ok((stand, keeper))
}

/// Waits until all have started; their variables.
fn started(stand: &Stand, keeper: &mut Child) -> anyhow::Result<Variables> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(variables) = stand.variables()? {
            return Ok(variables);
        }
        if let Some(status) = keeper.try_wait()? {
            let log = stand.log();
            stand.remove()?;
            bail!("the test servers did not start ({status}): {log}");
        }
        ensure!(
            Instant::now() < deadline,
            "the test servers do not start: {}",
            stand.log()
        );
        sleep(LOOK);
    }
}
