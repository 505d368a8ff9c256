//! The same walk by a script that somebody writes for this one site: what the tier is held against.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, ensure};
use http::header::{CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use scraper::{Html, Selector};
use tokio::task::JoinSet;

use crate::http_tier::{each, per_second};
use crate::process::processor_time;
use crate::row::{Figure, Size, listed, middle};
use crate::server::http_client;
use crate::site::{PASSWORD, Site, USERNAME};
use crate::walk;

/// As many at once as the tier has.
const AT_ONCE: usize = 64;

pub(crate) async fn measure(size: Size) -> anyhow::Result<Vec<Figure>> {
    let site = Site::start().await?;
    let script = Arc::new(Script::new(&site.url())?);
    play(&script, size.runs.div_ceil(10)).await?;
    let (mut rates, mut costs) = (Vec::new(), Vec::new());
    for _ in 0..size.readings {
        let before = processor_time(std::process::id())?;
        let begun_at = Instant::now();
        play(&script, size.runs).await?;
        rates.push(per_second(size.runs, begun_at.elapsed()));
        costs.push(each(
            processor_time(std::process::id())? - before,
            size.runs,
        ));
    }
    Ok(vec![Figure {
        what: "– floor: the walk as a script with reqwest and scraper",
        measured: format!(
            "{:.0} walks/s, {:.0} µs a walk with the site",
            middle(rates.clone()),
            middle(costs)
        ),
        target: None,
        how: format!("{AT_ONCE} at once, readings {}", listed(&rates)),
    }])
}

async fn play(script: &Arc<Script>, walks: usize) -> anyhow::Result<()> {
    let mut players = JoinSet::new();
    for player in 0..AT_ONCE {
        let script = Arc::clone(script);
        let share = walks / AT_ONCE + usize::from(player < walks % AT_ONCE);
        players.spawn(async move {
            for _ in 0..share {
                script.walk().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(ended) = players.join_next().await {
        ended??;
    }
    Ok(())
}

struct Script {
    client: reqwest::Client,
    base: String,
    token: Selector,
    row: Selector,
    fields: Vec<Selector>,
    next: Selector,
}

impl Script {
    fn new(login: &str) -> anyhow::Result<Self> {
        let selector = |text: &str| {
            let parsed = Selector::parse(text);
            parsed.map_err(|error| anyhow::anyhow!("{text}: {error}"))
        };
        let fields = [".number", ".issued", ".amount", ".status"];
        Ok(Self {
            client: http_client(),
            base: login.trim_end_matches("/login").to_owned(),
            token: selector("input[name=token]")?,
            row: selector("#invoices tbody tr")?,
            fields: fields.into_iter().map(selector).collect::<Result<_, _>>()?,
            next: selector("a[rel=next]")?,
        })
    }

    async fn walk(&self) -> anyhow::Result<()> {
        let page = self.page("/login", None).await?;
        let token = {
            let html = Html::parse_document(&page);
            let token = html.select(&self.token).next();
            let token = token.and_then(|token| token.attr("value"));
            token.context("no token")?.to_owned()
        };
        let answer = self
            .client
            .post(format!("{}/login", self.base))
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(format!(
                "token={token}&username={USERNAME}&password={PASSWORD}"
            ))
            .send()
            .await?;
        let header = |name| answer.headers().get(name).and_then(|it| it.to_str().ok());
        let cookie = header(SET_COOKIE).context("no cookie")?;
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        let mut path = header(LOCATION).context("no redirect")?.to_owned();
        let mut rows = Vec::new();
        loop {
            let page = self.page(&path, Some(&cookie)).await?;
            match self.read(&page, &mut rows) {
                Some(next) => path = next,
                None => break,
            }
        }
        ensure!(rows.len() == walk::ROWS, "an output is not whole");
        Ok(())
    }

    async fn page(&self, path: &str, cookie: Option<&str>) -> anyhow::Result<String> {
        let mut request = self.client.get(format!("{}{path}", self.base));
        if let Some(cookie) = cookie {
            request = request.header(COOKIE, cookie);
        }
        Ok(request.send().await?.text().await?)
    }

    /// Reads the rows of a page; the address of the next.
    fn read(&self, page: &str, rows: &mut Vec<Vec<String>>) -> Option<String> {
        let html = Html::parse_document(page);
        for row in html.select(&self.row) {
            let field = |selector| {
                let found = row.select(selector).next();
                found.map_or_else(String::new, |found| found.text().collect())
            };
            rows.push(self.fields.iter().map(field).collect());
        }
        let next = html.select(&self.next).next();
        next.and_then(|next| next.attr("href")).map(str::to_owned)
    }
}
