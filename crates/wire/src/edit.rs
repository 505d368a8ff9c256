//! Fields of a change that null clears: left out, null and a value are three things.

use serde::{Deserialize, Deserializer};
use windlass_domain::edit::Edit;

/// What a field says that is there. One that is left out has the default of [`Edit`].
pub(crate) fn said<'de, D, T>(deserializer: D) -> Result<Edit<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let value = Option::<T>::deserialize(deserializer)?;
    Ok(value.map_or(Edit::Clear, Edit::Set))
}
