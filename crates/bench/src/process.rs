//! What a process has used, as Linux tells it.

use std::fs;
use std::time::Duration;

use anyhow::Context;

use crate::machine::value_of;

/// Hundredths of a second: what /proc counts processor time in, on every machine that Linux runs on.
const TICK: Duration = Duration::from_millis(10);

/// The processor time of all threads of a process so far.
///
/// # Errors
/// It has ended, or this is no Linux.
pub(crate) fn processor_time(process_id: u32) -> anyhow::Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    // The name stands in brackets and may hold anything.
    let (_, after) = stat.rsplit_once(')').context("no process name")?;
    let numbers: Vec<&str> = after.split_whitespace().collect();
    let ticks = |place: usize| -> anyhow::Result<u32> {
        let text = numbers.get(place).context("a short line")?;
        Ok(text.parse()?)
    };
    // `utime` and `stime`: fields 14 and 15, and the state, field 3, is the first here.
    Ok(TICK * (ticks(11)? + ticks(12)?))
}

/// Memory of a process that is in use, in KiB.
///
/// # Errors
/// It has ended, or this is no Linux.
pub(crate) fn resident_kib(process_id: u32) -> anyhow::Result<f64> {
    let path = format!("/proc/{process_id}/status");
    let value = value_of(&path, "VmRSS").context("no VmRSS")?;
    let number = value.split_whitespace().next().context("no number")?;
    Ok(number.parse()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory() {
        assert!(resident_kib(std::process::id()).unwrap() > 100.0);
        assert!(processor_time(std::process::id()).is_ok());
    }
}
