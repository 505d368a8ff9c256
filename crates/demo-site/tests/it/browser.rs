//! A browser's few duties: keep cookies, fill in a form with its hidden fields, read a page.

use std::collections::BTreeMap;

use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use scraper::{ElementRef, Html, Selector};

/// Redirects that are followed for one page.
const MAX_REDIRECTS: usize = 5;

pub(crate) struct Browser {
    client: Client,
    site_url: String,
    cookies: BTreeMap<String, String>,
}

pub(crate) struct Page {
    pub(crate) path: String,
    pub(crate) status: StatusCode,
    pub(crate) html: String,
}

impl Browser {
    pub(crate) fn new(site_url: String) -> Self {
        Self {
            client: client(),
            site_url,
            cookies: BTreeMap::new(),
        }
    }

    pub(crate) async fn open(&mut self, path: &str) -> Page {
        let request = self.client.get(format!("{}{path}", self.site_url));
        self.follow(request, path).await
    }

    /// Fills in the one form of a page, its hidden fields too, and sends it.
    pub(crate) async fn submit(&mut self, page: &Page, typed: &[(&str, &str)]) -> Page {
        let mut fields = page.hidden_fields();
        for (name, value) in typed {
            fields.push(((*name).to_owned(), (*value).to_owned()));
        }
        let action = page.attribute("form", "action");
        let request = self
            .client
            .post(format!("{}{action}", self.site_url))
            .form(&fields);
        self.follow(request, &action).await
    }

    /// One request, without following where it leads.
    pub(crate) async fn get(&mut self, path: &str) -> Response {
        let request = self.client.get(format!("{}{path}", self.site_url));
        self.send(request).await
    }

    pub(crate) fn forget_cookies(&mut self) {
        self.cookies.clear();
    }

    async fn follow(&mut self, request: RequestBuilder, path: &str) -> Page {
        let mut response = self.send(request).await;
        let mut path = path.to_owned();
        for _ in 0..MAX_REDIRECTS {
            let Some(location) = response.headers().get(LOCATION) else {
                break;
            };
            location.to_str().unwrap().clone_into(&mut path);
            response = self.get(&path).await;
        }
        Page {
            path,
            status: response.status(),
            html: response.text().await.unwrap(),
        }
    }

    async fn send(&mut self, request: RequestBuilder) -> Response {
        let pairs: Vec<String> = self
            .cookies
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let response = request
            .header(COOKIE, pairs.join("; "))
            .send()
            .await
            .unwrap();
        for cookie in response.headers().get_all(SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            assert!(cookie.contains("HttpOnly"), "{cookie}");
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }
}

impl Page {
    pub(crate) fn has(&self, selector: &str) -> bool {
        !self.texts(selector).is_empty()
    }

    pub(crate) fn text(&self, selector: &str) -> String {
        self.texts(selector)
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no {selector}: {}", self.html))
    }

    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        self.select(selector, |element| {
            element.text().collect::<String>().trim().to_owned()
        })
    }

    pub(crate) fn attribute(&self, selector: &str, name: &str) -> String {
        let values = self.select(selector, |element| {
            element.attr(name).unwrap_or_default().to_owned()
        });
        values
            .into_iter()
            .next()
            .unwrap_or_else(|| panic!("no {selector}: {}", self.html))
    }

    fn hidden_fields(&self) -> Vec<(String, String)> {
        self.select("form input[type=hidden]", |element| {
            let attribute = |name| element.attr(name).unwrap_or_default().to_owned();
            (attribute("name"), attribute("value"))
        })
    }

    fn select<T>(&self, selector: &str, read: impl Fn(ElementRef<'_>) -> T) -> Vec<T> {
        let document = Html::parse_document(&self.html);
        let selector = Selector::parse(selector).unwrap();
        document.select(&selector).map(read).collect()
    }
}

/// A client that follows nothing, keeps nothing, and ignores the machine's proxies.
pub(crate) fn client() -> Client {
    // Fails where another test of this process has installed it already.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
        .unwrap()
}
