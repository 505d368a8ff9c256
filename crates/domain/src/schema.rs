//! Which JSON Schemas a task may have: bounded, self-contained, linear-time patterns.
