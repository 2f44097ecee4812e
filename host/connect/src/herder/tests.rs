use std::path::Path;

use super::memory::{MemoryEngine, login, worker};
use super::*;
use crate::secrets::MASK;

fn open(folder: &Path) -> (Arc<MemoryEngine>, Arc<Herder<MemoryEngine>>) {
    let engine = Arc::new(MemoryEngine::default());
    let herder = Herder::open(Arc::clone(&engine), worker(folder)).unwrap();
    (engine, herder.into())
}

fn config(more: &[(&str, &str)]) -> ConfigMap {
    let mut config: ConfigMap = [("connector.class", plugins::SINK_V3), ("topics", "t")]
        .into_iter()
        .map(|(key, value)| (key.to_owned(), Some(value.to_owned())))
        .collect();
    config.extend(login().into_iter().map(|(key, value)| (key, Some(value))));
    config.extend(more.iter().map(|(key, value)| ((*key).to_owned(), Some((*value).to_owned()))));
    config
}

fn state(herder: &Herder<MemoryEngine>, name: &str) -> State {
    herder.status(name).unwrap().state
}

#[tokio::test]
async fn of_two_connectors_made_at_once_under_one_name_one_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    let (one, other) = tokio::join!(
        herder.create("c", config(&[("x", "1")]), Target::Running),
        herder.create("c", config(&[("x", "2")]), Target::Running)
    );
    let (made, refused) = if one.is_ok() { (one, other) } else { (other, one) };
    assert_eq!(refused, Err(HerderError::Conflict("Connector c already exists".to_owned())));
    assert_eq!(herder.info("c").unwrap().config, made.unwrap().config);
    assert_eq!(engine.memory().calls, ["start c"]);
}

#[tokio::test]
async fn connectors_survive_a_restart_with_their_target_states_and_configs_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let (_, herder) = open(folder.path());
    for (name, target) in [("running", Target::Running), ("paused", Target::Running), ("stopped", Target::Stopped)] {
        herder.create(name, config(&[("tasks.max", "3"), ("a", "1")]), target).await.unwrap();
    }
    herder.aim("paused", Target::Paused).await.unwrap();
    let before: Vec<_> = ["paused", "running", "stopped"].map(|name| (herder.info(name), herder.topics(name))).into();
    herder.stop_all().await;
    drop(herder);

    let (engine, herder) = open(folder.path());
    assert!(!herder.is_started());
    herder.start_all().await;
    assert!(herder.is_started());
    let after: Vec<_> = herder.names().iter().map(|name| (herder.info(name), herder.topics(name))).collect();
    assert_eq!(before, after);
    let keys = |info: &Info| info.config.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(before[0].0.as_ref().unwrap()), keys(after[0].0.as_ref().unwrap()));
    assert_eq!(
        [state(&herder, "paused"), state(&herder, "running"), state(&herder, "stopped")],
        [State::Paused, State::Running, State::Stopped]
    );
    assert_eq!(herder.status("paused").unwrap().tasks.len(), 3);
    assert_eq!(engine.memory().calls, ["start running"]);
}

#[tokio::test]
async fn a_topic_that_was_reset_is_gone_until_a_record_of_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[("topics", "t,u")]), Target::Running).await.unwrap();
    let topics = || herder.topics("c").into_iter().collect::<Vec<_>>();
    assert_eq!(topics(), ["t", "u"]);
    herder.reset_topics("c").await.unwrap();
    assert!(topics().is_empty());
    engine.memory().pipelines.get_mut("c").unwrap().topics.insert("u".to_owned());
    assert_eq!(topics(), ["u"]);
    herder.aim("c", Target::Stopped).await.unwrap();
    assert_eq!(topics(), ["u"]);
    herder.reset_topics("c").await.unwrap();
    assert!(topics().is_empty());
}

#[tokio::test]
async fn a_connector_that_does_not_start_is_failed_and_kept_and_harms_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    engine.memory().broken.insert("bad".to_owned(), "channel refused\n  because: no".to_owned());
    herder.create("bad", config(&[]), Target::Running).await.unwrap();
    herder.create("good", config(&[]), Target::Running).await.unwrap();
    let status = herder.status("bad").unwrap();
    assert_eq!((status.state, status.trace.as_deref()), (State::Failed, Some("channel refused\n  because: no")));
    assert_eq!(state(&herder, "good"), State::Running);
    assert_eq!(herder.restart("bad", false, false).await, Err(HerderError::Failed("Failed to start connector: bad".to_owned())));
    engine.memory().broken.clear();
    herder.restart("bad", false, true).await.unwrap();
    assert_eq!(state(&herder, "bad"), State::Running);
}

#[tokio::test]
async fn a_refused_configuration_leaves_the_running_one_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[]), Target::Running).await.unwrap();
    let before = herder.info("c").unwrap();
    assert!(matches!(herder.put("c", config(&[("tasks.max", "0")])).await, Err(HerderError::Refused(_))));
    engine
        .memory()
        .complaints
        .push(crate::engine::Complaint { key: "snowflake.user.name", message: ": Cannot connect to Snowflake".to_owned() });
    let Err(HerderError::Refused(message)) = herder.put("c", config(&[("tasks.max", "2")])).await else { panic!("it was taken") };
    assert_eq!(message.lines().nth(1), Some("snowflake.user.name: Cannot connect to Snowflake"));
    assert_eq!(herder.info("c").unwrap(), before);
    assert_eq!(engine.memory().calls, ["start c"]);
}

#[tokio::test]
async fn nothing_changes_when_the_state_folder_cannot_be_written() {
    let parent = tempfile::tempdir().unwrap();
    let folder = parent.path().join("state");
    let (engine, herder) = open(&folder);
    herder.create("c", config(&[]), Target::Running).await.unwrap();
    let before = herder.info("c").unwrap();
    // Stands for a folder that is full or read-only, also where the test may write everywhere.
    std::fs::rename(&folder, parent.path().join("elsewhere")).unwrap();
    let failures = [
        herder.create("d", config(&[]), Target::Running).await.map(|_| ()),
        herder.put("c", config(&[("x", "1")])).await.map(|_| ()),
        herder.patch("c", config(&[("x", "1")])).await.map(|_| ()),
        herder.aim("c", Target::Stopped).await,
        herder.delete("c").await,
    ];
    for failure in failures {
        let Err(HerderError::Failed(message)) = failure else { panic!("it was carried out") };
        assert!(message.contains("connector `") && message.ends_with("Nothing was changed."), "{message}");
    }
    assert_eq!(herder.names(), ["c"]);
    assert_eq!(herder.info("c").unwrap(), before);
    assert_eq!(state(&herder, "c"), State::Running);
    assert_eq!(engine.memory().calls, ["start c"]);
}

#[tokio::test]
async fn a_masked_secret_sent_back_keeps_the_stored_one() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[("x.password", "hunter2")]), Target::Running).await.unwrap();
    let shown = herder.info("c").unwrap().config;
    assert_eq!(shown["snowflake.private.key"].as_deref(), Some(MASK));
    assert_eq!(shown["x.password"].as_deref(), Some(MASK));

    let mut changed = shown.clone();
    changed.insert("tasks.max".to_owned(), Some("2".to_owned()));
    herder.put("c", changed).await.unwrap();
    herder.patch("c", ConfigMap::from([("x.password".to_owned(), Some(MASK.to_owned()))])).await.unwrap();
    let stored = herder.get("c").unwrap().record.config.clone();
    assert_eq!(stored["x.password"].as_deref(), Some("hunter2"));
    assert_eq!(stored["snowflake.private.key"], config(&[])["snowflake.private.key"]);
    assert_eq!(engine.memory().calls, ["start c", "stop c", "start c"]);
    assert!(matches!(herder.create("d", shown, Target::Running).await, Err(HerderError::Refused(_))));
}

#[tokio::test]
async fn a_mask_that_stands_for_nothing_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (_, herder) = open(folder.path());
    let Err(HerderError::Refused(message)) = herder.create("c", config(&[("x.password", MASK)]), Target::Running).await else {
        panic!("it was taken")
    };
    assert!(message.contains("x.password"), "{message}");
}

#[tokio::test]
async fn the_same_configuration_again_does_not_disturb_what_runs_but_restarts_what_failed() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[]), Target::Running).await.unwrap();
    herder.put("c", config(&[])).await.unwrap();
    assert_eq!(engine.memory().calls, ["start c"]);
    engine.fail_tasks("c", "permission denied");
    herder.put("c", config(&[])).await.unwrap();
    assert_eq!(engine.memory().calls, ["start c", "stop c", "start c"]);
}

#[tokio::test]
async fn a_stall_is_told_by_a_task_that_runs() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[("tasks.max", "2")]), Target::Running).await.unwrap();
    engine.memory().pipelines.get_mut("c").unwrap().tasks[1].trace = Some("Snowflake answers 503".to_owned());
    let status = herder.status("c").unwrap();
    assert_eq!(status.state, State::Running);
    assert_eq!(status.tasks[0], TaskStatus { state: State::Running, trace: None });
    assert_eq!(status.tasks[1], TaskStatus { state: State::Running, trace: Some("Snowflake answers 503".to_owned()) });
    engine.memory().pipelines.get_mut("c").unwrap().failed = Some("the broker is gone".to_owned());
    let status = herder.status("c").unwrap();
    assert_eq!((status.state, status.trace.as_deref()), (State::Failed, Some("the broker is gone")));
}

#[tokio::test]
async fn a_paused_connector_has_no_pipeline_and_takes_a_new_configuration_only_when_it_resumes() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[]), Target::Running).await.unwrap();
    herder.aim("c", Target::Paused).await.unwrap();
    herder.put("c", config(&[("tasks.max", "2")])).await.unwrap();
    assert_eq!(herder.status("c").unwrap().tasks.len(), 1);
    assert_eq!(engine.memory().calls, ["start c", "stop c"]);
    herder.aim("c", Target::Running).await.unwrap();
    assert_eq!(herder.status("c").unwrap().tasks.len(), 2);
    assert_eq!(engine.memory().settings["c"].tasks_max, 2);
}

#[tokio::test]
async fn nothing_is_started_any_more_once_the_gateway_stops() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[]), Target::Running).await.unwrap();
    herder.stop_all().await;
    herder.create("d", config(&[]), Target::Running).await.unwrap();
    assert_eq!(engine.memory().calls, ["start c", "stop c"]);
    drop(herder);
    let (engine, herder) = open(folder.path());
    herder.start_all().await;
    assert_eq!(engine.memory().pipelines.len(), 2);
}

#[tokio::test]
async fn connectors_never_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let (_, herder) = open(folder.path());
    let _turn_of_another = herder.turn("a").await;
    herder.create("b", config(&[]), Target::Running).await.unwrap();
    herder.restart("b", true, false).await.unwrap();
    assert_eq!(state(&herder, "b"), State::Running);
}

#[tokio::test]
async fn a_damaged_state_file_costs_its_connector_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (_, herder) = open(folder.path());
    herder.create("a", config(&[]), Target::Running).await.unwrap();
    herder.create("b", config(&[]), Target::Running).await.unwrap();
    drop(herder);
    std::fs::write(folder.path().join("a.json"), "{").unwrap();
    let (_, herder) = open(folder.path());
    herder.start_all().await;
    assert_eq!(herder.names(), ["b"]);
    assert!(folder.path().join("a.json.corrupt").exists());
}

#[tokio::test]
async fn a_stored_configuration_that_is_no_longer_valid_is_failed_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let (_, herder) = open(folder.path());
    herder.create("a", config(&[]), Target::Running).await.unwrap();
    let mut broken = (*herder.get("a").unwrap()).clone();
    broken.record.config.insert("tasks.max".to_owned(), Some("none".to_owned()));
    herder.keep(broken).await.unwrap();
    drop(herder);
    let (_, herder) = open(folder.path());
    herder.start_all().await;
    let status = herder.status("a").unwrap();
    assert_eq!(status.state, State::Failed);
    assert!(status.trace.unwrap().starts_with("Invalid value none for configuration tasks.max"));
}

#[tokio::test]
async fn a_connector_can_be_stopped_while_a_new_configuration_is_being_checked() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[]), Target::Running).await.unwrap();
    let (reached, held) = engine.hold_check();
    let put = tokio::spawn({
        let herder = Arc::clone(&herder);
        async move { herder.put("c", config(&[("tasks.max", "2")])).await }
    });
    reached.await.unwrap();
    herder.aim("c", Target::Stopped).await.unwrap();
    assert_eq!(state(&herder, "c"), State::Stopped);
    held.send(()).unwrap();
    put.await.unwrap().unwrap();
    assert_eq!(state(&herder, "c"), State::Stopped);
    assert_eq!(engine.memory().calls, ["start c", "stop c"]);
}

#[tokio::test]
async fn a_patch_is_made_of_the_configuration_that_is_stored_when_it_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let (engine, herder) = open(folder.path());
    herder.create("c", config(&[]), Target::Running).await.unwrap();
    let (reached, held) = engine.hold_check();
    let patch = tokio::spawn({
        let herder = Arc::clone(&herder);
        async move { herder.patch("c", ConfigMap::from([("x".to_owned(), Some("1".to_owned()))])).await }
    });
    reached.await.unwrap();
    herder.put("c", config(&[("y", "2")])).await.unwrap();
    held.send(()).unwrap();
    let patched = patch.await.unwrap().unwrap().config;
    assert_eq!((patched["x"].as_deref(), patched["y"].as_deref()), (Some("1"), Some("2")));
}
