//! HTML that is written text by text, escaped where it comes from elsewhere.

/// A page, or a part of one.
#[derive(Debug, Default)]
pub(super) struct Html(String);

impl Html {
    /// What is HTML already.
    pub(super) fn raw(&mut self, html: &str) -> &mut Self {
        self.0.push_str(html);
        self
    }

    /// A text.
    pub(super) fn text(&mut self, text: &str) -> &mut Self {
        for character in text.chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                other => self.0.push(other),
            }
        }
        self
    }

    /// A text between these two.
    pub(super) fn within(&mut self, before: &str, text: &str, after: &str) -> &mut Self {
        self.raw(before).text(text).raw(after)
    }

    /// A text in which backticks set names apart.
    pub(super) fn prose(&mut self, text: &str) -> &mut Self {
        for (number, part) in text.split('`').enumerate() {
            if number % 2 == 1 {
                self.within("<code>", part, "</code>");
            } else {
                self.text(part);
            }
        }
        self
    }

    /// A path, which may break behind each of its slashes.
    pub(super) fn path(&mut self, path: &str) -> &mut Self {
        for (number, part) in path.split('/').enumerate() {
            if number > 0 {
                self.raw("/<wbr>");
            }
            self.text(part);
        }
        self
    }

    /// The HTML.
    pub(super) fn finished(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_elsewhere_is_escaped() {
        let mut html = Html::default();

        html.prose("a `<b>` & \"c\"").path("/<d>/{e}");

        let expected = "a <code>&lt;b&gt;</code> &amp; &quot;c&quot;/<wbr>&lt;d&gt;/<wbr>{e}";
        assert_eq!(html.finished(), expected);
    }
}
