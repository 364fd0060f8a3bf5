//! Follows what grid operators ask.

use std::sync::Arc;

use sunward_core::Input;

use super::{Engine, IDLE};
use crate::demand::Heard;
use crate::error::DriveError;
use crate::event::Event;
use crate::inbox::Arrival;

impl Engine<'_, '_> {
    /// Waits for the first answer about demand response, so that nothing starts during an emergency.
    /// Without a feed, nothing is asked any more.
    pub(super) fn listen(&mut self) -> Result<(), DriveError> {
        if self.demand.is_none() {
            return self.decide(Input::Curtailments {
                curtailments: Arc::default(),
            });
        }
        while self.demand.as_ref().is_some_and(|demand| !demand.has_heard) {
            match self.inbox.next_within(IDLE) {
                Some(Arrival::Demanded(heard)) => self.follow(*heard)?,
                Some(Arrival::Control(control)) => {
                    self.delayed.push_back(Arrival::Control(control));
                    return Ok(());
                }
                Some(arrival) => self.delayed.push_back(arrival),
                None => {}
            }
        }
        Ok(())
    }

    /// Handles what grid operators ask.
    pub(super) fn follow(&mut self, heard: Heard) -> Result<(), DriveError> {
        let Some(demand) = &mut self.demand else {
            return Ok(());
        };
        let told = demand.take(heard, self.state.curtailments());
        for line in &told.notices {
            self.observer.tell(&Event::Notice { line }, &self.state);
        }
        match told.curtailments {
            Some(curtailments) => self.decide(Input::Curtailments { curtailments }),
            None => Ok(()),
        }
    }
}
