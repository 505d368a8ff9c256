//! What the demo shows. On a terminal with colors and a progress bar below; plain lines elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use console::style;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often the bar turns.
const TICK: Duration = Duration::from_millis(100);

/// Standard output, as the demo uses it.
pub(super) struct Screen {
    is_terminal: bool,
}

/// A progress bar at the foot of the screen, with lines running above it. Gone when dropped.
pub(super) struct Progress<'a> {
    screen: &'a Screen,
    bar: ProgressBar,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            is_terminal: std::io::stdout().is_terminal(),
        }
    }

    pub(super) fn title(&self, title: &str, sentence: &str) {
        println!("\n{}\n{}", style(title).bold(), style(sentence).dim());
    }

    /// Begins a part.
    pub(super) fn heading(&self, text: &str) {
        println!("\n{}", style(text).bold().cyan());
    }

    /// A name and what it is.
    pub(super) fn fact(&self, name: &str, value: &str, remark: &str) {
        println!("  {name:<10} {value}  {}", style(remark).dim());
    }

    /// Something that was done.
    pub(super) fn did(&self, what: &str, result: &str) {
        println!(
            "  {} {what:<48} {}",
            style("✓").green(),
            style(result).dim()
        );
    }

    /// Something that was checked.
    pub(super) fn checked(&self, is_right: bool, what: &str) {
        let mark = if is_right {
            style("✓").green()
        } else {
            style("✗").red().bold()
        };
        println!("  {mark} {what}");
    }

    /// A line as it is.
    pub(super) fn line(&self, text: &str) {
        println!("{}", format!("  {text}").trim_end());
    }

    pub(super) fn note(&self, text: &str) {
        println!("\n{}", style(text).dim());
    }

    pub(super) fn done(&self, text: &str) {
        println!("\n{}", style(text).green().bold());
    }

    /// Shows a bar of this many steps.
    pub(super) fn progress(&self, steps: u64) -> Progress<'_> {
        let target = if self.is_terminal {
            ProgressDrawTarget::stdout()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(Some(steps), target);
        let look =
            ProgressStyle::with_template("  {spinner:.cyan} {bar:32.cyan/black.bright} {msg:.dim}")
                .expect(
                    "the template is constant, and every run of the demo on a terminal shows it",
                )
                .progress_chars("━━─")
                .tick_chars("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏ ");
        bar.set_style(look);
        bar.set_message("waiting for a worker");
        if self.is_terminal {
            bar.enable_steady_tick(TICK);
        }
        Progress { screen: self, bar }
    }
}

impl Progress<'_> {
    /// A line of the timeline, above the bar.
    pub(super) fn line(&self, since_start: Duration, what: &str, remark: &str) {
        let line = format!(
            "  {} {what:<22} {}",
            style(format!("{:>5.1} s", since_start.as_secs_f64())).dim(),
            style(remark).dim()
        );
        let line = line.trim_end();
        if self.screen.is_terminal {
            self.bar.println(line);
        } else {
            println!("{line}");
        }
    }

    /// How far it is, and what is going on.
    pub(super) fn at(&self, step: u64, what: &str) {
        self.bar.set_position(self.bar.position().max(step));
        self.bar.set_message(what.to_owned());
    }

    /// Takes the bar away, as while somebody types.
    pub(super) fn hide(&self) {
        let position = self.bar.position();
        self.bar.finish_and_clear();
        self.bar.set_position(position);
    }

    /// Brings the bar back where it was.
    pub(super) fn show_again(&self) {
        let position = self.bar.position();
        self.bar.reset();
        self.bar.set_position(position);
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
