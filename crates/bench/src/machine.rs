//! What the figures were measured on: they mean nothing without it.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Processor, memory, system, compiler and version, in one line each.
pub fn machine(binary: &Path) -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let lines = [
        format!("processor: {cores} × {}", processor()),
        format!("memory: {}", memory()),
        format!("system: {}", said("uname", &["-sr"])),
        format!("compiler: {}", said("rustc", &["--version"])),
        format!(
            "measured: {}",
            said(&binary.to_string_lossy(), &["--version"])
        ),
    ];
    lines.join("\n")
}

fn processor() -> String {
    value_of("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".to_owned())
}

fn memory() -> String {
    value_of("/proc/meminfo", "MemTotal").unwrap_or_else(|| "unknown".to_owned())
}

/// The value of a `name: value` line of a file.
pub(crate) fn value_of(path: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    lines
        .find(|(found, _)| found.trim() == name)
        .map(|(_, value)| value.trim().to_owned())
}

fn said(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).trim().to_owned(),
    )
}
