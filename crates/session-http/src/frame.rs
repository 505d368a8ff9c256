//! Steps inside a frame: while one is played, the frame's page stands in the place of the page around
//! it. A frame is loaded when a step first acts in it.

mod loaded;
mod target;

use std::sync::Arc;

use scraper::ElementRef;
use url::Url;
use windlass_playbook::Step;

use self::loaded::Loaded;
use self::target::Place;
use crate::fetch::Request;
use crate::page::{Page, is};
use crate::player::{Player, no_page};
use crate::session::HttpSession;
use crate::trouble::Trouble;

/// The frames of the session's page that were loaded.
#[derive(Default)]
pub(crate) struct Frames {
    loaded: Loaded,
    /// The pages around the frame that the step acts in, from the outermost on.
    around: Vec<Page>,
    /// Whether the step went to another page.
    moved: bool,
    /// Where that page is shown.
    place: Place,
    /// The page of the first window and its frames, while another one is shown.
    opener: Option<Box<(Page, Loaded)>>,
}

/// What a frame shows.
enum Content {
    At(Url),
    /// `srcdoc`: it stands in the page around it.
    Written(String),
    /// Where a step has led on in it.
    Page(Box<Page>),
}

impl Frames {
    /// The page around all frames, where what is asked for next is shown in one of them.
    pub(crate) fn top(&self) -> Option<Url> {
        let outermost = self.around.first();
        outermost
            .filter(|_| !matches!(self.place, Place::Around(0) | Place::Window))
            .map(|page| page.url.clone())
    }

    /// Whether a step acts in a frame at the moment.
    pub(crate) fn is_inside(&self) -> bool {
        !self.around.is_empty()
    }

    /// The pages of frames that were loaded.
    pub(crate) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.loaded.pages()
    }

    /// The page of this frame, where it is loaded.
    pub(crate) fn page(&mut self, frame: &[u32]) -> Option<&mut Page> {
        self.loaded.get(frame)
    }

    /// Where what is asked for next is shown in another frame or window, the page of the step steps
    /// aside for it.
    pub(crate) fn step_aside(&mut self, session: &mut HttpSession) -> bool {
        let aside = matches!(self.place, Place::Beside(_) | Place::Window);
        if aside {
            session.page_sleeps();
            self.around.extend(session.page.take());
        }
        aside
    }

    /// The page that came, if one did, is put where it is shown, and the step's own page in its place
    /// again, unless it is in a window that is not shown any more. Whether it is.
    pub(crate) fn step_back(&mut self, session: &mut HttpSession, frame: &[u32]) -> bool {
        if self.place == Place::Window && session.page.is_some() {
            let mut around = self.around.drain(..);
            let outermost = around.next();
            for (depth, page) in around.enumerate() {
                self.loaded.keep(frame[..=depth].to_vec(), page);
            }
            let loaded = std::mem::take(&mut self.loaded);
            let opener = outermost.map(|page| Box::new((page, loaded)));
            self.opener = self.opener.take().or(opener);
            return false;
        }
        let came = std::mem::replace(&mut session.page, self.around.pop());
        if let (Some(page), Place::Beside(frame)) = (came, &self.place) {
            self.loaded.drop_inner(frame);
            self.loaded.keep(frame.clone(), page);
        }
        true
    }

    /// Whether a window is shown that is not the first.
    pub(crate) fn is_in_other_window(&self) -> bool {
        self.opener.is_some()
    }

    /// Another page comes where the step acts.
    pub(crate) fn moved(&mut self) {
        self.moved = true;
        if !self.is_inside() {
            self.loaded.clear();
        }
    }
}

impl Player<'_> {
    /// Goes back to the first window, if another one is shown.
    pub(crate) fn return_to_first_window(&mut self) {
        if let Some(opener) = self.frames.opener.take() {
            let (page, loaded) = *opener;
            self.session.page = Some(page);
            self.frames.loaded = loaded;
            (self.focus, self.met) = (None, true);
        }
    }

    /// Plays a step in its window and frame.
    pub(crate) async fn in_frame(&mut self, number: u32, step: &Step) -> Result<(), Trouble> {
        if step.is_in_first_window() {
            self.return_to_first_window();
        }
        let frame = self.frame_of(step).await?;
        self.frames.moved = false;
        self.frames.place = Place::Here;
        if self.focus_frame != frame {
            self.focus = None;
            self.focus_frame.clone_from(&frame);
        }
        if frame.is_empty() {
            return self.step(number, step).await;
        }
        let entered = self.enter_frame(&frame).await;
        self.frames.moved = false;
        let played = match entered {
            Ok(()) => self.step(number, step).await,
            Err(trouble) => Err(trouble),
        };
        self.leave_frame(&frame);
        played
    }

    /// The frame that a step acts in. One of another website is recorded by its address, as a window is
    /// (`target`), and the frames within it by their positions.
    async fn frame_of(&mut self, step: &Step) -> Result<Vec<u32>, Trouble> {
        let address = step.other_window().and_then(|url| Url::parse(url).ok());
        let (Some(address), Some(page)) = (address, &mut self.session.page) else {
            return Ok(step.frame.clone());
        };
        page.wake(&self.session.turn).await?;
        // Where each is now: a step may have led on in it.
        let addresses = (0..).zip(frames(page)).filter_map(|(position, one)| {
            let now = self.frames.loaded.address(&[position]).cloned();
            let now = now.or_else(|| page.resolve(one.attr("src")?))?;
            Some((position, now))
        });
        let addresses: Vec<(u32, Url)> = addresses.collect();
        let exact = addresses.iter().find(|(_, at)| *at == address);
        let alike = || addresses.iter().find(|(_, at)| is_alike(at, &address));
        // What it asks for first may lead on to another address.
        let mut of_origin = addresses
            .iter()
            .filter(|(_, at)| at.origin() == address.origin() && at.origin() != page.url.origin());
        let only = || of_origin.next().filter(|_| of_origin.next().is_none());
        let found = exact.or_else(alike).or_else(only);
        let position = found.map(|(position, _)| *position);
        Ok(position.into_iter().chain(step.frame.clone()).collect())
    }

    /// Puts the frame's page in the place of the page around it, one after the other.
    async fn enter_frame(&mut self, frame: &[u32]) -> Result<(), Trouble> {
        for (depth, position) in frame.iter().enumerate() {
            if let Some(page) = &mut self.session.page {
                page.wake(&self.session.turn).await?;
            }
            let loaded = self.frames.loaded.take(&frame[..=depth]);
            let content = match loaded {
                Some(page) => Content::Page(Box::new(page)),
                None => self.frame_content(*position)?,
            };
            let around = self.session.page.as_ref().ok_or_else(no_page)?;
            self.unread.forget(around);
            let from = around.url.clone();
            let (page, address) = match content {
                Content::Page(page) => (Some(*page), None),
                Content::Written(text) => {
                    let turn = Arc::clone(&self.session.turn);
                    let written = self.page()?.written_inside(&text, turn);
                    (Some(written.await?), None)
                }
                Content::At(address) => (None, Some(address)),
            };
            self.session.page_sleeps();
            self.frames
                .around
                .extend(std::mem::replace(&mut self.session.page, page));
            if let Some(address) = address {
                let request = Request::get(address, Some(from)).in_frame_of(self.frames.top());
                self.session.open(self.network, request).await?;
            }
            if self.session.page.is_none() {
                let message = format!("the frame at position {position} holds no page");
                return Err(Trouble::task(message));
            }
        }
        Ok(())
    }

    /// What the page's frame at this position shows.
    fn frame_content(&self, position: u32) -> Result<Content, Trouble> {
        let page = self.page()?;
        let frame = usize::try_from(position)
            .ok()
            .and_then(|nth| frames(page).nth(nth));
        let frame = frame
            .ok_or_else(|| self.absent(format!("the page has no frame at position {position}")))?;
        // It goes before an address.
        if let Some(text) = frame.attr("srcdoc").filter(|_| is(&frame, "iframe")) {
            return Ok(Content::Written(text.to_owned()));
        }
        let address = frame.attr("src").and_then(|address| page.resolve(address));
        address
            .filter(|address| matches!(address.scheme(), "http" | "https"))
            .map(Content::At)
            .ok_or_else(|| {
                Trouble::task(format!(
                    "the frame at position {position} has no address of its own; it needs a browser"
                ))
            })
    }

    /// Stands on the page around all frames again, where a step was dropped inside one of them.
    pub(crate) fn step_out(&mut self) {
        let broke_out = self.frames.place == Place::Around(0) && self.frames.moved;
        let outermost = self.frames.around.drain(..).next();
        if let Some(outermost) = outermost.filter(|_| !broke_out) {
            self.session.page = Some(outermost);
        }
    }

    /// Puts the pages back where they were, but for those whose place another page has taken.
    fn leave_frame(&mut self, frame: &[u32]) {
        let mut frame = frame;
        if self.frames.moved {
            let depth = match self.frames.place {
                Place::Around(depth) => depth,
                Place::Window => 0,
                Place::Here | Place::Beside(_) => frame.len(),
            };
            frame = &frame[..depth];
            self.frames.around.truncate(depth);
            self.frames.loaded.drop_inner(frame);
        }
        while let Some(around) = self.frames.around.pop() {
            let place = frame[..=self.frames.around.len()].to_vec();
            if let Some(page) = self.session.page.replace(around) {
                self.frames.loaded.keep(place, page);
            }
        }
    }
}

/// The frames of a page, as their positions count them.
fn frames(page: &Page) -> impl Iterator<Item = ElementRef<'_>> {
    page.elements()
        .filter(|one| is(one, "iframe") || is(one, "frame"))
}

/// Whether two addresses are the same but for what changes from visit to visit.
fn is_alike(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && one.path() == other.path()
}
