//! What the port `SealedValues` promises, and `DataKeys` of rotations.

use std::sync::Arc;
use std::time::Duration;

use windlass_application::KeptAnswer;
use windlass_application::audit::HeadSeal;
use windlass_application::contents;
use windlass_application::ports::sealed_values::SealedColumn;
use windlass_application::ports::vault::{OrganizationVault, Place, WrappedKey};
use windlass_application::reseal::{Passed, Reseal};
use windlass_domain::destination::Configuration;
use windlass_domain::id::RunId;
use windlass_domain::run::{
    AfterRun, CredentialReport, Finish, FinishOutcome, RunState, WorkerCommand,
};
use windlass_domain::sealed::Sealed;

use crate::keeping::{Keeping, PlainVault};
use crate::stage::{Stage, output, question};
use crate::store::done;

const OLD: PlainVault = PlainVault { version: 1 };
const NEW: PlainVault = PlainVault { version: 2 };

/// A value in every place is found and sealed anew, in steps as small as they may be; then none is.
pub async fn all_that_is_sealed_is_sealed_anew(keeping: &Keeping) {
    let run_id = seal_everywhere(keeping).await;
    let mut missing = Vec::new();
    for column in SealedColumn::ALL {
        let found =
            keeping
                .sealed_values
                .sealed_before(keeping.organization_id(), column, 2, None, 100);
        let found = found.await.expect("a read");
        if found.values.is_empty() {
            missing.push(column);
        }
        for value in found.values {
            let row = value.row.text();
            let opened = OLD.open(value.place(&row), &value.sealed);
            opened.expect("it is where it says");
        }
    }
    assert_eq!(missing, [], "each column has one");
    let reseal = Reseal::new(Arc::clone(&keeping.sealed_values), Arc::new(NEW));
    let needed = reseal.is_needed(keeping.organization_id(), 2).await;
    assert!(needed.expect("a read"));

    let first = reseal.pass(keeping.organization_id(), 2).await;
    let second = reseal.pass(keeping.organization_id(), 2).await;

    let first = first.expect("a pass");
    assert_eq!(first.found, first.resealed);
    assert_eq!(first.damaged, 0);
    assert_eq!(second.expect("a pass"), Passed::default());
    let needed = reseal.is_needed(keeping.organization_id(), 2).await;
    assert!(!needed.expect("a read"));
    let view = keeping
        .fixture
        .ports
        .runs
        .get(keeping.fixture.organization, run_id);
    let view = view.await.expect("a read").expect("it is kept");
    let RunState::InteractionRequired { checkpoint, .. } = view.run.state else {
        panic!("it asks still");
    };
    let place = Place {
        name: contents::RUN_CHECKPOINT,
        row: &run_id.to_string(),
    };
    assert_eq!(checkpoint, Some(NEW.seal(place, b"page 3")));
}

/// A value that has changed since it was found stays as it is.
pub async fn what_has_changed_is_left_alone(keeping: &Keeping) {
    seal_everywhere(keeping).await;
    let owner = keeping.organization_id();
    for column in SealedColumn::ALL {
        let found = keeping
            .sealed_values
            .sealed_before(owner, column, 2, None, 100);
        for value in found.await.expect("a read").values {
            let row = value.row.text();
            let sealed = NEW.seal(value.place(&row), b"other");
            let (one, two) = (value.clone(), sealed.clone());
            let first = keeping.sealed_values.reseal(owner, one, two).await;
            let late = keeping.sealed_values.reseal(owner, value.clone(), sealed);
            assert!(first.expect("a write"), "{column:?}");
            assert!(!late.await.expect("a write"), "{column:?}");
            let stranger = keeping.fixture.stranger.organization_id();
            let of_another = keeping
                .sealed_values
                .reseal(stranger, value.clone(), value.sealed);
            assert!(!of_another.await.expect("a write"), "{column:?}");
        }
    }
}

/// A version that was added opens values at once, and seals them from its moment on.
pub async fn a_new_data_key_opens_before_it_seals(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let (owner, data_keys) = (keeping.organization_id(), &fixture.ports.data_keys);
    data_keys
        .insert(owner, key(1, "one"))
        .await
        .expect("a write");
    let from = fixture.now() + Duration::from_secs(1);
    let seals = async || -> Vec<bool> {
        let listed = data_keys.list(owner).await.expect("a list");
        listed.into_iter().map(|key| key.seals).collect()
    };

    let added = data_keys
        .add(fixture.operator(), owner, key(2, "two"), from)
        .await;
    let again = data_keys
        .add(fixture.operator(), owner, key(2, "other"), from)
        .await;

    assert!(added.expect("a write") && !again.expect("a write"));
    assert_eq!(seals().await, [true, false]);
    fixture.next_second();
    assert_eq!(seals().await, [true, true]);
    data_keys.drop_before(owner, 2).await.expect("a write");
    assert_eq!(
        data_keys.list(owner).await.expect("a list"),
        [key(2, "two")]
    );
}

/// A key is wrapped anew where it is still the one that was found.
pub async fn a_data_key_is_wrapped_anew_once(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let (owner, data_keys) = (keeping.organization_id(), &fixture.ports.data_keys);
    data_keys
        .insert(owner, key(1, "one"))
        .await
        .expect("a write");
    let rewrap = async |to: &str| {
        let wrapped = Sealed::from_bytes(to.as_bytes().to_vec());
        let rewrapped = data_keys.rewrap(fixture.operator(), owner, key(1, "one"), wrapped);
        rewrapped.await.expect("a write")
    };

    assert_eq!([rewrap("two").await, rewrap("three").await], [true, false]);
    let all = data_keys.all().await.expect("a list");
    assert_eq!(all, [(owner, key(1, "two"))]);
}

/// The canary is replaced where it is still the one that was found.
pub async fn a_canary_is_replaced_once(keeping: &Keeping) {
    let canary = |text: &str| Sealed::from_bytes(text.as_bytes().to_vec());
    let data_keys = &keeping.fixture.ports.data_keys;
    data_keys
        .plant_canary(canary("one"))
        .await
        .expect("a write");

    let first = data_keys.replace_canary(canary("one"), canary("two")).await;
    let late = data_keys
        .replace_canary(canary("one"), canary("three"))
        .await;

    assert!(first.expect("a write") && !late.expect("a write"));
    let kept = data_keys.canary().await.expect("a read");
    assert_eq!(kept, Some(canary("two")));
}

/// Puts a value into every place that there is; the run that waits for a person with a checkpoint.
async fn seal_everywhere(keeping: &Keeping) -> RunId {
    let fixture = &keeping.fixture;
    let stage = Stage::with(fixture, |settings| settings.keep_login = true).await;
    let owner = keeping.organization_id();
    let seal = |name, row: &str| OLD.seal(Place { name, row }, b"page 3");

    // One run leaves a login, and no other secret that is looked for.
    let mut start = stage.new_run();
    start.input = seal(contents::RUN_INPUT, &start.run.id.to_string());
    stage.start(start).await;
    let run = stage.next().await.expect("it waits").run;
    let run = stage.say(&run, WorkerCommand::Begin).await;
    let login = seal(contents::CREDENTIAL_LOGIN, &stage.credential.id.to_string());
    let finish = WorkerCommand::Finish(Finish {
        digest: [1; 32],
        outcome: FinishOutcome::Success { output: output() },
        credential: Some(CredentialReport::Verified),
        session: AfterRun::End,
        login: Some(login),
    });
    stage.say(&run, finish).await;

    let mut start = stage.new_run();
    start.input = seal(contents::RUN_INPUT, &start.run.id.to_string());
    stage.start(start).await;
    let run = stage.next().await.expect("it waits").run;
    let run = stage.say(&run, WorkerCommand::Begin).await;
    let mut ask = question(1, None);
    if let WorkerCommand::Interact { checkpoint, .. } = &mut ask {
        *checkpoint = Some(seal(contents::RUN_CHECKPOINT, &run.id.to_string()));
    }
    stage.say(&run, ask).await;

    let mut view = fixture.new_credential(&stage.source.id);
    let row = view.credential.id.to_string();
    view.credential.summary = Some(seal(contents::CREDENTIAL_SUMMARY, &row));
    view.credential.secret = Some(seal(contents::CREDENTIAL_SECRET, &row));
    let created = fixture.ports.credentials.create(fixture.write(), view);
    done(created.await.expect("it is new"));
    // The stage's own is without secrets that this vault has sealed.
    keeping
        .outside("UPDATE credential SET summary = NULL, secret = NULL WHERE login IS NOT NULL")
        .await;

    let mut destination = fixture.new_destination();
    let row = destination.id.to_string();
    let Configuration::Webhook(webhook) = &mut destination.configuration;
    webhook.secret = seal(contents::WEBHOOK_SECRET, &row);
    webhook.custom_headers = Some(seal(contents::WEBHOOK_HEADERS, &row));
    let created = fixture
        .ports
        .destinations
        .create(fixture.write(), destination);
    done(created.await.expect("it is new"));

    let mut write = fixture.write_once("k", "body");
    let request = write.idempotency.as_mut().expect("it has a key");
    let row = contents::answer_row(&request.method, &request.path, &request.key);
    let body = seal(contents::IDEMPOTENCY_ANSWER, &row);
    request.render = Arc::new(move |_| KeptAnswer {
        status: 201,
        body: body.clone(),
    });
    let created = fixture
        .ports
        .agents
        .create(write, fixture.new_agent("agt_k"));
    done(created.await.expect("it is new"));

    let head = HeadSeal::new(owner, Arc::new(OLD));
    keeping
        .audit
        .link(owner, 100, head)
        .await
        .expect("it is linked");
    run.id
}

fn key(version: u32, text: &str) -> WrappedKey {
    WrappedKey {
        version,
        wrapped: Sealed::from_bytes(text.as_bytes().to_vec()),
        seals: true,
    }
}
