//! What a credential may hold, and that nothing of it reaches the store in the open.

use rstest::rstest;
use windlass_domain::source::Source;

use super::*;
use crate::fixture::{OpenVault, clock, now, source_id, told, write};
use crate::ports::credentials::MockCredentials;
use crate::ports::sources::MockSources;

async fn create(new: NewCredential) -> Result<Written<CredentialView>, CallError> {
    let mut sources = MockSources::new();
    sources.expect_get().returning(|_, id| {
        Ok((*id == source_id()).then(|| Source {
            id: source_id(),
            name: None,
            url: "https://nordlys.example/".to_owned(),
            created_at: now(),
            updated_at: now(),
        }))
    });
    let mut credentials = MockCredentials::new();
    credentials
        .expect_create()
        .returning(|_, view| Ok(Written::Done(view)));
    let use_case = CreateCredential {
        credentials: Arc::new(credentials),
        sources: Arc::new(sources),
        vault: Arc::new(OpenVault),
        clock: clock(),
    };
    use_case.execute(write(), new).await
}

fn login() -> NewCredential {
    NewCredential {
        source_id: source_id().to_string(),
        auth_method: Some("username_password".to_owned()),
        contents: secrets(),
        ..NewCredential::default()
    }
}

fn secrets() -> NewContents {
    NewContents {
        username: Some("kari".to_owned()),
        password: Some(SecretString::from("vinter")),
        ..NewContents::default()
    }
}

fn with(contents: NewContents) -> NewCredential {
    NewCredential {
        contents,
        ..login()
    }
}

#[tokio::test]
async fn contents_are_sealed_for_the_credential() {
    let new = with(NewContents {
        totp_secret: Some(SecretString::from("gezd gnbv gy3t qojq")),
        source_fields: [("customer_number".to_owned(), "400812".to_owned())].into(),
        ..secrets()
    });

    let Ok(Written::Done(view)) = create(new).await else {
        panic!("it is a credential");
    };

    let kept = view.credential;
    let summary = CredentialSummary::open(&OpenVault, kept.id, &kept.summary.unwrap()).unwrap();
    let secret = CredentialSecret::open(&OpenVault, kept.id, &kept.secret.unwrap()).unwrap();
    assert_eq!(summary.username.as_deref(), Some("kari"));
    assert_eq!(summary.source_fields["customer_number"], "400812");
    assert_eq!(secret.password.unwrap().expose_secret(), "vinter");
    assert!(secret.totp_secret.is_some());
    assert_eq!(kept.status, CredentialStatus::Unverified);
}

#[rstest]
#[case::no_password(with(NewContents { password: None, ..secrets() }), ProblemKind::Missing, "auth_credentials.password")]
#[case::a_blank_password(with(NewContents { password: Some(SecretString::from(" \u{a0}\t")), ..secrets() }), ProblemKind::Missing, "auth_credentials.password")]
#[case::an_empty_user_name(with(NewContents { username: Some(String::new()), ..secrets() }), ProblemKind::Missing, "auth_credentials.username")]
#[case::another_method(NewCredential { auth_method: Some("key".to_owned()), contents: NewContents::default(), ..login() }, ProblemKind::Invalid, "auth_method")]
#[case::an_unknown_source(NewCredential { source_id: "src_unknown".to_owned(), ..login() }, ProblemKind::SourceInvalid, "source_id")]
#[case::an_empty_source(NewCredential { source_id: " ".to_owned(), ..login() }, ProblemKind::Missing, "source_id")]
#[case::no_base32(with(NewContents { totp_secret: Some(SecretString::from("0189018901890189")), ..secrets() }), ProblemKind::Invalid, "auth_credentials.totp_secret")]
#[case::codes_that_count(with(NewContents { totp_secret: Some(SecretString::from("otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ")), ..secrets() }), ProblemKind::Invalid, "auth_credentials.totp_secret")]
#[case::an_address_without_secret(with(NewContents { totp_secret: Some(SecretString::from("otpauth://totp/x?issuer=x")), ..secrets() }), ProblemKind::Invalid, "auth_credentials.totp_secret")]
#[case::an_address_of_no_period(with(NewContents { totp_secret: Some(SecretString::from("otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0")), ..secrets() }), ProblemKind::Invalid, "auth_credentials.totp_secret")]
#[case::a_reserved_field(with(NewContents { source_fields: [("password".to_owned(), "x".to_owned())].into(), ..secrets() }), ProblemKind::Invalid, "auth_credentials.source_fields.password")]
#[tokio::test]
async fn what_is_wrong_is_told_with_its_field(
    #[case] new: NewCredential,
    #[case] kind: ProblemKind,
    #[case] field: &str,
) {
    let error = create(new).await.expect_err("nothing is made");

    assert_eq!(told(&error), [(kind, field.to_owned())]);
}

#[tokio::test]
async fn the_address_of_a_qr_code_is_a_secret_too() {
    let address = "otpauth://totp/Nordlys:kari?secret=GEZDGNBVGY3TQOJQ&issuer=Nordlys&algorithm=SHA256&digits=8&period=60";
    let new = with(NewContents {
        totp_secret: Some(SecretString::from(address)),
        ..secrets()
    });

    assert!(matches!(create(new).await, Ok(Written::Done(_))));
}

#[tokio::test]
async fn a_link_to_a_person_holds_no_secret() {
    let new = NewCredential {
        auth_method: None,
        ..login()
    };

    let error = create(new).await.expect_err("nothing is made");

    assert_eq!(
        told(&error),
        [
            (ProblemKind::Invalid, "auth_credentials.username".to_owned()),
            (ProblemKind::Invalid, "auth_credentials.password".to_owned()),
        ]
    );
}
