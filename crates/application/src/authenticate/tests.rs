//! Which keys are known.

use rstest::rstest;
use windlass_domain::id::{CredentialId, Random, TokenId};
use windlass_domain::key::{ApiKey, Scope};
use windlass_domain::organization::{Environment, Organization};
use windlass_domain::token::Narrowing;

use super::*;
use crate::fixture::{clock, now, organization};
use crate::ports::keys::MockKeys;
use crate::ports::tokens::MockTokens;

const KEY: &str = "sk_test_0123456789012345678901234567890123456789";

fn key() -> ApiKey {
    ApiKey {
        id: KeyId::new(now(), Random([1; 10])),
        organization_id: organization().organization_id(),
        scope: Scope::Read,
        hash: hash(&SecretString::from(KEY)),
        hint: "sk_test_0123".to_owned(),
        created_at: now(),
        last_used_at: None,
        expires_at: None,
        revoked_at: None,
    }
}

fn owner(suspended: bool) -> Organization {
    Organization {
        id: organization().organization_id(),
        name: "Bolig".to_owned(),
        environment: Environment::Test,
        suspended,
        created_at: now(),
    }
}

fn authenticate(kept: ApiKey, owner: Organization, uses: usize) -> Authenticate {
    let mut keys = MockKeys::new();
    keys.expect_find()
        .returning(move |hash| Ok((hash == kept.hash).then(|| (kept.clone(), owner.clone()))));
    keys.expect_used().times(uses).returning(|_, _| Ok(()));
    Authenticate::new(Arc::new(keys), Arc::new(MockTokens::new()), clock())
}

#[tokio::test]
async fn a_key_tells_organization_and_scope_and_its_use_is_noted_once_a_minute() {
    let authenticate = authenticate(key(), owner(false), 1);

    let first = authenticate.execute(&SecretString::from(KEY)).await;
    let second = authenticate.execute(&SecretString::from(KEY)).await;

    let caller = first.expect("the key is known");
    assert_eq!(caller.organization, organization());
    assert_eq!(caller.scope, Scope::Read);
    assert_eq!(caller.environment, Environment::Test);
    assert!(second.is_ok());
}

#[rstest]
#[case::another(key(), "sk_test_another0123456789012345678901234567890")]
#[case::none(key(), "")]
#[case::revoked(ApiKey { revoked_at: Some(now()), ..key() }, KEY)]
#[case::expired(ApiKey { expires_at: Some(now()), ..key() }, KEY)]
#[tokio::test]
async fn every_key_that_does_not_hold_looks_the_same(#[case] kept: ApiKey, #[case] shown: &str) {
    let outcome = authenticate(kept, owner(false), 0)
        .execute(&SecretString::from(shown))
        .await;

    assert!(
        matches!(outcome, Err(NotAuthenticated::InvalidKey)),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn a_suspended_organization_is_told_so() {
    let outcome = authenticate(key(), owner(true), 0)
        .execute(&SecretString::from(KEY))
        .await;

    assert!(
        matches!(outcome, Err(NotAuthenticated::Suspended)),
        "{outcome:?}"
    );
}

const TOKEN: &str = "tk_0123456789012345678901234567890123456789012";

/// Who is known by a token that ends `ends_in` milliseconds from now.
async fn by_token(
    kept: ApiKey,
    owner: Organization,
    ends_in: i64,
) -> Result<(Caller, Token), NotAuthenticated> {
    let token = Token {
        id: TokenId::new(now(), Random([3; 10])),
        organization_id: owner.id,
        key_id: kept.id,
        hash: hash(&SecretString::from(TOKEN)),
        credential_id: CredentialId::new(now(), Random([4; 10])),
        narrowing: Narrowing::default(),
        created_at: now(),
        expires_at: Timestamp::from_millis(now().millis() + ends_in),
    };
    let mut tokens = MockTokens::new();
    tokens.expect_find().returning(move |hash| {
        let found = (token.clone(), kept.clone(), owner.clone());
        Ok((hash == token.hash).then_some(found))
    });
    let keys = Arc::new(MockKeys::new());
    let authenticate = Authenticate::new(keys, Arc::new(tokens), clock());
    authenticate.by_token(&SecretString::from(TOKEN)).await
}

#[tokio::test]
async fn a_token_is_good_until_it_ends_and_as_long_as_its_key() {
    let good = by_token(key(), owner(false), 1).await;
    let ended = by_token(key(), owner(false), 0).await;
    let revoked = ApiKey {
        revoked_at: Some(now()),
        ..key()
    };
    let revoked = by_token(revoked, owner(false), 1).await;
    let suspended = by_token(key(), owner(true), 1).await;

    let (caller, _) = good.expect("it is good");
    assert_eq!(caller.organization, organization());
    assert!(matches!(ended, Err(NotAuthenticated::InvalidKey)));
    assert!(matches!(revoked, Err(NotAuthenticated::InvalidKey)));
    assert!(matches!(suspended, Err(NotAuthenticated::Suspended)));
}
