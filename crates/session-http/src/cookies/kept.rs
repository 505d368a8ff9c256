//! The cookies of a checkpoint and of a saved login, each with what decides where it is sent and until when.

use cookie::SameSite;
use cookie_store::{Cookie, CookieDomain, CookieExpiration, RawCookie};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use url::Url;

use crate::cookies::Cookies;

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
    /// `Strict`, `Lax` or `None`; None where it does not say.
    #[serde(default)]
    same_site: Option<String>,
    /// In Unix seconds; None where it lives as long as the session.
    expires_at: Option<i64>,
}

impl Cookies {
    /// All that have not expired.
    pub(crate) fn keep(&self) -> Vec<KeptCookie> {
        self.store.iter_unexpired().filter_map(kept).collect()
    }

    /// Those that were kept.
    pub(crate) fn restore(kept: &[KeptCookie]) -> Self {
        let mut cookies = Self::default();
        for one in kept {
            // The store takes a cookie as from an answer; over https it may have any attribute.
            if let Ok(url) = Url::parse(&format!("https://{}/", one.host)) {
                // One that has expired in the meantime is refused, as a browser would have forgotten it.
                drop(cookies.store.insert_raw(&one.raw(), &url));
            }
        }
        cookies
    }
}

impl KeptCookie {
    fn raw(&self) -> RawCookie<'static> {
        let mut cookie = RawCookie::build((self.name.clone(), self.value.clone()))
            .path(self.path.clone())
            .secure(self.secure)
            .http_only(self.http_only);
        if self.with_subdomains {
            cookie = cookie.domain(self.host.clone());
        }
        let same_site = match self.same_site.as_deref() {
            Some("Strict") => Some(SameSite::Strict),
            Some("Lax") => Some(SameSite::Lax),
            Some("None") => Some(SameSite::None),
            _ => None,
        };
        if let Some(same_site) = same_site {
            cookie = cookie.same_site(same_site);
        }
        let expires_at = self.expires_at.map(OffsetDateTime::from_unix_timestamp);
        if let Some(Ok(expires_at)) = expires_at {
            cookie = cookie.expires(expires_at);
        }
        cookie.build()
    }
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
        same_site: cookie.same_site().map(|same_site| same_site.to_string()),
        expires_at,
    })
}
