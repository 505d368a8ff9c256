//! What an agent saw, as the server hears it.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;
use windlass_worker::{CapturedScreenshot, Protocol, ProtocolError, RunContext};

use crate::LONG;
use crate::server::{Call, Server, run, unavailable};

fn context(server: &Arc<Server>) -> RunContext {
    let protocol = Arc::clone(server) as Arc<dyn Protocol>;
    let token = CancellationToken::new;
    RunContext::new(run(1, 1), protocol, token(), token())
}

fn screenshot() -> CapturedScreenshot {
    CapturedScreenshot {
        file_name: "step-03.png".to_owned(),
        file_type: "image/png".to_owned(),
        size: Some((1280, 720)),
        reasoning: Some("click \"Bills\"".to_owned()),
        step: Some(3),
        content: b"a page".to_vec().into(),
    }
}

async fn sent(server: &Server) -> Vec<CapturedScreenshot> {
    let calls = server.told(|_| true).await;
    let sent = calls.into_iter().filter_map(|call| match call {
        Call::Screenshot(screenshot) => Some(screenshot),
        _ => None,
    });
    sent.collect()
}

#[tokio::test]
async fn a_screenshot_is_sent_until_the_server_has_answered() {
    let server = Arc::new(Server::new(LONG));
    server.answer(|answers| answers.screenshots = [unavailable(), unavailable()].into());

    assert_eq!(context(&server).screenshot(screenshot()).await, Ok(()));

    assert_eq!(sent(&server).await, [(); 3].map(|()| screenshot()));
}

#[tokio::test]
async fn a_screenshot_that_the_server_refuses_is_left_out() {
    let server = Arc::new(Server::new(LONG));
    let message = "it is no image".to_owned();
    let refused = ProtocolError::Refused { message };
    server.answer(|answers| answers.screenshots = [refused].into());

    assert_eq!(context(&server).screenshot(screenshot()).await, Ok(()));

    assert_eq!(sent(&server).await, [screenshot()]);
}
