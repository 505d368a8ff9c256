//! Codes of authenticators, each used once: websites take no code a second time, and where two runs of
//! one credential log in at once, the second one would fail.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use secrecy::SecretString;
use windlass_domain::id::CredentialId;
use windlass_playbook::{Authenticator, CredentialPart, Placeholder, Step};

use crate::player::Player;
use crate::trouble::Trouble;

/// Of how many credentials the last code is remembered before those that are over are forgotten; of
/// twice as many as are left then, before that is done again.
const MAX_CREDENTIALS: usize = 4096;

/// How long the last code of a credential that nobody uses is remembered: longer than any is good.
const REMEMBERED_SECONDS: u64 = 600;

/// Where the codes of a run come from.
pub(crate) struct CodeSource {
    pub(crate) authenticator: Authenticator,
    /// Whether a run before has logged in with the credential or tried to, maybe in another process.
    pub(crate) was_tried: bool,
}

/// Which codes this process has used.
#[derive(Debug)]
pub(crate) struct Codes {
    taken: Mutex<Taken>,
    /// When the process began to use some, in seconds since 1970. What one before it has used in that
    /// period nobody knows.
    since: u64,
}

/// Why a code is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Used {
    Here,
    MaybeBefore,
}

impl Used {
    fn message(self) -> &'static str {
        match self {
            Self::Here => "waits for the next code of the authenticator: this one was used",
            Self::MaybeBefore => {
                "waits for the next code of the authenticator: this one may have been used before \
                 the agent was started"
            }
        }
    }
}

/// The code of one period, from when to when it is good, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
struct Period {
    starts_at: u64,
    ends_at: u64,
}

#[derive(Debug, Default)]
struct Taken {
    /// By credential: when the period of the last code that was taken ends, and when it was taken, in
    /// seconds since 1970.
    last: HashMap<CredentialId, (u64, u64)>,
    /// Of how many credentials there must be one before those that are over are looked for again.
    look_at: usize,
}

impl Taken {
    /// Forgets those that are over. However many are not, each use pays for one or two.
    fn forget(&mut self, now: u64) {
        if self.last.len() < self.look_at.max(MAX_CREDENTIALS) {
            return;
        }
        self.last
            .retain(|_, (_, at)| now.saturating_sub(*at) < REMEMBERED_SECONDS);
        self.look_at = 2 * self.last.len();
    }
}

impl Codes {
    /// Knows of none that was used before now.
    pub(crate) fn from_now() -> Self {
        Self::since(since_1970().as_secs())
    }

    fn since(since: u64) -> Self {
        Self {
            taken: Mutex::default(),
            since,
        }
    }

    /// Takes the code of a period, unless it, or one that ends later, was taken, or may have been by the
    /// process before this one. Periods may have another length since, and the clock may have been set
    /// back: what ends long after this one is not waited for.
    fn take(
        &self,
        (credential_id, was_tried): (CredentialId, bool),
        period: Period,
        now: u64,
    ) -> Result<(), Used> {
        let Period { starts_at, ends_at } = period;
        // It is set whole, so that a panic elsewhere leaves nothing half done.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.forget(now);
        match taken.last.get(&credential_id) {
            Some((last, _)) if *last >= ends_at && *last < ends_at + REMEMBERED_SECONDS => {
                Err(Used::Here)
            }
            None if was_tried && (starts_at..ends_at).contains(&self.since) => {
                Err(Used::MaybeBefore)
            }
            _ => {
                taken.last.insert(credential_id, (ends_at, now));
                Ok(())
            }
        }
    }
}

impl Player<'_> {
    /// Before a step that types a code of the authenticator: has one that was not used. It may wait for
    /// the next period, which is no part of the step's own time.
    pub(crate) async fn prepare_code(&mut self, step: &Step) -> Result<(), Trouble> {
        if !step.fills_in(&Placeholder::Credential(CredentialPart::Totp)) {
            return Ok(());
        }
        let mut said = false;
        while let Some((used, wait)) = self.take_code() {
            if !said {
                said = true;
                self.context.progress(self.number, used.message())?;
            }
            self.session.page_sleeps();
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Takes the code of this moment; how long to wait for the next one, where it was taken before.
    fn take_code(&mut self) -> Option<(Used, Duration)> {
        let source = self.code_source.as_ref()?;
        let authenticator = &source.authenticator;
        let credential_id = self.context.run.credential_id?;
        let now = since_1970();
        let number = authenticator.period_at(now.as_secs());
        let period = Period {
            starts_at: authenticator.start_of(number),
            ends_at: authenticator.start_of(number + 1),
        };
        let codes = &self.network.codes;
        let taken = codes.take((credential_id, source.was_tried), period, now.as_secs());
        if let Err(used) = taken {
            let wait = Duration::from_secs(period.ends_at).saturating_sub(now);
            return Some((used, wait));
        }
        let code = authenticator.code(number);
        self.values_mut().totp = code;
        None
    }
}

fn since_1970() -> Duration {
    // A clock before 1970 makes wrong codes, as it would in any app.
    SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
}

/// The code of this moment, used or not: whether there is one is known before a run begins.
pub(crate) fn code_now(authenticator: &Authenticator) -> Option<SecretString> {
    authenticator.code(authenticator.period_at(since_1970().as_secs()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use windlass_domain::Timestamp;
    use windlass_domain::id::Random;

    use super::*;

    fn credential(number: u8) -> CredentialId {
        CredentialId::new(Timestamp::from_millis(1), Random([number; 10]))
    }

    fn numbered(number: u64) -> CredentialId {
        let at = Timestamp::from_millis(i64::try_from(number).unwrap());
        CredentialId::new(at, Random([0; 10]))
    }

    /// Takes the code of the 30 s that end then, of a credential that was not tried before.
    fn take(codes: &Codes, credential_id: CredentialId, ends_at: u64, now: u64) -> bool {
        let starts_at = ends_at.saturating_sub(30);
        let period = Period { starts_at, ends_at };
        codes.take((credential_id, false), period, now).is_ok()
    }

    #[test]
    fn a_code_is_taken_once_by_each_credential() {
        let codes = Codes::since(0);
        let taken = [(1, 7), (1, 7), (2, 7), (1, 6), (1, 8)]
            .map(|(number, ends_at)| take(&codes, credential(number), ends_at, 100));

        assert_eq!(taken, [true, false, true, false, true]);
    }

    #[test]
    fn what_a_process_before_may_have_taken_is_not_taken_again() {
        let codes = Codes::since(100);
        let [present, next] = [90, 120].map(|starts_at| Period {
            starts_at,
            ends_at: starts_at + 30,
        });
        let taken = [
            (1, true, present),
            (1, true, next),
            (1, true, next),
            (2, false, present),
        ]
        .map(|(number, was_tried, period)| {
            codes.take((credential(number), was_tried), period, 110)
        });

        let expected = [
            Err(Used::MaybeBefore),
            Ok(()),
            Err(Used::Here),
            // Whoever tries something out does not wait.
            Ok(()),
        ];
        assert_eq!(taken, expected);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_waiting() {
        let codes = Codes::since(0);

        assert!(take(&codes, credential(1), 100_000, 99_990));
        assert!(take(&codes, credential(1), 50_000, 49_990));
    }

    #[test]
    fn credentials_that_nobody_uses_are_forgotten() {
        let codes = Codes::since(0);
        for number in 0..10_000 {
            assert!(take(&codes, numbered(number), number, number));
        }

        assert!(codes.taken.lock().unwrap().last.len() <= MAX_CREDENTIALS);
    }

    #[test]
    fn credentials_that_all_are_in_use_are_looked_through_seldom() {
        let codes = Codes::since(0);
        let looked_at: BTreeSet<usize> = (0..40_000)
            .map(|number| {
                assert!(take(&codes, numbered(number), number, 100));
                codes.taken.lock().unwrap().look_at
            })
            .collect();

        assert_eq!(Vec::from_iter(looked_at), [0, 8192, 16_384, 32_768, 65_536]);
    }
}
