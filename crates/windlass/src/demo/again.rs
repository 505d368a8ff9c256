//! The same by hand: the calls of the demo as curl commands.

use secrecy::ExposeSecret;

use super::client::Client;
use super::screen::Screen;
use super::setup::Setup;
use super::stage::Stage;

/// Shows the commands. They work as long as the demo's server runs.
pub(super) fn show(
    client: &Client,
    stage: &Stage,
    setup: &Setup,
    run_id: &str,
    screen: &Screen,
    stays: bool,
) {
    screen.heading("Again, by hand");
    if !stays {
        screen.line(
            "The demo's server is about to stop; `cargo run -- demo --stay` keeps one running,",
        );
        screen.line("and shows these commands with its address, key and ids.");
        screen.line("");
    }
    let Setup {
        source_id,
        credential_id,
        task_id,
        destination_id,
    } = setup;
    let commands = format!(
        r#"API={base}
KEY='Authorization: Bearer {key}'
JSON='Content-Type: application/json'

# Start a run, and wait until it needs somebody or has ended.
curl -sS $API/v2/tasks/{task_id}/run -H "$KEY" -H "$JSON" \
  -H 'Prefer: wait=30' -d '{{"credential_id": "{credential_id}"}}'

# Its id is in the answer, and the code on the website's phone. Answer with the two.
curl -sS {site}/phone.json
curl -sS $API/v2/task-runs/RUN_ID/interaction -H "$KEY" -H "$JSON" \
  -d '{{"input": {{"code": "CODE"}}}}'

# The run of above, with its output and its file; all runs of the task.
curl -sS "$API/v2/task-runs/{run_id}?include=storage" -H "$KEY"
curl -sS "$API/v2/task-runs?task_id={task_id}" -H "$KEY"

# The way through the website; how the deliveries to the receiver went.
curl -sS $API/v2/tasks/{task_id}/playbooks/{source_id} -H "$KEY"
curl -sS $API/v2/event-destinations/{destination_id}/event-deliveries -H "$KEY""#,
        base = client.base(),
        key = client.key().expose_secret(),
        site = stage.site().url(),
    );
    for line in commands.lines() {
        screen.line(line);
    }
}
