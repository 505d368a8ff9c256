//! What the test servers leave behind: nothing, however they and who wanted them end.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// How long anything may take on a machine that is busy with other tests.
const PATIENCE: Duration = Duration::from_secs(60);

/// Chores with a target folder and a temporary folder of their own.
struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder can be made");
        // PostgreSQL may run as another account, which must get through.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("it is ours");
        fs::create_dir(folder.path().join("temporary")).expect("it is empty");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn xtask(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("WINDLASS_") {
                command.env_remove(name);
            }
        }
        command
            .env("CARGO_TARGET_DIR", self.path("target"))
            .env("TMPDIR", self.path("temporary"))
            // These tests are about servers: nothing is installed for them.
            .env("WINDLASS_TEST_PYTHON", "python3")
            .env("WINDLASS_TEST_NODE_PACKAGES", "node_modules")
            .stdin(Stdio::null())
            .stderr(Stdio::null());
        command
    }

    /// Starts servers; where they are.
    fn up(&self) -> Vec<String> {
        let output = self
            .xtask()
            .args(["services", "up"])
            .output()
            .expect("xtask is built");
        assert!(output.status.success(), "{output:?}");
        let exports = String::from_utf8(output.stdout).expect("text");
        let of_servers = exports.lines().filter(|export| export.contains('@'));
        let addresses: Vec<String> = of_servers.map(address).collect();
        assert_eq!(addresses.len(), 2, "{exports}");
        addresses
    }

    fn down(&self) {
        let status = self.xtask().args(["services", "down"]).status();
        assert!(status.expect("xtask is built").success());
    }

    /// What servers and their keepers have left.
    fn left(&self) -> Vec<PathBuf> {
        let folders = [self.path("temporary"), self.path("target/services")];
        let entries = folders
            .iter()
            .flat_map(|folder| fs::read_dir(folder).expect("it was made"));
        let paths = entries.map(|entry| entry.expect("it can be read").path());
        paths.filter(|path| path.is_dir()).collect()
    }
}

/// The address in `export NAME='scheme://user:password@127.0.0.1:1234/…'`.
fn address(export: &str) -> String {
    let place = export.split('@').nth(1).expect("an address");
    place.split(['/', '\'']).next().expect("a port").to_owned()
}

fn serves(address: &str) -> bool {
    TcpStream::connect(address).is_ok()
}

fn kill(process: &str) {
    let killed = Command::new("kill").args(["-s", "KILL", process]).status();
    assert!(killed.expect("kill can be started").success());
}

fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "{what}");
        sleep(Duration::from_millis(20));
    }
}

#[test]
fn servers_that_are_up_are_found_again_and_go_down_without_a_trace() {
    let place = Place::new();

    let addresses = place.up();

    assert!(addresses.iter().all(|address| serves(address)));
    assert_eq!(place.up(), addresses, "the same ones");
    place.down();
    assert!(!addresses.iter().any(|address| serves(address)));
    assert_eq!(place.left(), [] as [PathBuf; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_killed_keeper_left_is_removed_by_the_next_start() {
    let place = Place::new();
    let left = place.up();
    kill(&keeper(&place.path("target")));
    assert!(
        left.iter().all(|address| serves(address)),
        "they are orphans"
    );

    let addresses = place.up();

    assert!(!left.iter().any(|address| serves(address)));
    assert!(addresses.iter().all(|address| serves(address)));
    place.down();
    assert_eq!(place.left(), [] as [PathBuf; 0]);
}

/// The process that has this target folder in its environment: `services up` leaves one.
#[cfg(target_os = "linux")]
fn keeper(target: &Path) -> String {
    let target = format!("CARGO_TARGET_DIR={}", target.display());
    let keeps = |process: &fs::DirEntry| {
        let read = |name| fs::read(process.path().join(name)).unwrap_or_default();
        let arguments = read("cmdline");
        let variables = String::from_utf8_lossy(&read("environ")).contains(&target);
        variables && String::from_utf8_lossy(&arguments).contains("keep\0up")
    };
    let mut processes = fs::read_dir("/proc")
        .expect("this is Linux")
        .filter_map(Result::ok);
    let keeper = processes.find(keeps).expect("a keeper");
    keeper.file_name().into_string().expect("a number")
}

/// A cargo that builds nothing, and whose tests run until they are ended.
fn endless_tests(place: &Place) -> PathBuf {
    let cargo = place.path("cargo");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in\n\
         metadata*) exec {} \"$@\" ;;\n\
         *--doc*|build*) ;;\n\
         test*) echo $$ > {}; exec sleep 600 ;;\n\
         *) exit 1 ;;\nesac\n",
        env!("CARGO"),
        place.path("tests").display()
    );
    fs::write(&cargo, script).expect("the folder is ours");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).expect("it is ours");
    cargo
}

/// `cargo xtask test`, once its tests run, and their process.
fn testing(place: &Place) -> (Child, String) {
    let cargo = endless_tests(place);
    let chore = place.xtask().arg("test").env("CARGO", cargo).spawn();
    let mut tests = String::new();
    until("the tests are started", || {
        tests = fs::read_to_string(place.path("tests")).unwrap_or_default();
        tests.ends_with('\n')
    });
    (chore.expect("xtask is built"), tests.trim().to_owned())
}

fn lives(process: &str) -> bool {
    let asked = Command::new("kill").args(["-s", "0", process]).output();
    asked.expect("kill can be started").status.success()
}

#[test]
fn a_killed_chore_leaves_no_tests_no_servers_and_no_folders() {
    let place = Place::new();
    let (mut chore, tests) = testing(&place);
    assert!(!place.left().is_empty());

    chore.kill().unwrap();
    chore.wait().unwrap();

    until("the tests end", || !lives(&tests));
    until("nothing is left", || place.left().is_empty());
}

#[test]
fn servers_end_with_the_tests() {
    let place = Place::new();
    let (mut chore, tests) = testing(&place);

    kill(&tests);
    let status = chore.wait().unwrap();

    assert!(!status.success(), "a killed test has failed");
    assert_eq!(place.left(), [] as [PathBuf; 0]);
}
