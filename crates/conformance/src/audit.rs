//! What the port `Audit` promises, and what verifying finds of what was done to the chain past it.

use std::sync::Arc;

use windlass_application::Actor;
use windlass_application::audit::{AuditEntry, Link};
use windlass_application::ports::StoreError;
use windlass_application::verify_audit::{Broken, Verified, VerifyAudit};

use crate::keeping::{Keeping, PlainVault};
use crate::store::done;

/// Who, what, when, by which request and from where: of each change once, and of a replayed or
/// refused call not at all. What nobody asked for is not in it.
pub async fn each_change_that_somebody_asked_for_is_in_it_once(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let agents = &fixture.ports.agents;
    let mut by_caller = fixture.write_once("k", "body");
    by_caller.address = Some([192, 0, 2, 1].into());
    let request_id = by_caller.request_id;
    let agent = fixture.new_agent("agt_billing");
    let created = agents.create(by_caller, agent.clone()).await;
    done(created.expect("it is new"));
    let mut by_worker = fixture.write();
    by_worker.actor = Actor::Server;

    let repeated = agents
        .create(fixture.write_once("k", "body"), agent.clone())
        .await;
    let refused = agents.create(fixture.write(), agent).await;
    let unasked = agents
        .create(by_worker, fixture.new_agent("agt_other"))
        .await;

    repeated.expect("the first answer");
    refused.expect_err("the id is taken");
    done(unasked.expect("it is new"));
    let entries = entries(keeping).await;
    let by_operator = entries.first().expect("the fixture's own");
    assert_eq!(by_operator.action, "organization.create");
    assert_eq!(by_operator.actor, "operator");
    assert_eq!(
        entries[1..],
        [AuditEntry {
            organization_id: keeping.organization_id(),
            at: fixture.now(),
            actor: fixture.key_id.to_string(),
            request_id,
            address: Some("192.0.2.1".to_owned()),
            action: "agent.create".to_owned(),
            subject: "agt_billing".to_owned(),
        }]
    );
}

/// What an operator does is in it, from the machine that it was done on.
pub async fn what_an_operator_does_is_in_it(keeping: &Keeping) {
    let fixture = &keeping.fixture;
    let organizations = &fixture.ports.organizations;
    let operator = fixture.operator();
    for suspended in [true, true, false] {
        let set =
            organizations.set_suspended(operator.clone(), keeping.organization_id(), suspended);
        set.await.expect("it is there");
    }

    let entries = entries(keeping).await;

    let actions: Vec<&str> = entries.iter().map(|entry| &*entry.action).collect();
    assert_eq!(
        actions,
        [
            "organization.create",
            "organization.suspend",
            "organization.resume"
        ]
    );
    let resumed = entries.last().expect("it is there");
    assert_eq!(resumed.request_id, operator.request_id);
    assert_eq!(resumed.address, operator.host);
}

/// Entries are linked in the order in which they were written, in as many steps as it takes, each
/// organization's by themselves.
pub async fn entries_are_linked_in_the_order_of_writing(keeping: &Keeping) {
    four_agents(keeping).await;
    let organization_id = keeping.organization_id();
    let unlinked = keeping.audit.unlinked().await.expect("a read");
    assert!(unlinked.contains(&organization_id), "{unlinked:?}");

    let mut linked = Vec::new();
    for _ in 0..4 {
        linked.push(link(keeping, 2).await.expect("they are linked"));
    }

    assert_eq!(linked, [2, 2, 1, 0]);
    let chain = keeping.audit.chain(organization_id, 0, 100).await;
    let chain = chain.expect("a read");
    let mut expected = Link::START;
    for found in &chain {
        expected = expected.next(&found.entry);
        assert_eq!(found.link, expected);
    }
    let subjects: Vec<&str> = chain.iter().map(|found| &*found.entry.subject).collect();
    assert_eq!(subjects[1..], ["agt_0", "agt_1", "agt_2", "agt_3"]);
    let unlinked = keeping.audit.unlinked().await.expect("a read");
    let theirs = keeping.fixture.stranger.organization_id();
    assert_eq!(unlinked, [theirs]);
    let rest = keeping.audit.chain(organization_id, 4, 100).await;
    assert_eq!(rest.expect("a read"), chain[4..]);
    assert_eq!(verify(keeping, None).await, whole(expected));
}

/// Chainers of several replicas at once link each entry once.
pub async fn chainers_at_once_make_one_chain(keeping: &Keeping) {
    four_agents(keeping).await;

    let (a, b, c) = tokio::join!(link(keeping, 2), link(keeping, 2), link(keeping, 2));

    let linked: u32 = [a, b, c].into_iter().map(|it| it.expect("linked")).sum();
    assert_eq!(linked, 5);
    let verified = verify(keeping, None).await;
    assert_eq!((verified.link.position, verified.broken), (5, None));
}

/// What is not linked yet is listed too; the newest first.
pub async fn the_newest_are_listed_first(keeping: &Keeping) {
    four_agents(keeping).await;
    link(keeping, 3).await.expect("they are linked");

    let listed = keeping.audit.newest(keeping.organization_id(), 4).await;

    let listed: Vec<(Option<u64>, String)> = listed
        .expect("a read")
        .into_iter()
        .map(|listed| (listed.position, listed.entry.subject))
        .collect();
    let expected = [
        (None, "agt_3"),
        (None, "agt_2"),
        (Some(3), "agt_1"),
        (Some(2), "agt_0"),
    ];
    assert_eq!(
        listed,
        expected.map(|(position, subject)| (position, subject.to_owned()))
    );
}

/// Verifying names the first link that is broken, whatever was done to the chain.
pub async fn what_is_done_to_the_chain_is_found(keeping: &Keeping) {
    four_agents(keeping).await;
    link(keeping, 10).await.expect("they are linked");
    keeping
        .outside("CREATE TABLE audit_before AS SELECT * FROM audit")
        .await;
    keeping
        .outside("CREATE TABLE head_before AS SELECT * FROM audit_head")
        .await;
    let whole = verify(keeping, None).await;
    assert_eq!((whole.link.position, whole.broken), (5, None));
    let changed = |position| Some(Broken::Changed { position });

    for (what, statements, broken) in [
        (
            "a text",
            &["UPDATE audit SET subject = 'agt_9' WHERE position = 3"][..],
            changed(3),
        ),
        (
            "who",
            &["UPDATE audit SET address = NULL, actor = 'operator' WHERE position = 2"],
            changed(2),
        ),
        (
            "a row in the middle",
            &["DELETE FROM audit WHERE position = 2"],
            Some(Broken::Gone { position: 2 }),
        ),
        (
            "a row, and those after it moved up",
            &[
                "DELETE FROM audit WHERE position = 2",
                "UPDATE audit SET position = 2 WHERE position = 3",
                "UPDATE audit SET position = 3 WHERE position = 4",
                "UPDATE audit SET position = 4 WHERE position = 5",
            ],
            changed(2),
        ),
        (
            "two rows change places",
            &[
                "UPDATE audit SET position = 9 WHERE position = 2",
                "UPDATE audit SET position = 2 WHERE position = 3",
                "UPDATE audit SET position = 3 WHERE position = 9",
            ],
            changed(2),
        ),
        (
            "the end",
            &["DELETE FROM audit WHERE position > 3"],
            Some(Broken::Cut {
                position: 4,
                last: 5,
            }),
        ),
        (
            "all",
            &["DELETE FROM audit"],
            Some(Broken::Cut {
                position: 1,
                last: 5,
            }),
        ),
        (
            "the head",
            &["DELETE FROM audit_head"],
            Some(Broken::HeadGone),
        ),
        (
            "all with the head",
            &["DELETE FROM audit", "DELETE FROM audit_head"],
            Some(Broken::Empty),
        ),
        (
            "another organization's head",
            &["UPDATE audit_head SET sealed = (SELECT hash FROM audit WHERE position = 1)"],
            Some(Broken::HeadForged),
        ),
    ] {
        for statement in statements {
            keeping.outside(statement).await;
        }

        assert_eq!(verify(keeping, None).await.broken, broken, "{what}");

        for statement in [
            "DELETE FROM audit",
            "DELETE FROM audit_head",
            "INSERT INTO audit SELECT * FROM audit_before",
            "INSERT INTO audit_head SELECT * FROM head_before",
        ] {
            keeping.outside(statement).await;
        }
        assert_eq!(verify(keeping, None).await, whole, "{what}");
    }
}

/// Who puts an old head back with an old end is found by an anchor that was noted elsewhere, and by
/// nothing else.
pub async fn an_end_that_is_cut_with_its_head_is_found_by_an_anchor(keeping: &Keeping) {
    link(keeping, 10).await.expect("it is linked");
    keeping
        .outside("CREATE TABLE head_before AS SELECT * FROM audit_head")
        .await;
    four_agents(keeping).await;
    link(keeping, 10).await.expect("they are linked");
    let anchor = verify(keeping, None).await.link;
    assert_eq!(verify(keeping, Some(anchor)).await, whole(anchor));

    for statement in [
        "DELETE FROM audit WHERE position > 1",
        "DELETE FROM audit_head",
        "INSERT INTO audit_head SELECT * FROM head_before",
    ] {
        keeping.outside(statement).await;
    }

    assert_eq!(verify(keeping, None).await.broken, None);
    let cut = Broken::Cut {
        position: 2,
        last: 5,
    };
    assert_eq!(verify(keeping, Some(anchor)).await.broken, Some(cut));
    let other = Link {
        hash: [7; 32],
        ..Link::START.next(&entries(keeping).await[0])
    };
    let verified = verify(keeping, Some(other)).await;
    assert_eq!(verified.broken, Some(Broken::NotAnchored { position: 1 }));
}

/// A chain whose head is gone or forged is not gone on with: what was done to it stays visible.
pub async fn a_chain_without_its_head_is_not_gone_on_with(keeping: &Keeping) {
    link(keeping, 10).await.expect("it is linked");
    four_agents(keeping).await;
    let before = verify(keeping, None).await;

    for statement in [
        "UPDATE audit_head SET sealed = (SELECT hash FROM audit WHERE position = 1)",
        "DELETE FROM audit_head",
    ] {
        keeping.outside(statement).await;
        let refused = link(keeping, 10).await;
        assert!(
            matches!(refused, Err(StoreError::Corrupt { .. })),
            "{refused:?}"
        );
    }

    let after = verify(keeping, None).await;
    assert_eq!(after.unlinked, before.unlinked);
    assert_eq!(after.broken, Some(Broken::HeadGone));
}

fn whole(link: Link) -> Verified {
    Verified {
        link,
        unlinked: 0,
        broken: None,
    }
}

async fn four_agents(keeping: &Keeping) {
    for number in 0..4 {
        keeping.fixture.agent(&format!("agt_{number}")).await;
    }
}

async fn link(keeping: &Keeping, limit: u32) -> Result<u32, StoreError> {
    let organization_id = keeping.organization_id();
    let linked = keeping
        .audit
        .link(organization_id, limit, keeping.head_seal());
    linked.await
}

async fn verify(keeping: &Keeping, anchor: Option<Link>) -> Verified {
    let vault = Arc::new(PlainVault::default());
    let verify = VerifyAudit::new(Arc::clone(&keeping.audit), vault);
    let verified = verify.execute(keeping.organization_id(), anchor).await;
    verified.expect("it can be read")
}

/// All entries, oldest first.
async fn entries(keeping: &Keeping) -> Vec<AuditEntry> {
    let listed = keeping.audit.newest(keeping.organization_id(), 100).await;
    let listed = listed.expect("a read").into_iter().rev();
    listed.map(|listed| listed.entry).collect()
}
