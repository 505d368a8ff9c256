//! The frames that were loaded, as far as there is room for them. They sleep while no step acts in them.

use url::Url;

use crate::page::Page;

/// How long the frames' texts may be together: as long as the two longest pages.
const MAX_BYTES: usize = 16 * 1024 * 1024;

/// Pages by the positions of their frames, from the outermost on.
#[derive(Default)]
pub(super) struct Loaded {
    /// Those that a step left last come last.
    pages: Vec<(Vec<u32>, Page)>,
}

impl Loaded {
    pub(super) fn take(&mut self, path: &[u32]) -> Option<Page> {
        let place = self.pages.iter().position(|(other, _)| other == path)?;
        Some(self.pages.remove(place).1)
    }

    pub(super) fn get(&mut self, path: &[u32]) -> Option<&mut Page> {
        let found = self.pages.iter_mut().find(|(other, _)| other == path);
        found.map(|(_, page)| page)
    }

    pub(super) fn pages(&self) -> impl Iterator<Item = &Page> {
        self.pages.iter().map(|(_, page)| page)
    }

    /// Where a frame is now, if it is loaded.
    pub(super) fn address(&self, path: &[u32]) -> Option<&Url> {
        let found = self.pages.iter().find(|(other, _)| other == path);
        found.map(|(_, page)| &page.url)
    }

    /// Keeps a frame that a step left. Where there are too many, those that were left longest ago go,
    /// and are as their address has them once a step acts in them again.
    pub(super) fn keep(&mut self, path: Vec<u32>, mut page: Page) {
        page.sleep();
        drop(self.take(&path));
        self.pages.push((path, page));
        self.shed(MAX_BYTES);
    }

    /// Drops the frame, if it is loaded, and those inside it.
    pub(super) fn drop_with_inner(&mut self, path: &[u32]) {
        self.pages.retain(|(other, _)| !other.starts_with(path));
    }

    /// Drops the frames inside this one.
    pub(super) fn drop_inner(&mut self, path: &[u32]) {
        let inside = |other: &[u32]| other.len() > path.len() && other.starts_with(path);
        self.pages.retain(|(other, _)| !inside(other));
    }

    pub(super) fn clear(&mut self) {
        self.pages.clear();
    }

    fn shed(&mut self, most: usize) {
        while self.bytes() > most
            && self.pages.len() > 1
            && let Some((oldest, _)) = self.pages.first()
        {
            let oldest = oldest.clone();
            // What is inside a page that is loaded anew may be another frame.
            self.drop_with_inner(&oldest);
        }
    }

    fn bytes(&self) -> usize {
        self.pages().map(|page| page.text().len()).sum()
    }
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use url::Url;

    use super::*;

    fn page(bytes: usize) -> Page {
        let url = Url::parse("https://x.example/").unwrap();
        let text = "x".repeat(bytes);
        Page::parse(url, StatusCode::OK, text, encoding_rs::UTF_8).unwrap()
    }

    fn paths(loaded: &Loaded) -> Vec<Vec<u32>> {
        loaded.pages.iter().map(|(path, _)| path.clone()).collect()
    }

    #[test]
    fn frames_beyond_the_bound_go_the_oldest_first() {
        let mut loaded = Loaded::default();
        for position in 0..6 {
            loaded.keep(vec![position], page(3_000_000));
        }
        assert_eq!(paths(&loaded), [[1], [2], [3], [4], [5]]);

        let used = loaded.take(&[1]).unwrap();
        loaded.keep(vec![1], used);
        loaded.keep(vec![6], page(3_000_000));

        assert_eq!(paths(&loaded), [[3], [4], [5], [1], [6]]);
    }

    #[test]
    fn a_frame_that_a_step_left_sleeps() {
        let mut loaded = Loaded::default();

        loaded.keep(vec![0], page(10));

        assert!(loaded.take(&[0]).unwrap().sleeps());
    }

    #[test]
    fn a_frame_that_goes_takes_those_inside_it_along() {
        let mut loaded = Loaded::default();
        for path in [vec![0], vec![1], vec![0, 0], vec![2]] {
            loaded.keep(path, page(10));
        }

        loaded.shed(20);

        assert_eq!(paths(&loaded), [[1], [2]]);
    }

    #[test]
    fn a_frame_larger_than_all_may_be_stays_until_the_next() {
        let mut loaded = Loaded::default();
        loaded.keep(vec![0], page(10));

        loaded.shed(1);

        assert_eq!(paths(&loaded), [[0]]);
    }
}
