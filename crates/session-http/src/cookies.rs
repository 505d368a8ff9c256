//! The cookies of a checkpoint and of a saved login, each with what decides where it is sent and until when.

use cookie_store::{Cookie, CookieDomain, CookieExpiration, CookieStore, RawCookie};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

/// A cookie as it is kept.
#[derive(Serialize, Deserialize)]
pub(crate) struct KeptCookie {
    name: String,
    value: String,
    host: String,
    /// Whether the hosts below its host get it too.
    with_subdomains: bool,
    path: String,
    secure: bool,
    http_only: bool,
    /// In Unix seconds; None where it lives as long as the session.
    expires_at: Option<i64>,
}

/// All that have not expired.
pub(crate) fn keep(cookies: &CookieStore) -> Vec<KeptCookie> {
    cookies.iter_unexpired().filter_map(kept).collect()
}

fn kept(cookie: &Cookie) -> Option<KeptCookie> {
    let (host, with_subdomains) = match &cookie.domain {
        CookieDomain::HostOnly(host) => (host.clone(), false),
        CookieDomain::Suffix(host) => (host.clone(), true),
        // Such a cookie is sent nowhere.
        CookieDomain::NotPresent | CookieDomain::Empty => return None,
    };
    let expires_at = match &cookie.expires {
        CookieExpiration::AtUtc(at) => Some(at.unix_timestamp()),
        CookieExpiration::SessionEnd => None,
    };
    Some(KeptCookie {
        name: cookie.name().to_owned(),
        value: cookie.value().to_owned(),
        host,
        with_subdomains,
        path: String::from(&cookie.path),
        secure: cookie.secure().unwrap_or(false),
        http_only: cookie.http_only().unwrap_or(false),
        expires_at,
    })
}

/// A store with these.
pub(crate) fn restore(kept: &[KeptCookie]) -> CookieStore {
    let mut cookies = CookieStore::default();
    for one in kept {
        // The store takes a cookie as from an answer; over https it may have any attribute.
        let Ok(url) = Url::parse(&format!("https://{}/", one.host)) else {
            continue;
        };
        let mut cookie = RawCookie::build((one.name.clone(), one.value.clone()))
            .path(one.path.clone())
            .secure(one.secure)
            .http_only(one.http_only);
        if one.with_subdomains {
            cookie = cookie.domain(one.host.clone());
        }
        let expires_at = one.expires_at.map(OffsetDateTime::from_unix_timestamp);
        if let Some(Ok(expires_at)) = expires_at {
            cookie = cookie.expires(expires_at);
        }
        // One that has expired in the meantime is refused, as a browser would have forgotten it.
        drop(cookies.insert_raw(&cookie.build(), &url));
    }
    cookies
}
