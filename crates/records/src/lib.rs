//! What is stored: the JSON shapes of rows that every store shares.
