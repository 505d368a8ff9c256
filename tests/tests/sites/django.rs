//! Django's administration, as django-admin makes it: a form with a token against forged requests,
//! a list over pages, an export that a form asks for.

use serde_json::{Value, json};
use windlass_test_servers::Website;

use crate::job::{Job, file};

const PLAYBOOK: &str = include_str!("django.json");
const USERS: &str = "/admin/auth/user/";

fn output_schema() -> Value {
    json!({
        "type": "object",
        "required": ["users"],
        "properties": {"users": {"type": "array", "items": {
            "type": "object",
            "required": ["number", "username", "email", "staff", "joined"],
            "additionalProperties": false,
            "properties": {
                "number": {"type": "integer"}, "username": {"type": "string"},
                "email": {"type": "string"}, "first_name": {"type": "string"},
                "last_name": {"type": "string"}, "staff": {"type": "boolean"},
                "joined": {"type": "string", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"},
            },
        }}},
    })
}

#[tokio::test]
async fn the_users_are_read_page_by_page_and_exported() -> anyhow::Result<()> {
    let site = Website::django()?;
    let job = Job::new(site.url(USERS), PLAYBOOK, output_schema()).await?;
    let credential_id = job.credential("admin", "correct horse battery").await?;

    let run = job.run(json!({"credential_id": credential_id})).await?;

    assert_eq!(run["status"], "completed", "{run}");
    let users = run["output"]["users"].as_array().map(Vec::as_slice);
    let users = users.unwrap_or_default();
    assert_eq!(users.len(), 251, "the administrator and all others");
    let last = json!({
        "number": 251, "username": "user250", "email": "user250@example.com",
        "first_name": "Åse", "last_name": "O'Neil & Søn 250", "staff": true,
        "joined": "2024-09-07",
    });
    assert_eq!(users[250], last);
    let export = file(&run).await?;
    assert_eq!(run["storage"][0]["file_type"], "text/csv");
    assert_eq!(export.lines().count(), 252, "{export}");
    assert!(
        export.contains("user250@example.com,Åse,O'Neil & Søn 250,1,"),
        "{export}"
    );
    assert_eq!(job.status_of(&credential_id).await?, "verified");
    Ok(())
}

#[tokio::test]
async fn a_second_run_in_the_session_does_not_log_in() -> anyhow::Result<()> {
    let site = Website::django()?;
    let job = Job::new(site.url(USERS), PLAYBOOK, output_schema()).await?;
    let credential_id = job.credential("admin", "correct horse battery").await?;
    let first = job.run(json!({"credential_id": credential_id})).await?;

    let second = job.run(json!({"session_id": first["session_id"]})).await?;

    assert_eq!(second["status"], "completed", "{second}");
    assert_eq!(second["output"], first["output"]);
    let logins = site.log()?.matches("\"POST /admin/login/").count();
    assert_eq!(logins, 1, "{}", site.log()?);
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_named_as_such() -> anyhow::Result<()> {
    let site = Website::django()?;
    let job = Job::new(site.url(USERS), PLAYBOOK, output_schema()).await?;
    let credential_id = job.credential("admin", "incorrect horse battery").await?;

    let run = job.run(json!({"credential_id": credential_id})).await?;

    assert_eq!(run["status"], "failed", "{run}");
    assert_eq!(run["errors"][0]["type"], "auth");
    assert_eq!(run["errors"][0]["code"], "auth_invalid");
    assert_eq!(job.status_of(&credential_id).await?, "invalid");
    Ok(())
}
