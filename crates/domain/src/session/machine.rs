//! Which command a session accepts in which status, and what follows from it.
