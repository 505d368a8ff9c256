//! A Roundup issue tracker of the template `classic`: tokens in each form and a look at where requests
//! come from, rows that are grouped, a form that can upload files, an export behind a link.

use serde_json::{Value, json};
use windlass_test_servers::Website;

use crate::job::{Job, file};

const PLAYBOOK: &str = include_str!("roundup.json");

fn output_schema() -> Value {
    json!({
        "type": "object",
        "required": ["issues", "created", "message"],
        "properties": {
            "issues": {"type": "array", "items": {
                "type": "object",
                "required": ["number", "title", "status"],
                "additionalProperties": false,
                "properties": {
                    "number": {"type": "integer"}, "title": {"type": "string"},
                    "status": {"type": "string"}, "assigned_to": {"type": "string"},
                },
            }},
            "created": {"type": "string"},
            "message": {"type": "string"},
        },
    })
}

fn input(title: &str) -> Value {
    json!({"title": title, "note": "The bill of May has none.\nOf June – neither."})
}

#[tokio::test]
async fn issues_are_read_exported_and_made() -> anyhow::Result<()> {
    let site = Website::roundup()?;
    let job = Job::new(site.url("/"), PLAYBOOK, output_schema()).await?;
    let credential_id = job.credential("kim", "hunter-hunter").await?;

    let first = job
        .run(json!({"credential_id": credential_id, "input": input("Bill is “missing”")}))
        .await?;
    let second = job
        .run(json!({"session_id": first["session_id"], "input": input("Ærø & Søn")}))
        .await?;

    assert_eq!(first["status"], "completed", "{first}");
    let output = &first["output"];
    assert_eq!(output["issues"].as_array().map(Vec::len), Some(120));
    let made = output["created"].as_str().unwrap_or_default();
    assert!(made.contains("issue 121 created"), "{made}");
    assert_eq!(
        output["message"],
        "The bill of May has none. Of June – neither."
    );
    assert_eq!(job.status_of(&credential_id).await?, "verified");
    let export = file(&first).await?;
    // Roundup ends it with an empty line.
    let rows = export.lines().filter(|line| !line.is_empty());
    assert_eq!(rows.count(), 121, "{export}");

    assert_eq!(second["status"], "completed", "{second}");
    let issues = second["output"]["issues"].as_array().map(Vec::as_slice);
    let issues = issues.unwrap_or_default();
    assert_eq!(issues.len(), 121);
    let theirs = |issue: &&Value| issue["number"] == 121;
    let found = issues.iter().find(theirs);
    assert_eq!(
        found.map(|issue| &issue["title"]),
        Some(&json!("Bill is “missing”"))
    );
    let logins = site.log()?.matches("\"POST / HTTP").count();
    assert_eq!(logins, 1, "{}", site.log()?);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_named_as_such() -> anyhow::Result<()> {
    let site = Website::roundup()?;
    let job = Job::new(site.url("/"), PLAYBOOK, output_schema()).await?;
    let credential_id = job.credential("kim", "gatherer").await?;

    let run = job
        .run(json!({"credential_id": credential_id, "input": input("Never made")}))
        .await?;

    assert_eq!(run["status"], "failed", "{run}");
    assert_eq!(run["errors"][0]["type"], "auth");
    assert_eq!(run["errors"][0]["code"], "auth_invalid");
    assert_eq!(job.status_of(&credential_id).await?, "invalid");
    Ok(())
}
