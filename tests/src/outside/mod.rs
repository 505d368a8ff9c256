//! The contract checked from outside, on any running server: what docs/api.md promises and a caller
//! can see, each promise a line. What is made for it is deleted afterwards.

mod answers;
mod bodies;
mod changes;
mod deliveries;
mod document;
mod ids;
mod keys;
mod limits;
mod lists;
mod resources;
mod runs;
mod server;
mod starts;
mod stream;
mod tokens;

pub use self::server::Outside;

/// What came of one promise.
#[derive(Debug)]
pub struct Line {
    /// The heading that it stands under.
    pub group: &'static str,
    /// What is promised.
    pub promise: &'static str,
    /// What was seen instead; None where it is kept.
    pub broken: Option<String>,
}

/// One line for each function, in their order.
macro_rules! lines {
    ($server:ident, $tell:ident, $($group:literal: { $($promise:literal => $check:path,)+ })+) => {{
        let mut lines = Vec::new();
        $($(
            $server.rested().await;
            // Each future is large for a moment only.
            let outcome = Box::pin($check($server)).await;
            let broken = outcome.err().map(|error| format!("{error:#}"));
            let line = Line { group: $group, promise: $promise, broken };
            $tell(&line);
            lines.push(line);
        )+)+
        lines
    }};
}

/// Checks every promise, tells of each as it is known, and deletes what it has made.
pub async fn check(server: &Outside, mut tell: impl FnMut(&Line)) -> Vec<Line> {
    lines! { server, tell,
        "keys": {
            "a key that works is told its environment" => keys::works,
            "no key, a wrong one and another scheme are 401 with `WWW-Authenticate`" => keys::refused,
        }
        "answers": {
            "`request_id` is in the body and in the head, and in no item of a list" => answers::request_id,
            "a path that no call has is 404, and a wrong method is 405 with `Allow`" => answers::no_such_call,
            "errors have type, code and message, and a field only where one is to blame" => answers::errors,
            "moments are UTC with milliseconds" => answers::moments,
            "creates are 201, of a source 200; deletes confirm what is gone" => answers::statuses,
            "what is in use is not deleted" => answers::in_use,
        }
        "ids": {
            "an id is its prefix and 22 characters of base62, and sorts by creation" => ids::shape,
            "agents, sources and tasks take an id of the caller's, once" => ids::own,
            "a malformed id is 404 like an unknown one" => ids::malformed,
            "an id in a body that is none is told with its field" => ids::in_bodies,
        }
        "bodies": {
            "JSON has three content types, and others are 415" => bodies::content_types,
            "what is not JSON, no object, too deep or has a key twice is `body_invalid`" => bodies::not_json,
            "an unknown field is refused with its name" => bodies::unknown_field,
            "a misspelt field is told what it was meant to be" => bodies::misspelt,
            "an unknown parameter is refused with its name" => bodies::unknown_parameter,
            "null for an optional field is as if it were left out" => bodies::null,
            "all problems come at once" => bodies::all_at_once,
            "names are trimmed, and have 1 to 255 characters" => bodies::names,
            "a call without a body takes none, an empty one or `{}`" => bodies::none,
            "a body of more than 1 MiB is 413, a compressed one 415" => bodies::bounds,
        }
        "lists": {
            "pages follow each other, newest first, without gap or repeat" => lists::pages,
            "`limit` is 1 to 100, also as `Limit`" => lists::limit,
            "a cursor is good alone or with its filters, for its list, and unchanged" => lists::cursors,
            "`starting_after` and `ending_before` take an id, one at a time" => lists::by_id,
            "`created_after` and `created_before` are exclusive" => lists::created,
            "filters combine, repeated or with commas" => lists::filters,
            "sessions are listed with their runs, and runs by their session" => lists::sessions,
        }
        "idempotency": {
            "a repeated call answers the first bytes, and says so" => starts::replayed,
            "the same key with another body is 409" => starts::another_body,
            "a key is 1 to 256 printable characters of ASCII" => starts::key_form,
            "an error is not kept" => starts::errors_are_not_kept,
            "two at the same time have one effect" => starts::at_the_same_time,
            "a change, a command and a deletion are repeated without effect, too" => starts::others,
            "a start is repeated as the run was, and with `Prefer: wait` as it is" => starts::waiting,
            "a GET takes no notice of a key" => starts::reads,
        }
        "resources": {
            "an agent has its fields, and lists its tasks" => resources::agent,
            "a source has its fields; its address is http or https with a host" => resources::source,
            "a credential shows no secret, and is readable when it is deleted" => resources::credential,
            "a task has every setting with its default, and `extraction` in both places" => resources::task,
            "schemas that are none, remote or too large are refused" => resources::schemas,
            "a playbook counts its versions" => resources::playbook,
            "an event destination shows its secret once" => resources::destination,
        }
        "changes": {
            "of an agent: null clears `description`" => changes::agent,
            "of a source: null clears `name`, `website` is replaced" => changes::source,
            "of a credential: null clears `external_id`, `auth_credentials` is replaced whole" => changes::credential,
            "of a task: null clears prompt, schemas and storage; settings are merged" => changes::task,
            "of a destination: its configuration is merged, `events` is replaced" => changes::destination,
            "that say what is so already change nothing" => changes::nothing,
            "a reset makes a task `learning`, and keeps its playbooks" => changes::reset,
        }
        "tokens": {
            "a token is shown with its end; what it is narrowed to must be there" => tokens::made,
            "a page makes one credential, runs a task with it, reads and answers that run" => tokens::allowed,
            "a page may do nothing else, and sees no other run" => tokens::refused,
            "a narrowed token is for that alone" => tokens::narrowed,
            "pages of any origin may make a token's calls, and no others" => tokens::origins,
        }
        "runs": {
            "a run is queued with every field, and canceled for good" => runs::canceled,
            "an input must match its schema, each error with its pointer" => runs::input,
            "metadata comes back, and is bounded" => runs::metadata,
            "`include` adds what it names, and nothing else" => runs::include,
            "a wait ends in its time, and is 1 to 60 seconds" => runs::waits,
            "a run tells its story: events, timeline, files, screenshots" => runs::story,
            "a session has its runs, and is ended once" => runs::session,
            "`outcome` is `result`, `workflow_id` matches none" => runs::older_filters,
            "a run that waits for nobody takes no answer and no review" => runs::no_answer,
            "events rise in number, and show no more than their resource" => runs::events,
        }
        "deliveries": {
            "an event is delivered to whoever asked for its type, and listed at once" => deliveries::written,
            "a delivery is sent once more, and a period replayed" => deliveries::again,
            "a test says what came of it, and a rotation shows another secret" => deliveries::tested,
            "older spellings of a destination mean the same" => deliveries::older_spellings,
        }
        "the stream": {
            "an event arrives as it commits, as it is read afterwards" => stream::arrives,
            "`Last-Event-ID` goes on without a gap, and must name an event" => stream::resumes,
            "`type` and `task_run_id` leave out the others" => stream::filtered,
            "a silent stream beats" => stream::beats,
        }
        "limits": {
            "an answer to a known key says how many requests are left" => limits::headers,
            "an answer to an unknown key does not" => limits::unknown_keys,
        }
        "the document": {
            "`/openapi.json` is OpenAPI 3.1, without a key" => document::served,
            "every answer so far is one that it has" => document::kept,
        }
        "afterwards": {
            "what was made is gone" => server::removed,
        }
    }
}

/// A table of lines, one after the other.
#[derive(Debug, Default)]
pub struct Table {
    group: &'static str,
}

impl Table {
    /// The next line, below its heading where that is a new one.
    pub fn line(&mut self, line: &Line) -> String {
        let mut text = String::new();
        if line.group != self.group {
            self.group = line.group;
            text = format!("\n{}\n", line.group);
        }
        let mark = match line.broken {
            Some(_) => "BROKEN",
            None => "ok",
        };
        text.push_str(&format!("  {mark:<6}  {}\n", line.promise));
        if let Some(broken) = &line.broken {
            text.push_str(&format!("          {broken}\n"));
        }
        text
    }
}

/// How many promises are kept, below the table.
pub fn summary(lines: &[Line]) -> String {
    let kept = lines.iter().filter(|line| line.broken.is_none()).count();
    format!("\n{kept} of {} promises kept", lines.len())
}
