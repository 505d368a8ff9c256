//! Sources: the websites that tasks are done on.

use url::Url;

use crate::edit::Edit;
use crate::id::SourceId;
use crate::time::Timestamp;

/// A website that tasks are done on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its id; the caller may have chosen it.
    pub id: SourceId,
    /// 1 to 255 characters.
    pub name: Option<String>,
    /// Where work starts: http or https, with a host and without credentials. The text is the
    /// caller's own.
    pub url: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// What a caller changes of a source.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SourceEdit {
    /// What the caller calls it.
    pub name: Edit<String>,
    /// Where work starts, where that changes; already checked.
    pub url: Option<String>,
}

impl Source {
    /// The source after a change; None where that changes nothing.
    #[must_use]
    pub fn edited(&self, edit: &SourceEdit, now: Timestamp) -> Option<Self> {
        let edited = Self {
            name: edit.name.over(&self.name),
            url: edit.url.clone().unwrap_or_else(|| self.url.clone()),
            ..self.clone()
        };
        (edited != *self).then(|| Self {
            updated_at: now.following(self.updated_at),
            ..edited
        })
    }
}

/// A text is not the address of a website.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAWebsite {
    /// It cannot be read as a URL.
    #[error("must be an absolute URL such as https://example.com/login")]
    Malformed,
    /// Another scheme than http and https.
    #[error("must start with http:// or https://; it starts with {scheme}:")]
    Scheme {
        /// The scheme that it has.
        scheme: String,
    },
    /// A control character, which readers of a URL leave out without a word.
    #[error("must not hold control characters")]
    Control,
    /// No host.
    #[error("must name a host")]
    Host,
    /// Two dots of the host's name side by side, or one before it: no such name can be looked up.
    /// Source: RFC 1035, section 3.1.
    #[error("must name a host; a part of its name between dots is empty")]
    EmptyLabel,
    /// A user name or password in the address, which would be shown to everybody.
    #[error("must not hold a user name or password; make a credential for them")]
    Credentials,
    /// Longer than 2,048 characters.
    #[error("must have 2,048 characters at most")]
    TooLong,
}

/// The longest address, as browsers bound it.
pub const MAX_URL_LENGTH: usize = 2048;

/// Reads the address of a website.
///
/// # Errors
/// [`NotAWebsite`] says what is wrong with it.
pub fn website(text: &str) -> Result<Url, NotAWebsite> {
    if text.len() > MAX_URL_LENGTH {
        return Err(NotAWebsite::TooLong);
    }
    if text.chars().any(char::is_control) {
        return Err(NotAWebsite::Control);
    }
    let url = Url::parse(text).map_err(|error| {
        if error == url::ParseError::EmptyHost {
            NotAWebsite::Host
        } else {
            NotAWebsite::Malformed
        }
    })?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(NotAWebsite::Scheme {
            scheme: url.scheme().to_owned(),
        });
    }
    // `Url` makes a host of what comes first, as browsers do: of `http:a` and `http:///a` as well.
    let after_scheme = text.trim().split_once(':').map_or("", |(_, after)| after);
    let named = after_scheme.strip_prefix("//").unwrap_or_default();
    if named.is_empty() || named.starts_with(['/', '\\']) {
        return Err(NotAWebsite::Host);
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err(NotAWebsite::Host);
    }
    // The root of all names may stand at the end.
    let labels = url
        .domain()
        .map(|name| name.strip_suffix('.').unwrap_or(name));
    if labels.is_some_and(|name| name.split('.').any(str::is_empty)) {
        return Err(NotAWebsite::EmptyLabel);
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(NotAWebsite::Credentials);
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_has_no_empty_part() {
        for text in [
            "http://a..example/",
            "https://.example/",
            "https://a.example../",
        ] {
            assert_eq!(website(text), Err(NotAWebsite::EmptyLabel), "{text}");
        }
        for text in ["https://a.example./", "http://[::1]/", "http://127.0.0.1/"] {
            assert!(website(text).is_ok(), "{text}");
        }
    }
}
