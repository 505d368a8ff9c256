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

/// Of how many credentials the last code is remembered before those that are over are forgotten.
const MAX_CREDENTIALS: usize = 4096;

/// How long the last code of a credential that nobody uses is remembered: longer than any is good.
const REMEMBERED_SECONDS: u64 = 600;

/// Which codes this process has used.
#[derive(Debug, Default)]
pub(crate) struct Codes {
    /// By credential: when the period of the last code that was taken ends, and when it was taken, in
    /// seconds since 1970.
    taken: Mutex<HashMap<CredentialId, (u64, u64)>>,
}

impl Codes {
    /// Takes the code of a period; false where it, or one that ends later, was taken. Periods may have
    /// another length since, and the clock may have been set back: what ends long after this one is not
    /// waited for.
    fn take(&self, credential_id: CredentialId, ends_at: u64, now: u64) -> bool {
        // It is set whole, so that a panic elsewhere leaves nothing half done.
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= MAX_CREDENTIALS {
            taken.retain(|_, (_, at)| now.saturating_sub(*at) < REMEMBERED_SECONDS);
        }
        match taken.get(&credential_id) {
            Some((last, _)) if *last >= ends_at && *last < ends_at + REMEMBERED_SECONDS => false,
            _ => {
                taken.insert(credential_id, (ends_at, now));
                true
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
        while let Some(wait) = self.take_code() {
            if !said {
                said = true;
                let message = "waits for the next code of the authenticator: this one was used";
                self.context.progress(self.number, message)?;
            }
            self.session.page_sleeps();
            tokio::time::sleep(wait).await;
        }
        Ok(())
    }

    /// Takes the code of this moment; how long to wait for the next one, where it was taken before.
    fn take_code(&mut self) -> Option<Duration> {
        let authenticator = self.authenticator.as_ref()?;
        let credential_id = self.context.run.credential_id?;
        let now = since_1970();
        let period = authenticator.period_at(now.as_secs());
        let ends_at = authenticator.start_of(period + 1);
        let codes = &self.network.codes;
        if !codes.take(credential_id, ends_at, now.as_secs()) {
            return Some(Duration::from_secs(ends_at).saturating_sub(now));
        }
        let code = authenticator.code(period);
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
    use windlass_domain::Timestamp;
    use windlass_domain::id::Random;

    use super::*;

    fn credential(number: u8) -> CredentialId {
        CredentialId::new(Timestamp::from_millis(1), Random([number; 10]))
    }

    #[test]
    fn a_code_is_taken_once_by_each_credential() {
        let codes = Codes::default();
        let taken = [(1, 7), (1, 7), (2, 7), (1, 6), (1, 8)]
            .map(|(number, ends_at)| codes.take(credential(number), ends_at, 100));

        assert_eq!(taken, [true, false, true, false, true]);
    }

    #[test]
    fn a_clock_that_was_set_back_keeps_nobody_waiting() {
        let codes = Codes::default();

        assert!(codes.take(credential(1), 100_000, 99_990));
        assert!(codes.take(credential(1), 50_000, 49_990));
    }

    #[test]
    fn credentials_that_nobody_uses_are_forgotten() {
        let codes = Codes::default();
        for number in 0..10_000_u64 {
            let id = CredentialId::new(
                Timestamp::from_millis(i64::try_from(number).unwrap()),
                Random([0; 10]),
            );
            assert!(codes.take(id, number, number));
        }

        assert!(codes.taken.lock().unwrap().len() <= MAX_CREDENTIALS);
    }
}
