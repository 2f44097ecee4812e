//! What becomes of requests to Snowflake: lost, late, answered, or the answer lost.

use super::*;

impl World {
    pub(super) fn send(&mut self, gateway: usize, request: Request) {
        let life = self.gateways[gateway].life;
        let delay = self.latency();
        if self.faulty && self.random.chance(12) {
            // Lost on the way, or late: the client gives up first, and the request may still arrive.
            let event = match &request {
                Request::Open { lane, session, .. } => {
                    let outcome = OpenOutcome::Unknown { retry_after: None };
                    Some((To::Lane(*lane), Event::OpenAnswered { session: *session, outcome }))
                }
                Request::Append { lane, session, body, .. } => {
                    let outcome = AppendOutcome::Unknown;
                    Some((To::Lane(*lane), Event::AppendAnswered { session: *session, body: *body, outcome }))
                }
                Request::Status { .. } => None,
                Request::DeadLetter(_) => Some((To::All, Event::DeadLetterFailed)),
            };
            if let Some((to, event)) = event {
                self.after(delay, Delivery::Gateway { gateway, life, to, event });
            }
            if self.random.chance(40) {
                let late = delay + self.random.below(300);
                self.after(late, Delivery::Server { gateway, life: 0, request });
            }
            return;
        }
        self.after(delay, Delivery::Server { gateway, life, request });
    }

    /// `life` 0: nobody waits for the answer any more.
    pub(super) fn serve(&mut self, gateway: usize, life: u64, request: Request) {
        let (to, event) = match request {
            Request::Open { lane, session, force } => {
                (To::Lane(lane), Event::OpenAnswered { session, outcome: self.channels[lane].open(force) })
            }
            Request::Append { lane, session, body, token, rows, end } => {
                let outcome = if self.faulty && self.random.chance(5) {
                    AppendOutcome::NotApplied { retry_after: self.random.chance(50).then_some(30) }
                } else {
                    self.channels[lane].append(token, &rows, end)
                };
                // Applied, and the answer lost.
                let outcome = if self.faulty && self.random.chance(8) { AppendOutcome::Unknown } else { outcome };
                (To::Lane(lane), Event::AppendAnswered { session, body, outcome })
            }
            Request::Status { lane, session } => {
                let committed = self.channels[lane].committed.and_then(Offset::new);
                let valid = !(self.faulty && self.random.chance(3));
                (To::Lane(lane), Event::StatusSeen { session, valid, committed, row_errors: 0 })
            }
            Request::DeadLetter(offset) => {
                self.dead.insert(offset);
                let offset = Offset::new(offset).expect("a log's offsets are offsets");
                (To::All, Event::DeadLetterDelivered(offset))
            }
        };
        if life != 0 {
            let delay = self.latency();
            self.after(delay, Delivery::Gateway { gateway, life, to, event });
        }
    }
}
