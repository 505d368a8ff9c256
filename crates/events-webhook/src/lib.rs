//! Delivers events by signed webhooks.
