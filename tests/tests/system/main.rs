//! What a caller and an operator live through, on the built binary.

mod cancel;
mod kill;
mod outcomes;
mod readme;
mod stop;
