//! The HTTP surface of Windlass.
