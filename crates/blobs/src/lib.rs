//! Keeps files and screenshots.
