//! Where something stands in a schema.

use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// A JSON Pointer that shares its beginning with those beside it, since a schema may be walked
/// thousands of times.
#[derive(Debug, Clone)]
pub(super) struct Place<'schema>(Option<Rc<Step<'schema>>>);

#[derive(Debug)]
struct Step<'schema> {
    before: Place<'schema>,
    token: Cow<'schema, str>,
}

impl<'schema> Place<'schema> {
    pub(super) fn root() -> Self {
        Self(None)
    }

    pub(super) fn member(&self, name: impl Into<Cow<'schema, str>>) -> Self {
        Self(Some(Rc::new(Step {
            before: self.clone(),
            token: name.into(),
        })))
    }

    pub(super) fn item(&self, index: usize) -> Self {
        self.member(index.to_string())
    }

    pub(super) fn is_root(&self) -> bool {
        self.0.is_none()
    }
}

/// RFC 6901.
impl fmt::Display for Place<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            None => Ok(()),
            Some(step) => {
                let token = step.token.replace('~', "~0").replace('/', "~1");
                write!(formatter, "{}/{token}", step.before)
            }
        }
    }
}
