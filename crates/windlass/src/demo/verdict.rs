//! Whether everything is as it should be: the output, the file, the order of the statuses, and each
//! webhook.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::Duration;

use anyhow::Context;
use console::style;
use serde_json::Value;
use sha2::{Digest, Sha256};
use windlass_demo_site::Received;

use super::client::{Client, list, text};
use super::screen::Screen;
use super::setup::Setup;
use super::stage::Stage;

/// How long the last webhooks may take after the run has ended.
const WEBHOOK_LIMIT: Duration = Duration::from_secs(5);

/// Events of one demo: a few dozen, so that one page has them all.
const MOST_EVENTS: usize = 100;

/// What was checked, in order.
#[derive(Default)]
pub(super) struct Verdict {
    checks: Vec<Check>,
}

struct Check {
    is_right: bool,
    what: String,
}

impl Verdict {
    pub(super) fn failures(&self) -> usize {
        self.checks.iter().filter(|check| !check.is_right).count()
    }

    pub(super) fn show(&self, screen: &Screen) {
        screen.heading("Checked");
        for check in &self.checks {
            screen.checked(check.is_right, &check.what);
        }
    }

    /// Shows the output and the file, and checks both against what the website has.
    pub(super) async fn judge_run(
        &mut self,
        client: &Client,
        stage: &Stage,
        run_id: &str,
        screen: &Screen,
    ) -> anyhow::Result<()> {
        let run = client
            .get(&format!("/v2/task-runs/{run_id}?include=storage"))
            .await?;
        screen.heading("Output");
        for line in rows(&run["output"]).lines() {
            screen.line(line);
        }
        let user = stage.user()?;
        self.check(
            run["output"] == user.expected_output(),
            "the output is what the website shows, and matches the task's schema",
        );
        self.check(run["result"] == "success", "the result is success");
        screen.heading("File");
        let files = list(&run, "storage")?;
        for file in files {
            self.judge_file(client, file, screen).await?;
        }
        let names: Vec<&str> = files
            .iter()
            .filter_map(|file| file["file_name"].as_str())
            .collect();
        self.check(
            names == [user.expected_file_name()],
            "the newest invoice was downloaded, and nothing else",
        );
        Ok(())
    }

    async fn judge_file(
        &mut self,
        client: &Client,
        file: &Value,
        screen: &Screen,
    ) -> anyhow::Result<()> {
        let size = file["file_size"]
            .as_u64()
            .context("a file without a size")?;
        let sha256 = text(file, "sha256")?;
        screen.line(&format!(
            "{}  {size} bytes  {}",
            text(file, "file_name")?,
            style(format!("{}  sha256 {sha256}", text(file, "file_type")?)).dim()
        ));
        let content = client.fetch(text(file, "url")?).await?;
        let is_whole = content.len() as u64 == size && hex(&Sha256::digest(&content)) == sha256;
        self.check(
            is_whole && content.starts_with(b"%PDF-"),
            "the file's address gives a PDF of this size and SHA-256",
        );
        Ok(())
    }

    /// Waits for the webhook of each event, shows them, and checks signatures and order.
    pub(super) async fn judge_webhooks(
        &mut self,
        client: &Client,
        stage: &Stage,
        setup: &Setup,
        run_id: &str,
        screen: &Screen,
    ) -> anyhow::Result<()> {
        screen.heading("Webhooks");
        let events = events(client, setup).await?;
        let received = received(stage, &events).await;
        let mut missing = 0;
        let mut wrong = 0;
        for event in &events {
            let (id, event_type) = (text(event, "id")?, text(event, "type")?);
            let webhook = received.get(id);
            let (is_right, standing) = match webhook.map(|webhook| &webhook.verified) {
                Some(Ok(())) => (true, "signature verified".to_owned()),
                Some(Err(reason)) => (false, format!("not verified: {reason}")),
                None => (false, "did not come".to_owned()),
            };
            missing += usize::from(webhook.is_none());
            screen.checked(
                is_right,
                &format!(
                    "{event_type:<32} {}",
                    style(format!("{standing}  {id}")).dim()
                ),
            );
            let is_wrong = |webhook: &Received| webhook.verified.is_err() || webhook.body != *event;
            wrong += usize::from(webhook.is_some_and(is_wrong));
        }
        self.check(
            missing == 0,
            &format!("each of {} events came as a webhook", events.len()),
        );
        self.check(
            wrong == 0,
            "each webhook is signed, and says what the API says of its event",
        );
        let statuses = statuses(&events, run_id);
        self.check(
            are_in_order(&statuses),
            &format!("the run went {}", statuses.join(" → ")),
        );
        self.check(
            events
                .iter()
                .any(|event| event["type"] == "credential.verified"),
            "the credential is verified",
        );
        Ok(())
    }

    fn check(&mut self, is_right: bool, what: &str) {
        self.checks.push(Check {
            is_right,
            what: what.to_owned(),
        });
    }
}

/// All events since the destination was made, oldest first; its own are left out, since it was not
/// there yet when it was made.
async fn events(client: &Client, setup: &Setup) -> anyhow::Result<Vec<Value>> {
    let page = client
        .get(&format!("/v2/events?limit={MOST_EVENTS}"))
        .await?;
    let mut events = list(&page, "data")?.clone();
    anyhow::ensure!(
        page["has_more"] == false,
        "the demo has more events than one page"
    );
    events.retain(|event| event["data"]["id"] != setup.destination_id.as_str());
    events.reverse();
    Ok(events)
}

/// The webhooks of these events by the events' ids, as far as they come in time.
async fn received(stage: &Stage, events: &[Value]) -> HashMap<String, Received> {
    let receiver = stage.receiver();
    for event in events {
        let waiting = receiver.wait_for(
            |received| event["id"] == received.id.as_str(),
            WEBHOOK_LIMIT,
        );
        if waiting.await.is_err() {
            // Whoever looks at the answer sees that it is missing; the others may still come.
            break;
        }
    }
    let received = receiver.received().into_iter();
    received
        .map(|received| (received.id.clone(), received))
        .collect()
}

/// The statuses that the run entered, in order.
fn statuses(events: &[Value], run_id: &str) -> Vec<String> {
    let of_run = events.iter().filter(|event| event["data"]["id"] == run_id);
    of_run
        .filter_map(|event| event["data"]["status"].as_str())
        .map(str::to_owned)
        .collect()
}

/// Queued, running, then a question and its answer at least once, then completed.
fn are_in_order(statuses: &[String]) -> bool {
    let statuses: Vec<&str> = statuses.iter().map(String::as_str).collect();
    match statuses.as_slice() {
        ["queued", "running", asked @ .., "completed"] => {
            let (pairs, rest) = asked.as_chunks::<2>();
            let is_answered = |pair: &[&str; 2]| *pair == ["interaction_required", "running"];
            !pairs.is_empty() && rest.is_empty() && pairs.iter().all(is_answered)
        }
        _ => false,
    }
}

/// JSON for people: an object's members one a line, and each item of a list on a line of its own.
fn rows(value: &Value) -> String {
    let Some(members) = value.as_object() else {
        return value.to_string();
    };
    let mut text = String::from("{\n");
    for (position, (name, member)) in members.iter().enumerate() {
        let comma = if position + 1 < members.len() {
            ","
        } else {
            ""
        };
        let member = match member.as_array() {
            Some(items) => {
                let items: Vec<String> = items.iter().map(|item| format!("    {item}")).collect();
                format!("[\n{}\n  ]", items.join(",\n"))
            }
            None => member.to_string(),
        };
        text.push_str(&format!("  \"{name}\": {member}{comma}\n"));
    }
    text.push('}');
    text
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a text takes what is written to it");
        text
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(statuses: &[&str], are_right: bool) {
        let statuses: Vec<String> = statuses.iter().map(|status| (*status).to_owned()).collect();
        assert_eq!(are_in_order(&statuses), are_right, "{statuses:?}");
    }

    #[test]
    fn the_statuses_of_a_login_with_a_code_are_in_order() {
        let (asked, running) = ("interaction_required", "running");
        check(&["queued", running, asked, running, "completed"], true);
        check(
            &[
                "queued",
                running,
                asked,
                running,
                asked,
                running,
                "completed",
            ],
            true,
        );
        check(&["queued", running, "completed"], false);
        check(&["queued", running, asked, "completed"], false);
        check(&["queued", asked, running, running, "completed"], false);
        check(&[running, asked, running, "completed"], false);
        check(&["queued", running, asked, running, "failed"], false);
        check(&[], false);
    }

    #[test]
    fn a_list_has_an_item_a_line() {
        let text = rows(&json!({"amount": 1.5, "rows": [{"a": 1}, {"a": 2}]}));

        assert_eq!(
            text,
            "{\n  \"amount\": 1.5,\n  \"rows\": [\n    {\"a\":1},\n    {\"a\":2}\n  ]\n}"
        );
        assert_eq!(rows(&Value::Null), "null");
    }
}
