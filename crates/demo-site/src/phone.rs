//! The customers' phones: the text messages that the site has sent.

use std::collections::VecDeque;

use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;

/// Text messages kept; the oldest go first.
const MAX_MESSAGES: usize = 1_000;

/// One text message with a login code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TextMessage {
    /// Whose phone it came to.
    pub username: String,
    /// The code in it.
    pub code: String,
    /// The whole text, as the phone shows it.
    pub text: String,
    /// When it was sent, in RFC 3339.
    pub sent_at: String,
}

/// Reads the text messages of all customers. Clones read the same ones.
#[derive(Debug, Clone)]
pub struct Phone {
    inbox: watch::Sender<VecDeque<Entry>>,
}

#[derive(Debug)]
struct Entry {
    message: TextMessage,
    taken: bool,
}

impl Phone {
    pub(crate) fn new() -> Self {
        Self {
            inbox: watch::Sender::new(VecDeque::new()),
        }
    }

    pub(crate) fn receive(&self, username: &str, code: &str) {
        let entry = Entry {
            message: TextMessage {
                username: username.to_owned(),
                code: code.to_owned(),
                text: format!("Nordlys Kraft: {code} is your code. Never share it."),
                sent_at: OffsetDateTime::now_utc()
                    .format(&Rfc3339)
                    .expect("the present year has four digits"),
            },
            taken: false,
        };
        self.inbox.send_modify(|inbox| {
            if inbox.len() == MAX_MESSAGES {
                inbox.pop_front();
            }
            inbox.push_back(entry);
        });
    }

    /// The newest code of a user that was not given out here before; waits until there is one.
    ///
    /// A person reads the newest message and no older one: codes that were sent before it count as
    /// given out too. A caller that cannot wait for ever puts a timeout around it.
    pub async fn next_code_for(&self, username: &str) -> String {
        let mut inbox = self.inbox.subscribe();
        loop {
            // Looking does not lock out another reader, so taking below may come too late.
            let arrived = inbox
                .wait_for(|inbox| inbox.iter().any(|entry| entry.is_new_for(username)))
                .await
                .is_ok();
            debug_assert!(arrived, "the sender is borrowed and so not dropped");
            if let Some(code) = self.take(username) {
                return code;
            }
        }
    }

    /// The last code sent to a user, whether it was given out or not.
    pub fn latest_code(&self, username: &str) -> Option<String> {
        let inbox = self.inbox.borrow();
        let mut newest_first = inbox.iter().rev();
        newest_first
            .find(|entry| entry.message.username == username)
            .map(|entry| entry.message.code.clone())
    }

    /// The last messages to anybody, newest first.
    pub fn messages(&self) -> Vec<TextMessage> {
        let inbox = self.inbox.borrow();
        inbox
            .iter()
            .rev()
            .map(|entry| entry.message.clone())
            .collect()
    }

    fn take(&self, username: &str) -> Option<String> {
        let mut code = None;
        self.inbox.send_if_modified(|inbox| {
            for entry in inbox.iter_mut().filter(|entry| entry.is_new_for(username)) {
                entry.taken = true;
                code = Some(entry.message.code.clone());
            }
            // Nobody waits for a message to be taken.
            false
        });
        code
    }
}

impl Entry {
    fn is_new_for(&self, username: &str) -> bool {
        !self.taken && self.message.username == username
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_code_is_waited_for_and_given_out_once() {
        let phone = Phone::new();
        let waiting = tokio::spawn({
            let phone = phone.clone();
            async move { phone.next_code_for("kari").await }
        });
        tokio::task::yield_now().await;

        phone.receive("ola", "111111");
        phone.receive("kari", "222222");

        assert_eq!(waiting.await.unwrap(), "222222");
        assert_eq!(phone.take("kari"), None);
        assert_eq!(phone.latest_code("kari").as_deref(), Some("222222"));
        assert_eq!(phone.next_code_for("ola").await, "111111");
    }

    #[tokio::test]
    async fn a_newer_code_replaces_one_that_nobody_read() {
        let phone = Phone::new();
        phone.receive("kari", "111111");
        phone.receive("kari", "222222");

        assert_eq!(phone.next_code_for("kari").await, "222222");

        phone.receive("kari", "333333");
        assert_eq!(phone.next_code_for("kari").await, "333333");
    }

    #[test]
    fn the_oldest_messages_make_room() {
        let phone = Phone::new();
        for number in 0..=MAX_MESSAGES {
            phone.receive("kari", &number.to_string());
        }

        let messages = phone.messages();
        assert_eq!(messages.len(), MAX_MESSAGES);
        assert_eq!(messages[MAX_MESSAGES - 1].code, "1");
    }
}
