//! A way to the server that can be cut at a commit.

use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::postgres::PgConnectOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;

/// Where a connection is cut when a commit comes through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The commit is passed on, and its answer is not.
    AfterTheServerHeard,
    /// The commit is not passed on.
    BeforeTheServerHears,
}

/// Passes bytes on between stores and the server.
pub(crate) struct Proxy {
    port: u16,
    state: Arc<State>,
    accepting: AbortHandle,
}

#[derive(Default)]
struct State {
    next: Mutex<Option<Cut>>,
    has_cut: AtomicBool,
}

impl Proxy {
    /// A proxy before the server of this URL.
    pub(crate) async fn before(url: &str) -> Self {
        let server = PgConnectOptions::from_str(url).expect("a URL");
        let address = (server.get_host().to_owned(), server.get_port());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::new(State::default());
        let passing = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect(&address).await.expect("the server");
                tokio::spawn(pass(client, server, Arc::clone(&passing)));
            }
        });
        Self {
            port,
            state,
            accepting: accepting.abort_handle(),
        }
    }

    /// The URL of the same database through this proxy.
    pub(crate) fn url(&self, url: &str) -> String {
        let server = PgConnectOptions::from_str(url).expect("a URL");
        let address = format!("{}:{}", server.get_host(), server.get_port());
        assert!(url.contains(&address), "{url} names its server's port");
        url.replacen(&address, &format!("127.0.0.1:{}", self.port), 1)
    }

    /// Cuts the connection that the next commit comes through.
    pub(crate) fn cut_at_commit(&self, cut: Cut) {
        *self
            .state
            .next
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(cut);
    }

    /// Whether one was cut.
    pub(crate) fn has_cut(&self) -> bool {
        self.state.has_cut.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl State {
    fn take(&self, sent: &[u8]) -> Option<Cut> {
        let is_commit = sent.windows(6).any(|bytes| bytes == b"COMMIT");
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.take_if(|_| is_commit)
            .inspect(|_| self.has_cut.store(true, Ordering::SeqCst))
    }
}

/// Passes on until one of the two hangs up, or it is cut.
async fn pass(client: TcpStream, server: TcpStream, state: Arc<State>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let back = async {
        let copied = tokio::io::copy(&mut from_server, &mut to_client).await;
        copied.map(|_| ())
    };
    let forth = async {
        let mut bytes = vec![0; 64 * 1024];
        loop {
            let length = from_client.read(&mut bytes).await?;
            if length == 0 {
                return Ok::<_, std::io::Error>(());
            }
            let sent = &bytes[..length];
            match state.take(sent) {
                None => to_server.write_all(sent).await?,
                Some(Cut::BeforeTheServerHears) => return Ok(()),
                Some(Cut::AfterTheServerHeard) => {
                    to_server.write_all(sent).await?;
                    return Ok(());
                }
            }
        }
    };
    // Either way both connections end with this.
    tokio::select! {
        biased;
        _ = forth => {}
        _ = back => {}
    }
}
