//! Django's administration behind the second factor of django-two-factor-auth: codes, choices, a yes
//! before what cannot be taken back, and a login that is kept.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use windlass_playbook::totp_code;
use windlass_test_servers::Website;

use crate::job::Job;

const USERS: &str = "/guarded/auth/user/";

/// What the administrator's authenticator holds.
const TOTP_SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn output_schema(field: &str) -> Value {
    json!({"type": "object", "required": [field], "properties": {field: {"type": "string"}}})
}

/// What the administrator reads off the authenticator now.
fn code() -> anyhow::Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let code = totp_code(&SecretString::from(TOTP_SECRET), now).context("the secret is base32")?;
    Ok(code.expose_secret().to_owned())
}

/// How many users somebody has deleted.
fn deleted(site: &Website) -> anyhow::Result<usize> {
    let deletes = |line: &&str| line.contains("\"POST ") && line.contains("/delete/");
    Ok(site.log()?.lines().filter(deletes).count())
}

/// A run that has come to the question before it deletes a user; its id and what it has asked.
async fn before_the_yes(job: &Job) -> anyhow::Result<(String, [Value; 2])> {
    let credential = json!({
        "username": "admin", "password": "correct horse battery", "totp_secret": TOTP_SECRET,
    });
    let credential_id = job.credential_of(credential).await?;
    let mut asked = BTreeSet::new();
    let run_id = job.start(json!({"credential_id": credential_id})).await?;
    let choice = job.question(&run_id, &mut asked).await?;
    job.reply(&run_id, json!({"input": {"account_id": "user042"}}))
        .await?;
    let approval = job.question(&run_id, &mut asked).await?;
    Ok((run_id, [choice, approval]))
}

#[tokio::test]
async fn a_code_from_the_secret_a_choice_and_a_yes_delete_a_user() -> anyhow::Result<()> {
    let site = Website::django()?;
    let playbook = include_str!("approve.json");
    let job = Job::new(site.url(USERS), playbook, output_schema("message")).await?;

    let (run_id, [choice, approval]) = before_the_yes(&job).await?;
    let deleted_before = deleted(&site)?;
    job.reply(&run_id, json!({"input": {}})).await?;
    let run = job.client.ended(&run_id).await?;

    assert_eq!(choice["type"], "account_selection", "{choice}");
    assert_eq!(choice["fields"][0]["options"][1]["value"], "user042");
    assert_eq!(approval["type"], "approval", "{approval}");
    assert_eq!(deleted_before, 0, "{}", site.log()?);
    assert_eq!(run["status"], "completed", "{run}");
    assert_eq!(
        run["output"]["message"],
        "The user “user042” was deleted successfully."
    );
    assert_eq!(deleted(&site)?, 1, "{}", site.log()?);
    Ok(())
}

#[tokio::test]
async fn who_declines_keeps_the_user() -> anyhow::Result<()> {
    let site = Website::django()?;
    let playbook = include_str!("approve.json");
    let job = Job::new(site.url(USERS), playbook, output_schema("message")).await?;

    let (run_id, _) = before_the_yes(&job).await?;
    job.reply(&run_id, json!({"decline": true})).await?;
    let run = job.client.ended(&run_id).await?;

    assert_eq!(run["status"], "failed", "{run}");
    assert_eq!(run["errors"][0]["code"], "interaction_declined");
    assert_eq!(deleted(&site)?, 0, "{}", site.log()?);
    Ok(())
}

#[tokio::test]
async fn a_wrong_code_is_asked_for_again_and_the_login_is_kept() -> anyhow::Result<()> {
    let site = Website::django()?;
    let playbook = include_str!("code.json");
    let settings = json!({"keep_login": true});
    let job =
        Job::with_settings(site.url(USERS), playbook, output_schema("count"), settings).await?;
    let credential_id = job.credential("admin", "correct horse battery").await?;
    let mut asked = BTreeSet::new();

    let run_id = job.start(json!({"credential_id": credential_id})).await?;
    let first = job.question(&run_id, &mut asked).await?;
    job.reply(&run_id, json!({"input": {"code": "000000"}}))
        .await?;
    let second = job.question(&run_id, &mut asked).await?;
    job.reply(&run_id, json!({"input": {"code": code()?}}))
        .await?;
    let run = job.client.ended(&run_id).await?;
    let session = format!(
        "/v2/sessions/{}/end",
        run["session_id"].as_str().unwrap_or_default()
    );
    job.client.post(&session, &json!({})).await?;
    let later = job.run(json!({"credential_id": credential_id})).await?;

    assert_eq!(
        (&first["attempt"], &second["attempt"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        second["message"],
        "That code was wrong. Code from the authenticator"
    );
    assert_eq!(run["status"], "completed", "{run}");
    assert!(
        run["output"]["count"]
            .as_str()
            .unwrap_or_default()
            .contains("251 users"),
        "{run}"
    );
    assert_ne!(later["session_id"], run["session_id"]);
    assert_eq!(later["status"], "completed", "{later}");
    let log = site.log()?;
    let steps = log.matches("\"POST /account/login/").count();
    assert_eq!(steps, 3, "password, wrong code, code: {log}");
    Ok(())
}
