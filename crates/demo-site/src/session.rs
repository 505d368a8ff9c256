//! Who is logged in: sessions by their cookie, and the forms' token against forged requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cookie::{Cookie, SameSite};
use http::header::{COOKIE, SET_COOKIE};
use http::{HeaderMap, HeaderName};

use crate::user::User;

/// Sessions kept; the oldest is logged out first.
const MAX_SESSIONS: usize = 4_096;

/// Wrong codes after which a login must begin anew.
const MAX_WRONG_CODES: u8 = 5;

/// Carries the session.
const SESSION_COOKIE: &str = "nordlys_session";

/// Carries the token that each form repeats in a hidden field: another site's page can make a browser
/// send the cookie, but cannot read it to fill in the field.
const FORM_COOKIE: &str = "nordlys_form";

/// How far a login has come.
#[derive(Debug, Clone)]
pub(crate) enum Session {
    /// The password was right, and a code was sent.
    AwaitsCode {
        user: Arc<User>,
        code: String,
        wrong_codes: u8,
    },
    /// Logged in.
    SignedIn { user: Arc<User> },
}

impl Session {
    pub(crate) fn user(&self) -> &Arc<User> {
        match self {
            Self::AwaitsCode { user, .. } | Self::SignedIn { user } => user,
        }
    }
}

/// What became of a code that was typed in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum CodeOutcome {
    /// It was right. The session goes on under this new token, so that one which was known before the
    /// login is worth nothing after it.
    SignedIn { token: String },
    /// It was wrong and may be tried again.
    Wrong,
    /// No login waits for a code, or this was the last wrong one.
    NoLogin,
}

/// The sessions, newest last.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    kept: Mutex<VecDeque<(String, Session)>>,
}

impl Sessions {
    /// Starts a session and answers its token.
    pub(crate) fn open(&self, session: Session) -> String {
        let token = random_token();
        let mut kept = self.lock();
        if kept.len() == MAX_SESSIONS {
            kept.pop_front();
        }
        kept.push_back((token.clone(), session));
        token
    }

    /// The session of a request, by its cookie.
    pub(crate) fn of(&self, headers: &HeaderMap) -> Option<Session> {
        let token = cookie_value(headers, SESSION_COOKIE)?;
        let kept = self.lock();
        let (_, session) = kept.iter().rev().find(|(known, _)| *known == token)?;
        Some(session.clone())
    }

    /// Ends the session of a request, if it has one.
    pub(crate) fn close(&self, headers: &HeaderMap) {
        if let Some(token) = cookie_value(headers, SESSION_COOKIE) {
            self.lock().retain(|(known, _)| *known != token);
        }
    }

    /// Tries a code for the login that a request's session has begun.
    pub(crate) fn try_code(&self, headers: &HeaderMap, typed: &str) -> CodeOutcome {
        let Some(token) = cookie_value(headers, SESSION_COOKIE) else {
            return CodeOutcome::NoLogin;
        };
        let mut kept = self.lock();
        let Some(position) = kept.iter().position(|(known, _)| *known == token) else {
            return CodeOutcome::NoLogin;
        };
        let (known, session) = &mut kept[position];
        match session {
            Session::SignedIn { .. } => CodeOutcome::NoLogin,
            Session::AwaitsCode { user, code, .. } if code == typed => {
                let token = random_token();
                *session = Session::SignedIn {
                    user: Arc::clone(user),
                };
                known.clone_from(&token);
                CodeOutcome::SignedIn { token }
            }
            Session::AwaitsCode { wrong_codes, .. } => {
                *wrong_codes += 1;
                if *wrong_codes < MAX_WRONG_CODES {
                    return CodeOutcome::Wrong;
                }
                kept.remove(position);
                CodeOutcome::NoLogin
            }
        }
    }

    /// Ends all sessions.
    pub(crate) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(String, Session)>> {
        // Each change above is whole or not there, so what a panicking thread left can be used.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header that gives the browser its session.
pub(crate) fn session_cookie(token: String) -> [(HeaderName, String); 1] {
    set_cookie(Cookie::new(SESSION_COOKIE, token))
}

/// The header that takes the session from the browser again.
pub(crate) fn no_session_cookie() -> [(HeaderName, String); 1] {
    let mut cookie = Cookie::new(SESSION_COOKIE, "");
    cookie.make_removal();
    set_cookie(cookie)
}

/// The token of this browser's forms, made where it has none, and the header that keeps it there.
pub(crate) fn form_token(headers: &HeaderMap) -> (String, [(HeaderName, String); 1]) {
    let token = cookie_value(headers, FORM_COOKIE).unwrap_or_else(random_token);
    let header = set_cookie(Cookie::new(FORM_COOKIE, token.clone()));
    (token, header)
}

/// Whether a form was filled in on a page that this site gave to this browser.
pub(crate) fn is_own_form(headers: &HeaderMap, hidden_field: &str) -> bool {
    cookie_value(headers, FORM_COOKIE).is_some_and(|token| token == hidden_field)
}

/// A code of six digits, as a text message carries it.
pub(crate) fn random_code() -> String {
    let mut bytes = [0; 8];
    fill_random(&mut bytes);
    format!("{:06}", u64::from_le_bytes(bytes) % 1_000_000)
}

fn random_token() -> String {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    format!("{:032x}", u128::from_le_bytes(bytes))
}

fn fill_random(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the systems that this runs on have a source of randomness");
}

fn set_cookie(mut cookie: Cookie<'_>) -> [(HeaderName, String); 1] {
    cookie.set_path("/");
    cookie.set_http_only(true);
    cookie.set_same_site(SameSite::Lax);
    [(SET_COOKIE, cookie.to_string())]
}

fn cookie_value(headers: &HeaderMap, name: &str) -> Option<String> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(Cookie::split_parse)
        // What is no cookie was not set by this site.
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name && !cookie.value().is_empty())
        .map(|cookie| cookie.value().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn awaiting(code: &str) -> Session {
        Session::AwaitsCode {
            user: Arc::new(User::at(0)),
            code: code.to_owned(),
            wrong_codes: 0,
        }
    }

    fn with_session(token: &str) -> HeaderMap {
        let cookie = format!("other=1; {SESSION_COOKIE}={token}");
        HeaderMap::from_iter([(COOKIE, cookie.parse().unwrap())])
    }

    #[test]
    fn the_token_from_before_the_code_is_worth_nothing_after_it() {
        let sessions = Sessions::default();
        let before = sessions.open(awaiting("123456"));

        let outcome = sessions.try_code(&with_session(&before), "123456");

        let CodeOutcome::SignedIn { token } = outcome else {
            panic!("{outcome:?}");
        };
        assert!(sessions.of(&with_session(&before)).is_none());
        let session = sessions.of(&with_session(&token));
        assert!(
            matches!(session, Some(Session::SignedIn { .. })),
            "{session:?}"
        );
    }

    #[test]
    fn a_login_ends_at_the_last_wrong_code() {
        let sessions = Sessions::default();
        let headers = with_session(&sessions.open(awaiting("123456")));

        for _ in 1..MAX_WRONG_CODES {
            assert_eq!(sessions.try_code(&headers, "000000"), CodeOutcome::Wrong);
        }

        assert_eq!(sessions.try_code(&headers, "000000"), CodeOutcome::NoLogin);
        assert_eq!(sessions.try_code(&headers, "123456"), CodeOutcome::NoLogin);
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::default();
        let oldest = sessions.open(awaiting("1"));
        let second = sessions.open(awaiting("1"));
        for _ in 0..MAX_SESSIONS - 1 {
            sessions.open(awaiting("1"));
        }

        assert!(sessions.of(&with_session(&oldest)).is_none());
        assert!(sessions.of(&with_session(&second)).is_some());
    }
}
