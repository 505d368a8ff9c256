//! The configuration of a webhook under the names that clients know it by.

use secrecy::SecretString;
use serde_json::Value;
use windlass_application::create_destination::WebhookFields;
use windlass_application::{Problem, ProblemKind};
use windlass_wire::destination::WebhookFieldsBody;

use crate::json::read;

/// What a body of a destination may call its configuration.
pub(crate) struct Spellings {
    pub(crate) webhook: Option<WebhookFieldsBody>,
    pub(crate) config: Option<WebhookFieldsBody>,
    pub(crate) credentials: Option<WebhookFieldsBody>,
    pub(crate) type_config: Option<WebhookFieldsBody>,
    pub(crate) topics: Option<Vec<String>>,
    pub(crate) resolved_events: Option<Vec<String>>,
}

impl Spellings {
    /// The one configuration that there is; None where there is none.
    pub(crate) fn read(self, wrong: &mut Vec<Problem>) -> Option<WebhookFields> {
        for (name, given) in [
            ("topics", self.topics),
            ("resolved_events", self.resolved_events),
        ] {
            if given.is_some_and(|given| !given.is_empty()) {
                let message = format!("`{name}` must be null or empty; say it in `events`.");
                wrong.push(Problem::of(ProblemKind::Invalid, name, message));
            }
        }
        let config = match (self.config, self.credentials) {
            (None, None) => None,
            (config, credentials) => Some(joined(
                config.unwrap_or_default(),
                credentials.unwrap_or_default(),
                wrong,
            )),
        };
        let mut given = [
            ("webhook", self.webhook),
            ("config", config),
            ("type_config", self.type_config),
        ]
        .into_iter()
        .filter_map(|(name, given)| Some((name, given?)));
        let (name, body) = given.next()?;
        for (other, _) in given {
            let message = format!("`{other}` is another name of `{name}`; give one of them.");
            wrong.push(Problem::of(ProblemKind::Invalid, other, message));
        }
        Some(fields(name, body, wrong))
    }
}

/// `config` with `credentials`: no field stands in both.
fn joined(
    config: WebhookFieldsBody,
    credentials: WebhookFieldsBody,
    wrong: &mut Vec<Problem>,
) -> WebhookFieldsBody {
    for (field, is_twice) in [
        ("url", config.url.is_some() && credentials.url.is_some()),
        (
            "secret",
            config.secret.is_some() && credentials.secret.is_some(),
        ),
        (
            "custom_headers",
            config.custom_headers.is_some() && credentials.custom_headers.is_some(),
        ),
        (
            "retry_profile",
            config.retry_profile.is_some() && credentials.retry_profile.is_some(),
        ),
    ] {
        if is_twice {
            let field = format!("credentials.{field}");
            let message = format!("`{field}` stands in `config` too; give it once.");
            wrong.push(Problem::of(ProblemKind::Invalid, field, message));
        }
    }
    WebhookFieldsBody {
        url: config.url.or(credentials.url),
        secret: config.secret.or(credentials.secret),
        custom_headers: config.custom_headers.or(credentials.custom_headers),
        retry_profile: config.retry_profile.or(credentials.retry_profile),
    }
}

fn fields(name: &'static str, body: WebhookFieldsBody, wrong: &mut Vec<Problem>) -> WebhookFields {
    let headers = custom_headers(name, body.custom_headers).unwrap_or_else(|problem| {
        wrong.push(problem);
        None
    });
    WebhookFields {
        named: Some(name),
        url: body.url,
        retry_profile: body.retry_profile.map(|it| it.as_str().to_owned()),
        secret: body.secret.map(SecretString::from),
        custom_headers: headers,
    }
}

/// An object of texts, or such an object in a string.
fn custom_headers(
    name: &str,
    given: Option<Value>,
) -> Result<Option<Vec<(String, SecretString)>>, Problem> {
    let wrong = || {
        let field = format!("{name}.custom_headers");
        let message =
            format!("`{field}` must be an object of strings, or such an object in a string.");
        Problem::of(ProblemKind::Invalid, field, message)
    };
    let value = match given {
        None => return Ok(None),
        Some(Value::String(text)) => read(text.as_bytes()).map_err(|_| wrong())?,
        Some(value) => value,
    };
    let Value::Object(members) = value else {
        return Err(wrong());
    };
    let headers: Result<Vec<(String, SecretString)>, Problem> = members
        .into_iter()
        .map(|(name, value)| match value {
            Value::String(value) => Ok((name, SecretString::from(value))),
            _ => Err(wrong()),
        })
        .collect();
    headers.map(Some)
}
