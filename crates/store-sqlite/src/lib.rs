//! The stores of Windlass on SQLite.
