//! The command line: what there is to ask of `windlass`.

use clap::{Parser, Subcommand};

use crate::audit::AuditArguments;
use crate::config::ServeArguments;
use crate::demo::DemoArguments;
use crate::keys::KeysArguments;
#[cfg(feature = "mcp")]
use crate::mcp::McpArguments;
use crate::organizations::OrganizationsArguments;
use crate::playbook::PlaybookArguments;
use crate::vault::VaultArguments;
use crate::work::WorkArguments;

/// Runs tasks on websites on behalf of your users: a server with one HTTP API.
#[derive(Debug, Parser)]
#[command(name = "windlass", version, max_term_width = 100)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serves the API, does runs with the built-in agent, and sends webhooks, until SIGTERM.
    Serve(Box<ServeArguments>),
    /// Does runs of a server with the built-in agent, from another machine, until SIGTERM.
    Work(WorkArguments),
    /// Makes, lists and revokes API keys, also beside a running server.
    Keys(KeysArguments),
    /// Makes, lists, suspends and resumes organizations, also beside a running server.
    Organizations(OrganizationsArguments),
    /// Lists who changed what, and verifies that nothing of it was changed or taken out since.
    Audit(AuditArguments),
    /// Rotates the keys that seal secrets, while servers run and runs go on.
    Vault(VaultArguments),
    /// Checks a playbook before it is written, and prints the schema of playbooks. Needs no server.
    Playbook(PlaybookArguments),
    /// Gives an assistant the tools to have tasks done, over standard input and output (Model Context
    /// Protocol). A server offers the same at /mcp.
    #[cfg(feature = "mcp")]
    Mcp(McpArguments),
    /// Shows the whole of it in half a minute: a server, a website, a run, its webhooks. Leaves
    /// nothing behind.
    Demo(DemoArguments),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::CommandLine;

    #[test]
    fn the_command_line_is_consistent() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn every_setting_of_what_runs_for_long_has_its_variable_and_a_sentence() {
        let mut command = CommandLine::command();
        for of in ["serve", "work"] {
            let settings = command.find_subcommand_mut(of).unwrap().get_arguments();
            for argument in settings {
                let name = argument.get_id().as_str();
                let variable = argument.get_env().and_then(|variable| variable.to_str());
                assert_eq!(
                    variable,
                    Some(format!("WINDLASS_{}", name.to_uppercase()).as_str()),
                    "{name}"
                );
                let sentence = argument.get_help().unwrap().to_string();
                assert!(sentence.split(' ').count() > 3, "{name}: {sentence}");
            }
        }
    }
}
