//! What must not be read in a page: what the run knows of its credential, and what a person
//! answered, in whatever way a page writes it.

mod reading;

use std::ops::Range;

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use windlass_playbook::Values;

use self::reading::Reading;

/// What stands in the place of a secret.
pub(super) const MASK: &str = "••••";

/// A shorter one is masked only where it is a word of its own: `7` is in every other number.
const SHORT: usize = 4;

/// How often a text may be written for another kind of text: JSON in JSON in an attribute.
const MAX_DEPTH: usize = 3;

/// What base64 leaves of a secret is looked for from here on, in characters.
const SHORT_BASE64: usize = 8;

/// All secrets that this run has had: a page may show the code of the step before.
#[derive(Default)]
pub(super) struct Secrets {
    all: Vec<Secret>,
}

/// One of them, and the ways to write it.
struct Secret {
    exact: SecretString,
    /// As it is read; None where that is too short to be looked for in words.
    read: Option<SecretString>,
    /// Whether it is read in groups: `421 337`.
    is_in_groups: bool,
    /// What is always left of it in base64, wherever it stands in what is written so.
    base64: Vec<SecretString>,
}

impl Secrets {
    /// Adds what is secret of these, answers to these fields among it. A user name is not: it says whose
    /// account a page shows, and one such as `admin` is part of other words.
    pub(super) fn learn(&mut self, values: &Values, is_secret: impl Fn(&str) -> bool) {
        let of_credential = [&values.password, &values.totp].into_iter().flatten();
        let answers = values.answers.iter();
        let answers = answers.filter(|(field, _)| is_secret(field));
        for secret in of_credential.chain(answers.map(|(_, answer)| answer)) {
            self.add(secret, is_code);
        }
    }

    /// Adds what an authenticator makes its codes of; it is written in groups, too.
    pub(super) fn learn_seed(&mut self, seed: &SecretString) {
        self.add(seed, |_| true);
    }

    fn add(&mut self, secret: &SecretString, is_in_groups: impl Fn(&str) -> bool) {
        let text = secret.expose_secret().trim();
        let is_known = |known: &Secret| known.exact.expose_secret() == text;
        if !text.is_empty() && !self.all.iter().any(is_known) {
            self.all.push(Secret::of(text, is_in_groups(text)));
        }
    }

    /// Which parts of a text are secret, in order and apart from each other.
    pub(super) fn parts(&self, text: &str) -> Vec<Range<usize>> {
        if self.all.is_empty() {
            return Vec::new();
        }
        let mut parts: Vec<_> = self.words(text).collect();
        for secret in &self.all {
            parts.extend(secret.in_base64(text));
        }
        let is_any_in_groups = self.all.iter().any(|secret| secret.is_in_groups);
        let mut reading = Some(Reading::of(text));
        for _ in 0..=MAX_DEPTH {
            let Some(read) = reading else { break };
            let dense = is_any_in_groups.then(|| read.without_gaps());
            for secret in &self.all {
                let Some(wanted) = &secret.read else { continue };
                let where_it_is = match (&dense, secret.is_in_groups) {
                    (Some(dense), true) => dense,
                    _ => &read,
                };
                parts.extend(where_it_is.places(wanted.expose_secret()));
            }
            reading = read.decoded();
        }
        joined(parts)
    }

    /// Which parts of a text are short secrets: words of their own, as they are written.
    pub(super) fn words<'a>(&'a self, text: &'a str) -> impl Iterator<Item = Range<usize>> {
        let short = self.all.iter().filter(|secret| secret.read.is_none());
        short.flat_map(move |secret| secret.as_words(text))
    }

    /// The first so many bytes of the text, without secrets.
    pub(super) fn masked(&self, text: &str, most: usize) -> String {
        let end = text.floor_char_boundary(most);
        let mut masked = String::with_capacity(end);
        let mut done = 0;
        for part in self.parts(text) {
            if part.start >= end {
                break;
            }
            masked.push_str(&text[done..part.start]);
            masked.push_str(MASK);
            done = part.end;
        }
        masked.push_str(text.get(done..end).unwrap_or_default());
        masked
    }
}

fn is_code(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-'))
}

impl Secret {
    fn of(text: &str, is_in_groups: bool) -> Self {
        let mut reading = Reading::of(text);
        if is_in_groups {
            reading = reading.without_gaps();
        }
        let read = reading.text();
        let is_long = read.chars().filter(|letter| *letter != ' ').count() >= SHORT;
        Self {
            exact: SecretString::from(text),
            read: is_long.then(|| SecretString::from(read)),
            is_in_groups,
            base64: base64_of(text),
        }
    }

    fn as_words(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        let secret = self.exact.expose_secret();
        let is_long = secret.chars().count() >= SHORT;
        let found = text.match_indices(secret);
        found.filter_map(move |(start, _)| {
            let end = start + secret.len();
            let before = text[..start].chars().next_back();
            let after = text[end..].chars().next();
            let mut around = before.into_iter().chain(after);
            (is_long || !around.any(char::is_alphanumeric)).then_some(start..end)
        })
    }

    fn in_base64(&self, text: &str) -> impl Iterator<Item = Range<usize>> {
        let forms = self.base64.iter();
        forms.flat_map(move |form| {
            let form = form.expose_secret();
            text.match_indices(form).map(move |(start, _)| {
                // The letters beside it hold its first and last bits.
                let (before, after) = (&text[..start], &text[start + form.len()..]);
                let is_of_it =
                    |letter: &u8| letter.is_ascii_alphanumeric() || b"+/-_".contains(letter);
                let first = before.as_bytes().last().filter(|letter| is_of_it(letter));
                let last = after.as_bytes().first().filter(|letter| is_of_it(letter));
                start - first.iter().count()..start + form.len() + last.iter().count()
            })
        })
    }
}

/// What is the same in base64 whatever stands around it: three forms, by where in three bytes it begins,
/// each also as addresses have it.
fn base64_of(text: &str) -> Vec<SecretString> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let bytes = [&vec![0; before], text.as_bytes()].concat();
        let written = BASE64_STANDARD_NO_PAD.encode(&bytes);
        let own = (before * 8).div_ceil(6)..bytes.len() * 8 / 6;
        let Some(own) = written.get(own).filter(|own| own.len() >= SHORT_BASE64) else {
            continue;
        };
        let in_address = own.replace('+', "-").replace('/', "_");
        if in_address != own {
            forms.push(SecretString::from(in_address));
        }
        forms.push(SecretString::from(own));
    }
    forms
}

/// In order, and what overlaps or touches as one.
pub(super) fn joined(mut parts: Vec<Range<usize>>) -> Vec<Range<usize>> {
    parts.sort_by_key(|part| part.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for part in parts {
        match joined.last_mut() {
            Some(last) if part.start <= last.end => last.end = last.end.max(part.end),
            _ => joined.push(part),
        }
    }
    joined
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
    #[case("HUNTER2 Hun\u{ad}ter2", "•••• ••••")]
    #[case("421 337, 421\u{a0}337, 421-337 or 42133", "••••, ••••, •••• or 42133")]
    fn secrets_are_masked(#[case] text: &str, #[case] expected: &str) {
        let mut secrets = Secrets::default();
        let answers = [("code", " 421337 "), ("account", "7"), ("none", "")];
        let answers = answers.map(|(name, answer)| (name.to_owned(), answer.into()));
        secrets.learn(
            &Values {
                username: Some("ada.lund@example.com".into()),
                password: Some("hunter2".into()),
                answers: answers.into(),
                ..Values::default()
            },
            |_| true,
        );

        assert_eq!(secrets.masked(text, 200), expected);
    }

    #[rstest]
    #[case::path("/a/p%C3%84%22ss%20w%26rd%3C7%2Fx%2B/b", "/a/••••/b")]
    #[case::in_small_letters("/a/p%c3%84%22ss%20w%26rd%3c7%2fx%2b/b", "/a/••••/b")]
    #[case::in_latin_1("/a/p%C4%22ss%20w%26rd%3C7%2Fx%2B", "/a/••••")]
    #[case::form("?p=p%C3%84%22ss+w%26rd%3C7%2Fx%2B&q", "?p=••••&q")]
    #[case::path_as_it_may_be("/p%C3%84%22ss%20w&rd%3C7/x+/b", "/••••/b")]
    #[case::twice("?p=p%25C3%2584%2522ss%2Bw%2526rd%253C7%252Fx%252B", "?p=••••")]
    #[case::json(r#"{"p": "p\u00c4\"ss w&rd<7\/x+"}"#, r#"{"p": "••••"}"#)]
    #[case::json_in_json(
        r#"{"p": "{\"p\": \"pÄ\\\"ss w&rd<7/x+\"}"}"#,
        r#"{"p": "{\"p\": \"••••\"}"}"#
    )]
    #[case::html("a pÄ&quot;ss w&amp;rd&lt;7/x+, b", "a ••••, b")]
    #[case::html_in_numbers("a pÄ&#34;ss w&#x26;rd&#60;7/x&#43;", "a ••••")]
    #[case::capitals("a PÄ\"SS W&RD<7/X+", "a ••••")]
    #[case::base64("a cMOEInNzIHcmcmQ8Ny94Kw== b", "a ••••== b")]
    #[case::login("Basic YWRhOnDDhCJzcyB3JnJkPDcveCs=", "Basic YWRhO••••=")]
    #[case::login_of_another("Basic YWRhbTpww4Qic3MgdyZyZDw3L3gr", "Basic YWRhbT••••")]
    #[case::another("p%C3%84%22ss%20w%26rd%3C8", "p%C3%84%22ss%20w%26rd%3C8")]
    fn a_secret_is_masked_however_it_is_written(#[case] text: &str, #[case] expected: &str) {
        let mut secrets = Secrets::default();
        secrets.learn(
            &Values {
                password: Some("pÄ\"ss w&rd<7/x+".into()),
                ..Values::default()
            },
            |_| true,
        );

        assert_eq!(secrets.masked(text, 200), expected);
    }

    #[test]
    fn what_an_authenticator_holds_is_masked_in_groups_too() {
        let mut secrets = Secrets::default();
        secrets.learn_seed(&"JBSWY3DPEHPK3PXP".into());

        assert_eq!(
            secrets.masked("Key: jbsw y3dp ehpk 3pxp.", 200),
            "Key: ••••."
        );
    }

    #[test]
    fn a_secret_of_nothing_that_is_read_masks_no_space() {
        let mut secrets = Secrets::default();
        for answer in ["+++++", "----", "\u{ad}\u{ad}\u{ad}\u{ad}"] {
            let answers = [("code".to_owned(), answer.into())];
            secrets.learn(
                &Values {
                    answers: answers.into(),
                    ..Values::default()
                },
                |_| true,
            );
        }

        assert_eq!(secrets.masked("a b +++++ ----", 200), "a b •••• ••••");
    }

    #[test]
    fn a_secret_that_is_part_of_another_leaves_nothing_of_it() {
        let mut secrets = Secrets::default();
        secrets.learn(
            &Values {
                password: Some("ada1-secret".into()),
                totp: Some("ada1".into()),
                ..Values::default()
            },
            |_| true,
        );

        assert_eq!(secrets.masked("ada1-secret ada1", 200), "•••• ••••");
    }

    #[test]
    fn an_earlier_code_stays_a_secret() {
        let mut secrets = Secrets::default();
        for code in ["111111", "222222"] {
            secrets.learn(
                &Values {
                    totp: Some(code.into()),
                    ..Values::default()
                },
                |_| true,
            );
        }

        assert_eq!(secrets.masked("111111 222222", 200), "•••• ••••");
        assert_eq!(secrets.masked("a 111111", 4), "a ••••");
    }
}
