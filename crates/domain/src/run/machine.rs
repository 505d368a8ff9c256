//! Which command a run accepts in which status, and what follows from it.
