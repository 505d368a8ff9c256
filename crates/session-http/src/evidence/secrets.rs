//! What must not be read in a page: what the run knows of its credential, and what a person
//! answered.

use std::borrow::Cow;
use std::cmp::Reverse;

use secrecy::{ExposeSecret, SecretString};
use windlass_playbook::Values;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "••••";

/// A shorter one is masked only where it is a word of its own: `7` is in every other number.
const SHORT: usize = 4;

/// All secrets that this run has had: a page may show the code of the step before.
#[derive(Default)]
pub(super) struct Secrets {
    /// The longest first, so that what is a part of another leaves nothing of it.
    all: Vec<SecretString>,
}

impl Secrets {
    /// Adds what is secret of these. A user name is not: it says whose account a page shows, and one
    /// such as `admin` is part of other words.
    pub(super) fn learn(&mut self, values: &Values) {
        let of_credential = [&values.password, &values.totp];
        let of_credential = of_credential.into_iter().flatten();
        for secret in of_credential.chain(values.answers.values()) {
            self.add(secret);
        }
    }

    /// Adds this one.
    pub(super) fn add(&mut self, secret: &SecretString) {
        let text = secret.expose_secret().trim();
        let is_known = |known: &SecretString| known.expose_secret() == text;
        if !text.is_empty() && !self.all.iter().any(is_known) {
            self.all.push(SecretString::from(text));
            self.all
                .sort_by_key(|secret| Reverse(secret.expose_secret().len()));
        }
    }

    /// The text without secrets.
    pub(super) fn masked(&self, text: &str) -> String {
        let mut masked = Cow::Borrowed(text);
        for secret in &self.all {
            let secret = secret.expose_secret();
            if masked.contains(secret) {
                masked = Cow::Owned(without(&masked, secret));
            }
        }
        masked.into_owned()
    }
}

fn without(text: &str, secret: &str) -> String {
    if secret.chars().count() >= SHORT {
        return text.replace(secret, MASK);
    }
    let mut masked = String::with_capacity(text.len());
    let mut done = 0;
    for (place, _) in text.match_indices(secret) {
        let (before, after) = (&text[..place], &text[place + secret.len()..]);
        masked.push_str(&text[done..place]);
        let in_word = before
            .chars()
            .next_back()
            .is_some_and(char::is_alphanumeric)
            || after.chars().next().is_some_and(char::is_alphanumeric);
        masked.push_str(if in_word { secret } else { MASK });
        done = place + secret.len();
    }
    masked.push_str(&text[done..]);
    masked
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Your password: hunter2!", "Your password: ••••!")]
    #[case("Welcome, ada.lund@example.com!", "Welcome, ada.lund@example.com!")]
    #[case("code 421337 or 4213370", "code •••• or ••••0")]
    #[case("The answer is 7, not 17", "The answer is ••••, not 17")]
    #[case("nothing of it", "nothing of it")]
    #[case("hunter2/421337/7", "••••/••••/••••")]
    fn secrets_are_masked(#[case] text: &str, #[case] expected: &str) {
        let mut secrets = Secrets::default();
        let answers = [("code", " 421337 "), ("account", "7"), ("none", "")];
        let answers = answers.map(|(name, answer)| (name.to_owned(), answer.into()));
        secrets.learn(&Values {
            username: Some("ada.lund@example.com".into()),
            password: Some("hunter2".into()),
            answers: answers.into(),
            ..Values::default()
        });

        assert_eq!(secrets.masked(text), expected);
    }

    #[test]
    fn a_secret_that_is_part_of_another_leaves_nothing_of_it() {
        let mut secrets = Secrets::default();
        secrets.learn(&Values {
            password: Some("ada1-secret".into()),
            totp: Some("ada1".into()),
            ..Values::default()
        });

        assert_eq!(secrets.masked("ada1-secret ada1"), "•••• ••••");
    }

    #[test]
    fn an_earlier_code_stays_a_secret() {
        let mut secrets = Secrets::default();
        for code in ["111111", "222222"] {
            secrets.learn(&Values {
                totp: Some(code.into()),
                ..Values::default()
            });
        }

        assert_eq!(secrets.masked("111111 222222"), "•••• ••••");
    }
}
