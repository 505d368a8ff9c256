//! Runs the commands of a chore one after the other, and says at the end how long each took.

use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

/// The steps of one chore so far. Dropped, it prints its summary, also when a step failed.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    finished: Vec<Finished>,
}

#[derive(Debug)]
struct Finished {
    name: String,
    took: Duration,
    passed: bool,
}

impl Steps {
    /// Runs one command to its end, its output shown as it comes.
    ///
    /// # Errors
    /// When it cannot be started, or ends otherwise than with success.
    pub(crate) fn run(&mut self, name: &str, command: &mut Command) -> anyhow::Result<()> {
        self.call(name, || {
            let status = command
                .status()
                .with_context(|| format!("failed to start {}", shown(command)))?;
            if !status.success() {
                let command = shown(command);
                bail!("the step \"{name}\" failed: {command} ended with {status}");
            }
            Ok(())
        })
    }

    /// Runs one check that is a function of ours.
    ///
    /// # Errors
    /// The check's own.
    pub(crate) fn call<T>(
        &mut self,
        name: &str,
        check: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        eprintln!("\n── {name}");
        let started = Instant::now();
        let outcome = check();
        let (name, took, passed) = (name.to_owned(), started.elapsed(), outcome.is_ok());
        self.finished.push(Finished { name, took, passed });
        outcome
    }
}

/// A command as somebody would type it, without the variables that it is not told of.
fn shown(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        let value = value?.to_string_lossy();
        Some(format!("{}='{value}'", name.to_string_lossy()))
    });
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let words = words.map(|word| word.to_string_lossy().into_owned());
    variables.chain(words).collect::<Vec<_>>().join(" ")
}

impl Drop for Steps {
    fn drop(&mut self) {
        let whole: Duration = self.finished.iter().map(|step| step.took).sum();
        eprintln!("\n── summary");
        for Finished { name, took, passed } in &self.finished {
            let mark = if *passed { "ok" } else { "FAILED" };
            eprintln!("{:>8.1} s  {mark:<6}  {name}", took.as_secs_f64());
        }
        eprintln!("{:>8.1} s  in all", whole.as_secs_f64());
    }
}
