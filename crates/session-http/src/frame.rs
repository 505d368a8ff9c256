//! Steps inside a frame: while one is played, the frame's page stands in the place of the page around
//! it. A frame is loaded when a step first acts in it.

mod loaded;

use ego_tree::NodeId;
use scraper::ElementRef;
use url::Url;
use windlass_playbook::Step;

use self::loaded::Loaded;
use crate::fetch::Request;
use crate::form::is_submitter;
use crate::page::{Page, is};
use crate::player::Player;
use crate::trouble::Trouble;

/// The frames of the session's page that were loaded.
#[derive(Default)]
pub(crate) struct Frames {
    loaded: Loaded,
    /// The pages around the frame that the step acts in, from the outermost on.
    around: Vec<Page>,
    /// Whether the step went to another page.
    moved: bool,
    /// Whether that page takes the place of all frames.
    broke_out: bool,
    /// The frame whose place that page takes instead, where it is another one.
    elsewhere: Option<Vec<u32>>,
}

/// What a frame shows.
enum Content {
    At(Url),
    /// `srcdoc`: it stands in the page around it.
    Written(String),
}

impl Frames {
    /// The page around all frames, where what is asked for next is shown in one of them.
    pub(crate) fn top(&self) -> Option<Url> {
        let outermost = self.around.first().filter(|_| !self.broke_out);
        outermost.map(|page| page.url.clone())
    }

    /// Whether a step acts in a frame at the moment.
    pub(crate) fn is_inside(&self) -> bool {
        !self.around.is_empty()
    }

    /// The page of this frame, where it is loaded.
    pub(crate) fn page(&mut self, frame: &[u32]) -> Option<&mut Page> {
        self.loaded.get(frame)
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
    /// Plays a step in its frame.
    pub(crate) async fn in_frame(&mut self, number: u32, step: &Step) -> Result<(), Trouble> {
        let frame = self.frame_of(step).await?;
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
        let address = step.target.as_ref().and_then(|url| Url::parse(url).ok());
        let (Some(address), Some(page)) = (address, &mut self.session.page) else {
            return Ok(step.frame.clone());
        };
        page.wake().await?;
        // Where each is now: a step may have led on in it.
        let addresses = (0..).zip(frames(page)).filter_map(|(position, one)| {
            let now = self.frames.loaded.address(&[position]).cloned();
            let now = now.or_else(|| page.resolve(one.attr("src")?))?;
            Some((position, now))
        });
        let addresses: Vec<(u32, Url)> = addresses.collect();
        let exact = addresses.iter().find(|(_, at)| *at == address);
        let found = exact.or_else(|| addresses.iter().find(|(_, at)| is_alike(at, &address)));
        let position = found.map(|(position, _)| *position);
        Ok(position.into_iter().chain(step.frame.clone()).collect())
    }

    /// Puts the frame's page in the place of the page around it, one after the other.
    async fn enter_frame(&mut self, frame: &[u32]) -> Result<(), Trouble> {
        for (depth, position) in frame.iter().enumerate() {
            let path = &frame[..=depth];
            if let Some(page) = &mut self.session.page {
                page.wake().await?;
            }
            let (content, from) = (self.frame_content(*position)?, self.page()?.url.clone());
            let mut page = self.frames.loaded.take(path);
            if page.is_none()
                && let Content::Written(text) = &content
            {
                let written = self.page()?.written_inside(text);
                page = Some(written.await?);
            }
            self.session.page_sleeps();
            self.frames
                .around
                .extend(std::mem::replace(&mut self.session.page, page));
            if self.session.page.is_none()
                && let Content::At(address) = content
            {
                let request = Request::get(address, Some(from)).in_frame_of(self.frames.top());
                self.session.open(self.network, request).await?;
                if self.session.page.is_none() {
                    let message = format!("the frame at position {position} holds no page");
                    return Err(Trouble::task(message));
                }
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
        let broke_out = self.frames.broke_out && self.frames.moved;
        let outermost = self.frames.around.drain(..).next();
        if let Some(outermost) = outermost.filter(|_| !broke_out) {
            self.session.page = Some(outermost);
        }
    }

    /// Puts the pages back where they were, unless the step left all frames behind.
    fn leave_frame(&mut self, frame: &[u32]) {
        if std::mem::take(&mut self.frames.broke_out) && self.frames.moved {
            self.frames.around.clear();
            self.frames.loaded.clear();
            return;
        }
        while let Some(around) = self.frames.around.pop() {
            let path = &frame[..=self.frames.around.len()];
            if path == frame && self.frames.moved {
                self.frames.loaded.drop_inner(path);
            }
            let mut place = path.to_vec();
            if path == frame
                && let Some(elsewhere) = self.frames.elsewhere.take()
                && self.frames.moved
            {
                // The frame of the link is as its address has it, once a step acts in it again.
                self.frames.loaded.drop_with_inner(&elsewhere);
                place = elsewhere;
            }
            if let Some(page) = self.session.page.replace(around) {
                self.frames.loaded.keep(place, page);
            }
        }
    }

    /// Notes whether what a click leads to takes the place of all frames.
    pub(crate) async fn note_target(&mut self, clicked: NodeId) -> Result<(), Trouble> {
        let depth = self.frames.around.len();
        let page = self.session.page.as_ref();
        let target = page.and_then(|page| target_of(page, page.element(clicked)?));
        self.frames.broke_out = match target.as_deref() {
            Some("_top") => depth > 0,
            Some("_parent") => depth == 1,
            _ => false,
        };
        self.frames.elsewhere = None;
        if let Some(target) = target.filter(|target| !is_keyword(target)) {
            for page in &mut self.frames.around {
                page.wake().await?;
            }
            self.frames.elsewhere = self.frame_named(&target);
            for page in &mut self.frames.around {
                page.sleep();
            }
        }
        Ok(())
    }

    /// Another frame of this name, in one of the pages around the frame that the step acts in.
    fn frame_named(&self, name: &str) -> Option<Vec<u32>> {
        let named = |one: &ElementRef| {
            let own = one.attr("name");
            own.is_some_and(|own| own.trim().eq_ignore_ascii_case(name))
        };
        let path = self
            .frames
            .around
            .iter()
            .enumerate()
            .find_map(|(depth, page)| {
                let mut path = self.focus_frame.get(..depth)?.to_vec();
                let position = frames(page).position(|one| named(&one))?;
                path.push(u32::try_from(position).ok()?);
                Some(path)
            });
        path.filter(|path| *path != self.focus_frame)
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

/// Whether it names a place beside or around the frame, and no frame by its name.
fn is_keyword(target: &str) -> bool {
    target.is_empty() || target.starts_with('_')
}

/// The window or frame that a link, or the form of a field or button, names, in small letters.
fn target_of(page: &Page, element: ElementRef) -> Option<String> {
    let around = element.ancestors().filter_map(ElementRef::wrap);
    let chain: Vec<ElementRef> = std::iter::once(element).chain(around).collect();
    let link = chain.iter().find(|one| is(one, "a") || is(one, "area"));
    let own = match link {
        Some(link) => link.attr("target"),
        None => {
            let button = chain.iter().find(|one| is_submitter(one));
            let form = chain.iter().find(|one| is(one, "form"));
            let of_button = button.and_then(|button| button.attr("formtarget"));
            of_button.or_else(|| form?.attr("target"))
        }
    };
    let of_page = || {
        let mut bases = page.elements().filter(|one| is(one, "base"));
        bases.find_map(|base| base.attr("target"))
    };
    own.or_else(of_page)
        .map(|target| target.trim().to_ascii_lowercase())
}
