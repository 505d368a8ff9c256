//! Systems that are broken on purpose, one rule each: the search must find every one, and name the
//! promise that it breaks.

mod broken;
mod runs;
mod sessions;
