//! Reading of single fields of a request, with what is wrong in words.

use std::time::Duration;

use windlass_domain::edit::Edit;
use windlass_domain::id::MalformedId;
use windlass_domain::text;

use crate::problem::{Problem, ProblemKind, Resource};

/// A required name.
pub(crate) fn name(field: &str, given: &str, problems: &mut Vec<Problem>) -> String {
    text::name(given).unwrap_or_else(|error| {
        let kind = match error {
            text::NotAName::Empty => ProblemKind::Missing,
            text::NotAName::TooLong { .. } | text::NotAName::Control => ProblemKind::Invalid,
        };
        problems.push(Problem::of(kind, field, format!("`{field}` {error}.")));
        String::new()
    })
}

/// What a change says of an optional field that a rule reads.
pub(crate) fn edited<T, U>(given: Edit<T>, rule: impl FnOnce(T) -> Option<U>) -> Edit<U> {
    match given {
        Edit::Keep => Edit::Keep,
        Edit::Clear => Edit::Clear,
        // What breaks the rule is told, and nothing is changed.
        Edit::Set(value) => rule(value).map_or(Edit::Keep, Edit::Set),
    }
}

/// An id of the caller's choice.
pub(crate) fn chosen_id<T>(
    given: Option<&str>,
    parse: impl Fn(&str) -> Result<T, MalformedId>,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    parse(given?)
        .map_err(|error| {
            let prefix = error.prefix;
            problems.push(Problem::of(
                ProblemKind::Invalid,
                "id",
                format!("`id` must be `{prefix}` and 1 to 250 letters, digits, `_` or `-`."),
            ));
        })
        .ok()
}

/// The id of something that must exist and be named.
pub(crate) fn required_reference<T>(
    field: &str,
    given: &str,
    parse: impl Fn(&str) -> Result<T, MalformedId>,
    resource: Resource,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    if given.trim().is_empty() {
        let message = format!("`{field}` is empty; give the id of {}.", resource.one());
        problems.push(Problem::of(ProblemKind::Missing, field, message));
        return None;
    }
    reference(field, given, parse, resource, problems)
}

/// The id of something that must exist. A malformed one is told as an unknown one.
pub(crate) fn reference<T>(
    field: &str,
    given: &str,
    parse: impl Fn(&str) -> Result<T, MalformedId>,
    resource: Resource,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let parsed = parse(given).ok();
    if parsed.is_none() {
        problems.push(unknown(field, resource));
    }
    parsed
}

/// Something that a body refers to and that does not exist.
pub(crate) fn unknown(field: &str, resource: Resource) -> Problem {
    let kind = match resource {
        Resource::Source => ProblemKind::SourceInvalid,
        other => ProblemKind::NotFound(other),
    };
    Problem::of(
        kind,
        field,
        format!("`{field}`: no {} has this id.", resource.noun()),
    )
}

/// A length in whole seconds within a range.
pub(crate) fn seconds(
    field: &str,
    given: Option<u64>,
    range: std::ops::RangeInclusive<u64>,
    problems: &mut Vec<Problem>,
) -> Option<Duration> {
    number(field, given, range, problems).map(Duration::from_secs)
}

/// A number within a range.
pub(crate) fn number(
    field: &str,
    given: Option<u64>,
    range: std::ops::RangeInclusive<u64>,
    problems: &mut Vec<Problem>,
) -> Option<u64> {
    let given = given?;
    if range.contains(&given) {
        return Some(given);
    }
    let (least, most) = (range.start(), range.end());
    problems.push(Problem::of(
        ProblemKind::Invalid,
        field,
        format!("`{field}` must be {least} to {most}; it is {given}."),
    ));
    None
}

/// One of some names.
pub(crate) fn choice<T>(
    field: &str,
    given: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
    allowed: &str,
    problems: &mut Vec<Problem>,
) -> Option<T> {
    let parsed = parse(given?);
    if parsed.is_none() {
        problems.push(Problem::of(
            ProblemKind::Invalid,
            field,
            format!("`{field}` must be {allowed}."),
        ));
    }
    parsed
}

/// A text of at most so many characters.
pub(crate) fn bounded(
    field: &str,
    given: Option<String>,
    most: usize,
    problems: &mut Vec<Problem>,
) -> Option<String> {
    let given = given?;
    let characters = given.chars().count();
    if characters <= most {
        return Some(given);
    }
    problems.push(Problem::of(
        ProblemKind::Invalid,
        field,
        format!("`{field}` must have {most} characters at most; it has {characters}."),
    ));
    None
}
