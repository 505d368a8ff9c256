//! What every list promises of its pages, shown on a list by moment and chosen id (agents), on one
//! by the server's ids (credentials), and on one that begins at its oldest item (events).

use windlass_application::ports::credentials::CredentialFilter;
use windlass_application::ports::events::{EventFilter, Order};
use windlass_application::{Created, Key, Page, PageRequest, Position};
use windlass_domain::Timestamp;
use windlass_domain::event::EventType;

use crate::store::Fixture;

/// Pages one after the other bring each item once, in the list's order; the last says that it is.
pub async fn pages_cover_a_list_once(fixture: &Fixture) {
    for list in lists(fixture, 7).await {
        let whole = list.page(fixture, 100, Position::Start).await;
        assert_eq!(whole.items.len(), 7, "{list:?}");
        assert!(!whole.has_more, "{list:?}");

        let (mut seen, mut sizes) = (Vec::new(), Vec::new());
        let mut position = Position::Start;
        loop {
            let page = list.page(fixture, 3, position).await;
            sizes.push((page.items.len(), page.has_more));
            seen.extend(page.items.iter().cloned());
            match page.items.last() {
                Some(last) if page.has_more => position = Position::After(last.clone()),
                _ => break,
            }
        }

        assert_eq!(seen, whole.items, "{list:?}");
        assert_eq!(sizes, [(3, true), (3, true), (1, false)], "{list:?}");
    }
}

/// A page before an item is right above it, in the list's order.
pub async fn a_page_before_an_item_is_right_above_it(fixture: &Fixture) {
    for list in lists(fixture, 7).await {
        let whole = list.page(fixture, 100, Position::Start).await.items;

        let middle = list
            .page(fixture, 2, Position::Before(whole[4].clone()))
            .await;
        let top = list
            .page(fixture, 2, Position::Before(whole[2].clone()))
            .await;
        let nothing = list
            .page(fixture, 2, Position::Before(whole[0].clone()))
            .await;

        assert_eq!(middle.items, whole[2..4], "{list:?}");
        assert!(middle.has_more, "{list:?}");
        assert_eq!(top.items, whole[0..2], "{list:?}");
        assert!(!top.has_more, "{list:?}");
        assert_eq!(nothing.items, [], "{list:?}");
        assert!(!nothing.has_more, "{list:?}");
    }
}

/// What is added while somebody pages neither repeats nor hides what was there.
pub async fn rows_added_while_paging_change_no_page(fixture: &Fixture) {
    for list in lists(fixture, 4).await {
        let whole = list.page(fixture, 100, Position::Start).await.items;
        let first = list.page(fixture, 2, Position::Start).await.items;

        fixture.next_second();
        list.add(fixture, "late").await;
        let after = list
            .page(fixture, 2, Position::After(first[1].clone()))
            .await;

        assert_eq!(first, whole[0..2], "{list:?}");
        assert_eq!(after.items, whole[2..4], "{list:?}");
    }
}

/// Both ends of a range over moments are exclusive.
pub async fn a_range_of_moments_excludes_its_ends(fixture: &Fixture) {
    for list in lists(fixture, 7).await {
        let whole = list.page(fixture, 100, Position::Start).await.items;
        let mut moments: Vec<Timestamp> = whole.iter().map(|key| key.created_at).collect();
        moments.sort();
        moments.dedup();
        let (first, last) = (moments[0], moments[moments.len() - 1]);
        let created = Created {
            after: Some(first),
            before: Some(last),
        };

        let page = PageRequest {
            limit: 100,
            position: Position::Start,
        };
        let between = list.page_in(fixture, created, page).await.items;

        let inside: Vec<Key> = whole
            .into_iter()
            .filter(|key| key.created_at > first && key.created_at < last)
            .collect();
        assert!(!inside.is_empty());
        assert_eq!(between, inside, "{list:?}");
    }
}

/// A list that is shown in pages.
#[derive(Debug, Clone, Copy)]
enum List {
    Agents,
    Credentials,
    Events,
}

/// The lists, each with so many items: two of each moment.
async fn lists(fixture: &Fixture, items: usize) -> [List; 3] {
    fixture.source("src_power").await;
    for number in 0..items {
        if number % 2 == 0 {
            fixture.next_second();
        }
        for list in [List::Agents, List::Credentials] {
            list.add(fixture, &format!("{number}")).await;
        }
    }
    [List::Agents, List::Credentials, List::Events]
}

impl List {
    async fn add(self, fixture: &Fixture, name: &str) {
        match self {
            // Each agent makes the event that the list of events is about.
            Self::Agents => {
                fixture.agent(&format!("agt_{name}")).await;
            }
            Self::Events => {
                fixture.agent(&format!("agt_{name}_event")).await;
            }
            Self::Credentials => {
                let source = fixture.new_source("src_power");
                fixture.credential(&source.id).await;
            }
        }
    }

    async fn page(self, fixture: &Fixture, limit: u32, position: Position) -> Page<Key> {
        let page = PageRequest { limit, position };
        self.page_in(fixture, Created::default(), page).await
    }

    async fn page_in(self, fixture: &Fixture, created: Created, page: PageRequest) -> Page<Key> {
        let organization = fixture.organization;
        match self {
            Self::Agents => {
                let agents = &fixture.ports.agents;
                let page = agents.list(organization, created, page).await;
                keys(page.expect("a list"), |agent| {
                    (agent.agent.created_at, agent.agent.id.to_string())
                })
            }
            Self::Credentials => {
                let filter = CredentialFilter {
                    created,
                    ..CredentialFilter::default()
                };
                let credentials = &fixture.ports.credentials;
                let page = credentials.list(organization, filter, page).await;
                keys(page.expect("a list"), |credential| {
                    (credential.created_at, credential.id.to_string())
                })
            }
            Self::Events => {
                let filter = EventFilter {
                    types: vec![EventType::AgentCreated],
                    created,
                    ..EventFilter::default()
                };
                let events = &fixture.ports.events;
                let page = events
                    .list(organization, filter, Order::OldestFirst, page)
                    .await;
                keys(page.expect("a list"), |event| {
                    (event.created_at, event.id.to_string())
                })
            }
        }
    }
}

fn keys<T>(page: Page<T>, key: impl Fn(T) -> (Timestamp, String)) -> Page<Key> {
    let key = |item| {
        let (created_at, id) = key(item);
        Key { created_at, id }
    };
    Page {
        items: page.items.into_iter().map(key).collect(),
        has_more: page.has_more,
    }
}
