//! Query parameters: each call takes those that it knows, and all that is wrong is told at once.

mod paging;

use std::ops::RangeInclusive;

use axum::extract::FromRequestParts;
use http::request::Parts;
use windlass_application::{Created, OrganizationContext, Position};
use windlass_domain::Timestamp;
use windlass_domain::id::OrganizationId;

pub(crate) use self::paging::Paging;
use self::paging::Start;
use crate::cursor::{Cursor, Filters, ListOf};
use crate::error::{ApiError, Finding};
use crate::error_code::ErrorCode;
use crate::path::Id;
use crate::request::Received;
use crate::signing_key::SigningKey;
use crate::state::Api;
use crate::suggestion::nearest;
use crate::unknown_fields::Ignored;

/// How many items a page has where its caller says nothing.
const DEFAULT_LIMIT: u32 = 20;
/// How many items a page has at most.
const MAX_LIMIT: u32 = 100;

/// The parameters of a request that nobody has taken yet.
#[derive(Debug)]
pub(crate) struct Query {
    path: String,
    request_id: String,
    left: Vec<(String, String)>,
    known: Vec<&'static str>,
    /// What was taken as a filter, for the cursor of the next page.
    filters: Filters,
    findings: Vec<Finding>,
    cursor: Option<String>,
    /// Takes the parameters that are not known; None where they are refused.
    ignored: Option<Ignored>,
}

/// A filter over ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IdFilter<T> {
    /// The ids; empty where the caller gave none.
    pub(crate) ids: Vec<T>,
    /// Whether the caller gave some, and none of them can exist.
    pub(crate) matches_none: bool,
}

/// A filter over one id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OneIdFilter<T> {
    /// The id, where the caller gave one.
    pub(crate) id: Option<T>,
    /// Whether the caller gave one, and it cannot exist.
    pub(crate) matches_none: bool,
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let received = Received::from_request_parts(parts, state).await?;
        let query = parts.uri.query().unwrap_or_default();
        let request_id = received.request_id.to_string();
        Ok(Self {
            ignored: received.ignored,
            ..Self::of(parts.uri.path(), query, request_id)
        })
    }
}

impl Query {
    /// The parameters of this query text.
    pub(crate) fn of(path: &str, query: &str, request_id: String) -> Self {
        let left = url::form_urlencoded::parse(query.as_bytes()).into_owned();
        Self {
            path: path.to_owned(),
            request_id,
            left: left.collect(),
            known: Vec::new(),
            filters: Filters::new(),
            findings: Vec::new(),
            cursor: None,
            ignored: None,
        }
    }

    /// A list's parameters. Its cursor brings the filters of the page before where it comes alone.
    pub(crate) fn list(&mut self, api: &Api, organization: OrganizationContext) -> Option<Cursor> {
        self.list_with(&api.config.cursor_key, organization.organization_id())
    }

    /// The same with what it needs alone.
    pub(crate) fn list_with(
        &mut self,
        key: &SigningKey,
        organization_id: OrganizationId,
    ) -> Option<Cursor> {
        self.cursor = self.one("cursor");
        let text = self.cursor.clone()?;
        let list = ListOf {
            path: &self.path,
            organization_id,
        };
        let Some(cursor) = Cursor::read(&text, list, key) else {
            self.findings.push(Finding::of(
                ErrorCode::CursorInvalid,
                "cursor",
                "`cursor` is none that this list gave out; start again without it.",
            ));
            return None;
        };
        let is_alone = self
            .left
            .iter()
            .all(|(name, _)| matches!(name.as_str(), "limit" | "Limit"));
        if is_alone {
            for (name, values) in &cursor.filters {
                let values = values.iter().map(|value| (name.clone(), value.clone()));
                self.left.extend(values);
            }
        }
        Some(cursor)
    }

    /// All values of a parameter, in the order given.
    fn all(&mut self, name: &'static str) -> Vec<String> {
        self.known.push(name);
        let (taken, left) = std::mem::take(&mut self.left)
            .into_iter()
            .partition(|(given, _)| given == name);
        self.left = left;
        let taken: Vec<(String, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    /// A parameter that may be given once.
    pub(crate) fn one(&mut self, name: &'static str) -> Option<String> {
        let mut values = self.all(name);
        if values.len() > 1 {
            self.invalid(name, "may be given once");
        }
        values.pop()
    }

    /// A whole number within a range.
    pub(crate) fn number(&mut self, name: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let text = self.one(name)?;
        let number = text.parse().ok().filter(|number| range.contains(number));
        if number.is_none() {
            let (least, most) = (range.start(), range.end());
            let what = format!("must be a whole number from {least} to {most}");
            self.invalid(name, &what);
        }
        number
    }

    /// The values of a parameter that takes several: repeated, or with commas between.
    pub(crate) fn several(&mut self, name: &'static str) -> Vec<String> {
        let values = self.all(name);
        let values = values.iter().flat_map(|value| value.split(','));
        values.map(|value| value.trim().to_owned()).collect()
    }

    /// A filter of one text.
    pub(crate) fn text_filter(&mut self, name: &'static str) -> Option<String> {
        let value = self.one(name)?;
        if value.contains('\0') {
            self.invalid(name, "must not hold a NUL character");
        }
        self.filter_by(name, vec![value.clone()]);
        Some(value)
    }

    /// A filter of some names.
    pub(crate) fn name_filter<T>(
        &mut self,
        name: &'static str,
        parse: impl Fn(&str) -> Option<T>,
        allowed: &str,
    ) -> Vec<T> {
        let values = self.several(name);
        let known = self.known(name, &values, parse, allowed);
        self.filter_by(name, values);
        known
    }

    /// A filter of names that have several spellings, or under several parameters that mean the same:
    /// a cursor holds one spelling under the first, so that it goes on with any.
    pub(crate) fn spelled_filter<T: Copy, const N: usize>(
        &mut self,
        names: [&'static str; N],
        parse: impl Fn(&str) -> Option<T>,
        spelling: impl Fn(T) -> &'static str,
        allowed: &str,
    ) -> Vec<T> {
        let mut parsed = Vec::new();
        for name in names {
            let values = self.several(name);
            parsed.extend(self.known(name, &values, &parse, allowed));
        }
        if let Some(first) = names.first() {
            let spelled = parsed.iter().map(|value| spelling(*value).to_owned());
            self.filter_by(first, spelled.collect());
        }
        parsed
    }

    /// What these names mean; one that means nothing is refused.
    fn known<T>(
        &mut self,
        name: &'static str,
        values: &[String],
        parse: impl Fn(&str) -> Option<T>,
        allowed: &str,
    ) -> Vec<T> {
        let known: Vec<T> = values.iter().filter_map(|value| parse(value)).collect();
        if known.len() < values.len() {
            self.invalid(name, &format!("takes {allowed}"));
        }
        known
    }

    /// A filter of ids. One that cannot exist matches nothing, as one that does not.
    pub(crate) fn id_filter<T: Id>(&mut self, name: &'static str) -> IdFilter<T> {
        let values = self.several(name);
        let ids: Vec<T> = values.iter().filter_map(|value| T::of(value)).collect();
        let matches_none = ids.is_empty() && !values.is_empty();
        self.filter_by(name, values);
        IdFilter { ids, matches_none }
    }

    /// A filter of one id.
    pub(crate) fn one_id_filter<T: Id>(&mut self, name: &'static str) -> OneIdFilter<T> {
        let value = self.text_filter(name);
        let id = value.as_deref().and_then(T::of);
        OneIdFilter {
            matches_none: value.is_some() && id.is_none(),
            id,
        }
    }

    /// The range that a list is made in.
    pub(crate) fn created(&mut self) -> Created {
        let after = self.moment("created_after");
        let before = self.moment("created_before");
        if after > before && before.is_some() {
            self.invalid("created_before", "must not be earlier than `created_after`");
        }
        Created { after, before }
    }

    fn moment(&mut self, name: &'static str) -> Option<Timestamp> {
        let value = self.one(name)?;
        let parsed = Timestamp::parse(&value);
        if parsed.is_err() {
            self.invalid(name, "must be a moment such as `2026-01-05T10:00:00.000Z`");
        }
        let moment = parsed.ok()?;
        self.filter_by(name, vec![moment.to_string()]);
        Some(moment)
    }

    fn filter_by(&mut self, name: &str, mut values: Vec<String>) {
        values.sort();
        values.dedup();
        if !values.is_empty() {
            self.filters.insert(name.to_owned(), values);
        }
    }

    /// A parameter with a wrong value.
    pub(crate) fn invalid(&mut self, name: &str, what: &str) {
        self.refuse(ErrorCode::ParameterInvalid, name, what);
    }

    /// A parameter that cannot be as it is.
    pub(crate) fn refuse(&mut self, code: ErrorCode, name: &str, what: &str) {
        let message = format!("`{name}` {what}.");
        self.findings.push(Finding::of(code, name, message));
    }

    /// Ends the parameters of a call that is no list.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn end(mut self) -> Result<(), ApiError> {
        self.refuse_unknown();
        self.result()
    }

    /// Ends the parameters of a list.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn page(mut self, cursor: Option<Cursor>) -> Result<Paging, ApiError> {
        let limit = self.limit();
        let start = self.start(cursor);
        self.refuse_unknown();
        self.result()?;
        Ok(Paging {
            path: self.path,
            request_id: self.request_id,
            filters: self.filters,
            limit,
            start,
        })
    }

    /// Ends the parameters of a list that is always one page.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn whole(self) -> Result<Paging, ApiError> {
        let paging = Paging {
            path: self.path.clone(),
            request_id: self.request_id.clone(),
            filters: Filters::new(),
            limit: MAX_LIMIT,
            start: Start::At(Position::Start),
        };
        self.end().map(|()| paging)
    }

    fn limit(&mut self) -> u32 {
        let (lower, upper) = (self.one("limit"), self.one("Limit"));
        if lower.is_some() && upper.is_some() {
            self.invalid("limit", "may be given once");
        }
        let Some(text) = lower.or(upper) else {
            return DEFAULT_LIMIT;
        };
        match text.parse() {
            Ok(limit @ 1..=MAX_LIMIT) => limit,
            Ok(_) | Err(_) => {
                self.invalid("limit", "must be a whole number from 1 to 100");
                DEFAULT_LIMIT
            }
        }
    }

    fn start(&mut self, cursor: Option<Cursor>) -> Start {
        let after = self.one("starting_after");
        let before = self.one("ending_before");
        let given = [self.cursor.is_some(), after.is_some(), before.is_some()];
        if given.into_iter().filter(|is_given| *is_given).count() > 1 {
            self.invalid(
                "cursor",
                "goes without `starting_after` and `ending_before`, and each of them alone",
            );
        }
        match (cursor, after, before) {
            (Some(cursor), ..) => {
                if cursor.filters != self.filters {
                    self.refuse(
                        ErrorCode::CursorInvalid,
                        "cursor",
                        "was given out with other filters; send it alone or with the same ones",
                    );
                }
                Start::At(cursor.position)
            }
            (None, Some(id), _) => Start::AfterId(id),
            (None, None, Some(id)) => Start::BeforeId(id),
            (None, None, None) => Start::At(Position::Start),
        }
    }

    fn refuse_unknown(&mut self) {
        let mut names: Vec<String> = self.left.drain(..).map(|(name, _)| name).collect();
        names.sort();
        names.dedup();
        if let Some(ignored) = &self.ignored {
            ignored.note(names);
            return;
        }
        for name in names.into_iter().take(100) {
            let meant = nearest(&name, self.known.iter().copied());
            let message = match meant {
                Some(meant) => {
                    format!("`{name}` is not a parameter of this call; did you mean `{meant}`?")
                }
                None => format!("`{name}` is not a parameter of this call."),
            };
            self.findings
                .push(Finding::of(ErrorCode::ParameterUnknown, name, message));
        }
    }

    fn result(&mut self) -> Result<(), ApiError> {
        if self.findings.is_empty() {
            Ok(())
        } else {
            Err(ApiError::all(std::mem::take(&mut self.findings)))
        }
    }
}

#[cfg(test)]
mod tests;
