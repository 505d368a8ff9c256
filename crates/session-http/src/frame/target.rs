//! Where a page is shown that a link or a form asks for (`target`). Source: the HTML standard, "Navigables",
//! "The rules for choosing a navigable".

use ego_tree::NodeId;
use scraper::ElementRef;

use super::frames;
use crate::form::{is_control, is_submitter};
use crate::page::{Page, is};
use crate::player::Player;
use crate::trouble::Trouble;

/// Where the page is shown that a step asks for.
#[derive(Default, PartialEq, Eq)]
pub(super) enum Place {
    /// Where the step acts.
    #[default]
    Here,
    /// In a window of its own, which goes before the one that it was opened from.
    Window,
    /// In the place of a page around it, which is so many frames deep.
    Around(usize),
    /// In another frame. The step's own page stays.
    Beside(Vec<u32>),
}

impl Player<'_> {
    /// Notes where what a click leads to is shown.
    pub(crate) async fn note_target(&mut self, clicked: NodeId) -> Result<(), Trouble> {
        let depth = self.frames.around.len();
        let page = self.page()?;
        let element = page.element(clicked);
        let target = element.and_then(|element| target_of(page, element));
        self.frames.place = match target.as_deref() {
            Some("_top") if depth > 0 => Place::Around(0),
            Some("_parent") if depth > 0 => Place::Around(depth - 1),
            Some(name) if !matches!(name, "" | "_self" | "_top" | "_parent" | "_blank") => {
                for page in &mut self.frames.around {
                    page.wake(&self.session.turn).await?;
                }
                let place = self.frame_named(name);
                for page in &mut self.frames.around {
                    page.sleep();
                }
                place
            }
            Some("_blank") => Place::Window,
            _ => Place::Here,
        };
        Ok(())
    }

    /// The frame of this name, in the page that the step acts in or in one around it.
    fn frame_named(&self, name: &str) -> Place {
        let own = &self.focus_frame;
        let pages = self.frames.around.iter().chain(&self.session.page);
        let mut frames = pages.enumerate().filter_map(|(depth, page)| {
            let mut named = frames(page).map(|one| {
                let own = one.attr("name");
                own.is_some_and(|own| own.trim().eq_ignore_ascii_case(name))
            });
            let position = u32::try_from(named.position(|is_it| is_it)?).ok()?;
            Some([own.get(..depth)?, &[position]].concat())
        });
        match frames.next() {
            Some(frame) if frame == *own => Place::Here,
            Some(frame) if own.starts_with(&frame) => Place::Around(frame.len()),
            Some(frame) => Place::Beside(frame),
            None => Place::Window,
        }
    }
}

/// The window or frame that a link, or the form of a field or button, names, in small letters.
fn target_of(page: &Page, element: ElementRef) -> Option<String> {
    let around = element.ancestors().filter_map(ElementRef::wrap);
    let chain: Vec<ElementRef> = std::iter::once(element).chain(around).collect();
    let link = chain.iter().find(|one| is(one, "a") || is(one, "area"));
    let own = match link {
        Some(link) => link.attr("target"),
        None => {
            let field = chain.iter().find(|one| is_control(one));
            let form = field.and_then(|field| page.owner(field).ok()?);
            let of_button =
                field.and_then(|field| field.attr("formtarget").filter(|_| is_submitter(field)));
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
