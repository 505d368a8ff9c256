//! Patterns: what an engine of linear time can run, within a budget of memory.

use regex::RegexBuilder;

/// What compiled patterns may take, in bytes: each is charged the smallest of these that it fits.
const SIZES: [usize; 4] = [16 * 1024, 256 * 1024, 2 * 1024 * 1024, 8 * 1024 * 1024];

/// What the patterns of one schema may take together, in bytes: two thousand plain ones.
/// Without a bound, 64 KiB of `\w{99}` would take gigabytes.
const BUDGET: usize = 32 * 1024 * 1024;

/// What is left for the patterns of one schema.
pub(super) struct Budget(usize);

impl Budget {
    pub(super) fn new() -> Self {
        Self(BUDGET)
    }

    /// Compiles a pattern, or says why it cannot be used.
    pub(super) fn compile(&mut self, pattern: &str) -> Result<(), String> {
        for size in SIZES {
            match RegexBuilder::new(pattern).size_limit(size).build() {
                Ok(_) => return self.charge(size),
                Err(regex::Error::CompiledTooBig(_)) => {}
                Err(error) => {
                    let reason = error.to_string();
                    let reason = reason.lines().last().unwrap_or_default();
                    return Err(format!(
                        "cannot be run in linear time, without look-around and backreferences: \
                         {reason}"
                    ));
                }
            }
        }
        Err("is too large when compiled; repeat less, or a smaller class".to_owned())
    }

    fn charge(&mut self, size: usize) -> Result<(), String> {
        self.0 = self.0.checked_sub(size).ok_or_else(|| {
            "the patterns of this schema are too large together when compiled".to_owned()
        })?;
        Ok(())
    }
}
