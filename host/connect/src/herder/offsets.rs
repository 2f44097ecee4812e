//! The offsets of a connector, seen and moved.

use super::{Herder, HerderError, Target};
use crate::engine::{Engine, OffsetChange};

impl<E: Engine> Herder<E> {
    /// Topic, partition, next offset.
    pub async fn offsets(&self, name: &str) -> Result<Vec<(String, i32, i64)>, HerderError> {
        let connector = self.known(name)?;
        let failed =
            |why: String| HerderError::Failed(format!("Failed to retrieve consumer group offsets for connector {name}: {why}"));
        let settings = self.settings(name, &connector.record.config).await.map_err(|failure| failed(failure.0))?;
        self.engine.offsets(&settings).await.map_err(|failure| failed(failure.0))
    }

    pub async fn alter_offsets(&self, name: &str, changes: Vec<OffsetChange>) -> Result<(), HerderError> {
        let failed = |why: &str| HerderError::Failed(format!("Failed to alter consumer group offsets for connector {name}{why}"));
        let _turn = self.turn(name).await;
        let connector = self.stopped(name)?;
        if changes.iter().any(|change| change.offset.is_some_and(|offset| offset < 0)) {
            return Err(HerderError::Failed(format!("Failed to modify offsets for sink connector {name}")));
        }
        if changes.iter().any(|change| change.partition < 0) {
            return Err(failed(""));
        }
        let settings = self.settings(name, &connector.record.config).await.map_err(|failure| failed(&format!(": {failure}")))?;
        self.engine.alter_offsets(&settings, changes).await.map_err(|failure| failed(&format!(": {failure}")))
    }

    pub async fn reset_offsets(&self, name: &str) -> Result<(), HerderError> {
        let failed =
            |why: String| HerderError::Failed(format!("Failed to reset consumer group offsets for connector {name}: {why}"));
        let _turn = self.turn(name).await;
        let connector = self.stopped(name)?;
        let settings = self.settings(name, &connector.record.config).await.map_err(|failure| failed(failure.0))?;
        self.engine.reset_offsets(&settings).await.map_err(|failure| failed(failure.0))
    }

    /// Refuses a connector whose offsets may not be moved now.
    pub(crate) fn movable(&self, name: &str) -> Result<(), HerderError> {
        self.stopped(name).map(|_| ())
    }

    fn stopped(&self, name: &str) -> Result<std::sync::Arc<super::Connector>, HerderError> {
        let connector = self.known(name)?;
        match connector.record.target {
            Target::Stopped => Ok(connector),
            Target::Running | Target::Paused => Err(HerderError::Refused(format!(
                "Connectors must be in the STOPPED state before their offsets can be modified. This can be done for the specified connector by \
                 issuing a 'PUT' request to the '/connectors/{name}/stop' endpoint"
            ))),
        }
    }
}
