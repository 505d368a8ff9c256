//! Runs that need slots: of their credential, at their source, in their organization.

mod examples;
mod random;
mod world;
