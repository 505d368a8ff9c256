//! Seals what must stay secret.
