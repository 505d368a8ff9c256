//! What a change says of one field that may have no value.

/// What a change says of one field that may have no value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Edit<T> {
    /// It stays as it is.
    #[default]
    Keep,
    /// It has no value from now on.
    Clear,
    /// It has this value from now on.
    Set(T),
}

impl<T> Edit<T> {
    /// The same of what `of` makes from the value.
    pub fn map<U>(self, of: impl FnOnce(T) -> U) -> Edit<U> {
        match self {
            Self::Keep => Edit::Keep,
            Self::Clear => Edit::Clear,
            Self::Set(value) => Edit::Set(of(value)),
        }
    }

    /// The value that it sets.
    pub fn value(&self) -> Option<&T> {
        match self {
            Self::Set(value) => Some(value),
            Self::Keep | Self::Clear => None,
        }
    }
}

impl<T: Clone> Edit<T> {
    /// What the field is after the change.
    #[must_use]
    pub fn over(&self, before: &Option<T>) -> Option<T> {
        match self {
            Self::Keep => before.clone(),
            Self::Clear => None,
            Self::Set(value) => Some(value.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_kept_cleared_or_set() {
        let before = Some(1);

        assert_eq!(Edit::Keep.over(&before), Some(1));
        assert_eq!(Edit::Clear.over(&before), None);
        assert_eq!(Edit::Set(2).over(&before), Some(2));
    }
}
