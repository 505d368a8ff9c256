//! A run that waits for a person outlives its worker, where it left a checkpoint.

use windlass_domain::run::Epoch;

use super::*;

fn leaving(checkpoint: &str) -> NewTaskRun {
    NewTaskRun {
        input: Some(json!({"checkpoint": checkpoint})),
        ..NewTaskRun::default()
    }
}

/// The run, once it asks under this lease.
async fn asking_under(world: &World, run_id: RunId, epoch: Epoch) -> RunView {
    let runs = &world.application.ports.runs;
    let asking = async {
        loop {
            let view = runs.get(world.write.organization, run_id).await;
            let view = view.unwrap().unwrap();
            if view.run.epoch == epoch && view.run.status() == Status::InteractionRequired {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap()
}

#[tokio::test]
async fn the_next_start_goes_on_from_the_checkpoint_and_asks_again() {
    let world = World::begin().await;
    let task_id = world.task(None).await;
    let run_id = world.start(&task_id, leaving("page 7")).await;
    let first = asking_under(&world, run_id, Epoch(1)).await;

    let stop = CancellationToken::new();
    let next = start_worker(&world.application, &world.agent, &stop);
    let again = asking_under(&world, run_id, Epoch(2)).await;
    world.answer(run_id).await;
    let ended = world.wait(run_id).await;

    assert_eq!((first.run.attempts, again.run.attempts), (1, 1));
    assert_eq!(ended.run.status(), Status::Completed, "{ended:?}");
    let output = ended.output.unwrap();
    assert_eq!(output["goes_on_from"], "page 7");
    assert_eq!(output["code"], "123456");
    stop.cancel();
    next.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_drain_gives_back_a_run_that_waits() {
    let world = World::begin().await;
    let task_id = world.task(None).await;
    let run_id = world.start(&task_id, leaving("page 7")).await;
    asking_under(&world, run_id, Epoch(1)).await;

    world.stop.cancel();
    world.worker.await.unwrap().unwrap();

    let runs = &world.application.ports.runs;
    let run = runs.get(world.write.organization, run_id).await;
    let run = run.unwrap().unwrap().run;
    assert_eq!(run.status(), Status::Queued);
    assert_eq!(run.attempts, 0);
}
