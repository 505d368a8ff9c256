//! What the port `Tokens` promises.

use std::time::Duration;

use windlass_application::ports::WriteError;
use windlass_application::random::random;
use windlass_domain::id::{CredentialId, RunId, SourceId, TaskId, TokenId};
use windlass_domain::token::{Narrowing, Token};

use crate::keys::new_key;
use crate::store::{Fixture, done};

/// What was created is what is found by its hash, with its key and organization.
pub async fn a_new_token_is_found_by_its_hash(fixture: &Fixture) {
    let token = new_token(fixture, 1).await;
    let mut narrowed = new_token(fixture, 2).await;
    narrowed.narrowing = Narrowing {
        source_id: SourceId::parse("src_1").ok(),
        external_id: Some("Kari".to_owned()),
        task_id: TaskId::parse("task_1").ok(),
        run_id: Some(RunId::new(fixture.now(), random())),
    };
    let tokens = &fixture.ports.tokens;

    for token in [&token, &narrowed] {
        let created = tokens.create(fixture.write(), token.clone()).await;
        assert_eq!(&done(created.expect("it is new")), token);
    }

    for token in [token, narrowed] {
        let found = tokens.find(token.hash).await.expect("a read");
        let (found, key, organization) = found.expect("it is there");
        assert_eq!(key.id, token.key_id);
        assert_eq!(found, token);
        assert_eq!(organization.name, "acme");
    }
    let unknown = tokens.find([9; 32]).await;
    assert_eq!(unknown.expect("a read"), None);
}

/// A token shows that its key was revoked.
pub async fn a_token_shows_what_became_of_its_key(fixture: &Fixture) {
    let token = new_token(fixture, 1).await;
    let tokens = &fixture.ports.tokens;
    let created = tokens.create(fixture.write(), token.clone()).await;
    done(created.expect("it is new"));

    let keys = &fixture.ports.keys;
    let revoked = keys.revoke(fixture.operator(), token.key_id).await;

    revoked.expect("it is there");
    let found = tokens.find(token.hash).await.expect("a read");
    let (_, key, _) = found.expect("it is there");
    assert!(key.revoked_at.is_some());
}

/// Tokens that have ended are dropped when the next is made, and others are not.
pub async fn tokens_that_have_ended_are_dropped(fixture: &Fixture) {
    let mut old = new_token(fixture, 1).await;
    old.expires_at = fixture.now() + Duration::from_millis(500);
    let still_good = new_token(fixture, 2).await;
    let next = new_token(fixture, 3).await;
    let tokens = &fixture.ports.tokens;
    let create = async |token: &Token| {
        let created = tokens.create(fixture.write(), token.clone()).await;
        done(created.expect("it is new"));
    };
    create(&old).await;
    create(&still_good).await;

    fixture.next_second();
    create(&next).await;

    let is_there = async |token: &Token| {
        let found = tokens.find(token.hash).await;
        found.expect("a read").is_some()
    };
    assert!(!is_there(&old).await);
    assert!(is_there(&still_good).await);
    assert!(is_there(&next).await);
}

/// Of a credential's id there is one: the second changes nothing.
pub async fn a_credentials_id_is_taken_once(fixture: &Fixture) {
    let source = fixture.source("src_power").await;
    let first = fixture.new_credential(&source.id);
    let mut second = fixture.new_credential(&source.id);
    second.credential.id = first.credential.id;
    second.credential.external_id = Some("Somebody else".to_owned());
    let credentials = &fixture.ports.credentials;
    let created = credentials.create(fixture.write(), first.clone()).await;
    done(created.expect("it is new"));

    let refused = credentials.create(fixture.write(), second).await;

    assert!(matches!(refused, Err(WriteError::IdTaken)), "{refused:?}");
    let kept = credentials.get(fixture.organization, first.credential.id);
    assert_eq!(kept.await.expect("a read"), Some(first.credential));
}

/// A token of the organization, with a key of its own.
async fn new_token(fixture: &Fixture, byte: u8) -> Token {
    let key = new_key(fixture, byte);
    let keys = &fixture.ports.keys;
    let created = keys.create(fixture.operator(), key.clone()).await;
    created.expect("it is new");
    let now = fixture.now();
    Token {
        id: TokenId::new(now, random()),
        organization_id: fixture.organization.organization_id(),
        key_id: key.id,
        hash: [byte + 100; 32],
        credential_id: CredentialId::new(now, random()),
        narrowing: Narrowing::default(),
        created_at: now,
        expires_at: now + Duration::from_secs(1800),
    }
}
