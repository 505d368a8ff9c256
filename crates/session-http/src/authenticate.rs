//! `windlass.authenticate`: from here on HTTP authentication is answered.

use url::Url;
use windlass_playbook::HttpCredential;

use crate::http_login::HttpLogin;
use crate::player::Player;
use crate::trouble::Trouble;

impl Player<'_> {
    /// Lets the source's own origin ask for the credential, and nobody else.
    pub(crate) fn authenticate(&mut self, credential: &HttpCredential) -> Result<(), Trouble> {
        let source = self.values().source_url.as_deref();
        let source = source.and_then(|url| Url::parse(url).ok());
        let source = source.ok_or_else(|| Trouble::task("the run has no source that could ask"))?;
        // Whether that is used is up to whoever asks.
        let username = self.filled_in(&credential.username)?;
        let password = self.filled_in(&credential.password)?;
        self.used_credential = self.has_used_credential();
        self.session.login = Some(HttpLogin::new(&source, username, password));
        Ok(())
    }
}
