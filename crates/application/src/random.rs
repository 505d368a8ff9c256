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
    #[cfg(feature = "seeded-random")]
    if seeded::fill(&mut bytes) {
        return bytes;
    }
    getrandom::fill(&mut bytes).expect("the operating system gives randomness once it has booted");
    bytes
}

/// Randomness that can be repeated, for a simulation: of one thread, as long as it is asked for.
#[cfg(feature = "seeded-random")]
pub mod seeded {
    use std::cell::RefCell;

    /// What fills bytes in the operating system's place.
    type Source = Box<dyn FnMut(&mut [u8])>;

    thread_local! {
        static SOURCE: RefCell<Option<Source>> = const { RefCell::new(None) };
    }

    /// As long as it lives, this thread's bytes come from its source.
    pub struct Seeded(());

    impl Seeded {
        /// This thread's bytes come from `source` from now on.
        pub fn by(source: impl FnMut(&mut [u8]) + 'static) -> Self {
            SOURCE.with_borrow_mut(|current| *current = Some(Box::new(source)));
            Self(())
        }
    }

    impl Drop for Seeded {
        fn drop(&mut self) {
            SOURCE.with_borrow_mut(|current| *current = None);
        }
    }

    /// Whether this thread has a source, which has filled the bytes then.
    pub(super) fn fill(bytes: &mut [u8]) -> bool {
        SOURCE.with_borrow_mut(|source| source.as_mut().map(|fill| fill(bytes)).is_some())
    }
}
