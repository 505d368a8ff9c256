//! The cookies of a session: which are kept, and which are sent where. Source: RFC 6265bis.

mod date;
mod kept;
#[cfg(test)]
mod tests;

use cookie_store::{Cookie, CookieStore, RawCookie};
use reqwest::Method;
use reqwest::header::{HeaderMap, SET_COOKIE};
use url::{Host, Url};

use crate::site::{is_public_suffix, same_site};

pub(crate) use self::kept::KeptCookie;

/// The longest cookie, name and value together (RFC 6265bis, 5.7).
const MAX_COOKIE_BYTES: usize = 4096;

/// The longest header of one cookie: attributes have 1024 bytes at most, and there are few.
const MAX_HEADER_BYTES: usize = MAX_COOKIE_BYTES + 4 * 1024;

/// The most cookies of a session, and the most bytes of all of them together. Real sessions have some
/// twenty in some kilobytes; servers refuse a request whose header is larger.
const MAX_COOKIES: usize = 300;
const MAX_BYTES: usize = 64 * 1024;

/// All cookies of a session.
#[derive(Debug, Default)]
pub(crate) struct Cookies {
    store: CookieStore,
}

impl Cookies {
    /// Takes what an answer from this address sets. What is no cookie, or may not be set from there,
    /// is no reason to give up the page.
    pub(crate) fn receive(&mut self, headers: &HeaderMap, url: &Url) {
        for value in headers.get_all(SET_COOKIE) {
            if value.len() > MAX_HEADER_BYTES {
                continue;
            }
            let text = String::from_utf8_lossy(value.as_bytes());
            if let Ok(cookie) = parsed(text.into_owned())
                && let Some(cookie) = acceptable(cookie, url)
            {
                self.add(&cookie, url);
            }
        }
    }

    /// What to send with a request: `from` is the page that it is made from, if there is one, and `top`
    /// the page around all frames, where it is made for a frame.
    pub(crate) fn header(
        &self,
        method: &Method,
        url: &Url,
        from: Option<&Url>,
        top: Option<&Url>,
    ) -> Option<String> {
        let is_of_another = |page: Option<&Url>| page.is_some_and(|page| !same_site(page, url));
        let framed = is_of_another(top);
        let crosses = framed || is_of_another(from);
        let mut sent: Vec<&Cookie> = self.store.matches(url);
        sent.retain(|cookie| !crosses || crosses_sites(cookie, method, framed));
        // The longer path first; those that are older already are.
        sent.sort_by_key(|cookie| std::cmp::Reverse(String::from(&cookie.path).len()));
        let pairs: Vec<String> = sent
            .iter()
            .map(|cookie| match cookie.name() {
                "" => cookie.value().to_owned(),
                name => format!("{name}={}", cookie.value()),
            })
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    fn add(&mut self, cookie: &RawCookie<'static>, url: &Url) {
        let Ok(parsed) = Cookie::try_from_raw_cookie(cookie, url) else {
            return;
        };
        let parsed = parsed.into_owned();
        let known = self
            .store
            .get_any(
                &String::from(&parsed.domain),
                &String::from(&parsed.path),
                parsed.name(),
            )
            .map(bytes_of);
        if known.is_some_and(|_| self.covers_secure(&parsed, url)) {
            return;
        }
        if !parsed.is_expired() && known.is_none_or(|known| bytes_of(&parsed) > known) {
            self.forget_expired();
            let (count, bytes) = self
                .store
                .iter_any()
                .fold((0, 0), |(count, bytes), cookie| {
                    (count + 1, bytes + bytes_of(cookie))
                });
            let known_bytes = known.unwrap_or(0);
            let full = known.is_none() && count >= MAX_COOKIES;
            if full || bytes - known_bytes.min(bytes) + bytes_of(&parsed) > MAX_BYTES {
                return;
            }
        }
        // One that its own address may not set is left out.
        drop(self.store.insert(parsed, url));
    }

    /// Whether the cookie would take the place of one that came encrypted, and did not itself.
    fn covers_secure(&self, cookie: &Cookie, url: &Url) -> bool {
        let place = (String::from(&cookie.domain), String::from(&cookie.path));
        let known = self.store.get_any(&place.0, &place.1, cookie.name());
        !is_encrypted(url) && known.is_some_and(|known| known.secure().unwrap_or(false))
    }

    fn forget_expired(&mut self) {
        let expired: Vec<_> = self
            .store
            .iter_any()
            .filter(|cookie| cookie.is_expired())
            .map(|cookie| {
                let place = (String::from(&cookie.domain), String::from(&cookie.path));
                (place, cookie.name().to_owned())
            })
            .collect();
        for ((domain, path), name) in expired {
            self.store.remove(&domain, &path, &name);
        }
    }
}

/// Reads what one header sets.
fn parsed(header: String) -> Result<RawCookie<'static>, cookie::ParseError> {
    let ends = header.split(';').skip(1).filter_map(|attribute| {
        let (name, value) = attribute.split_once('=')?;
        let is_end = name.trim().eq_ignore_ascii_case("expires");
        is_end.then(|| date::read(value)).flatten()
    });
    // The last one counts.
    let end = ends.last();
    let mut cookie = RawCookie::parse(header)?;
    if let Some(end) = end {
        cookie.set_expires(end);
    }
    Ok(cookie)
}

fn bytes_of(cookie: &Cookie) -> usize {
    cookie.name().len() + cookie.value().len() + String::from(&cookie.path).len()
}

/// The cookie as it may be set from this address; None where it may not.
fn acceptable(mut cookie: RawCookie<'static>, url: &Url) -> Option<RawCookie<'static>> {
    if cookie.name().len() + cookie.value().len() > MAX_COOKIE_BYTES {
        return None;
    }
    if cookie.name().is_empty() && cookie.value().is_empty() {
        return None;
    }
    let unsent = |letter: char| letter.is_control() && letter != '\t';
    if cookie.name().contains(unsent) || cookie.value().contains(unsent) {
        return None;
    }
    let secure = cookie.secure().unwrap_or(false);
    if secure && !is_encrypted(url) {
        return None;
    }
    let starts = |prefix: &str| {
        cookie
            .name()
            .get(..prefix.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    if starts("__Secure-") && !secure {
        return None;
    }
    if starts("__Host-") && !(secure && cookie.domain().is_none() && cookie.path() == Some("/")) {
        return None;
    }
    if let Some(domain) = cookie.domain() {
        let domain = domain.trim_start_matches('.').to_ascii_lowercase();
        let host = url.host_str().unwrap_or_default();
        let is_name = matches!(url.host(), Some(Host::Domain(_)));
        if !is_name || is_public_suffix(&domain) {
            if domain != host {
                return None;
            }
            // Set by the suffix itself, or by an address: for that host alone.
            cookie.unset_domain();
        }
    }
    Some(cookie)
}

/// Whether what is sent there cannot be read on the way. What never leaves the machine cannot either.
fn is_encrypted(url: &Url) -> bool {
    let local = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    local || url.scheme() == "https"
}

/// Whether a cookie goes along when a page of another site leads to its own. One that does not say is
/// sent, as logins over several sites need it.
/// `Lax` goes where the person sees that it is another site: never into its frames.
fn crosses_sites(cookie: &Cookie, method: &Method, framed: bool) -> bool {
    use cookie::SameSite;
    match cookie.same_site() {
        Some(SameSite::Strict) => false,
        Some(SameSite::Lax) => *method == Method::GET && !framed,
        Some(SameSite::None) | None => true,
    }
}
