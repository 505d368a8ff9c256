//! Randomness, which the domain is given.

use windlass_domain::id::Random;

/// Ten fresh random bytes for an id.
pub fn random() -> Random {
    Random(bytes())
}

/// Fresh random bytes from the operating system.
///
/// # Panics
/// Where the operating system has no randomness to give: nothing can be made safely then.
pub fn bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).expect("the operating system gives randomness once it has booted");
    bytes
}
