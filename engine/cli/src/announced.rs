//! What grid operators have announced for the pools of a plan.

use std::sync::Arc;

use sunward_core::place::{Outlook, SignalKind};
use sunward_core::{Curtailment, Curtailments, PoolId, Timestamp};
use sunward_grid::provider::openadr::{Events, Vtn};
use sunward_grid::provider::{Access, Client, OpenAdrOptions, Provider, SignalError, really_wait};
use sunward_workflows::PoolSpec;

use crate::demand::{LIMITS, curtailments, in_words, server};
use crate::exit::wrong_input;
use crate::providers::access;
use crate::render;
use crate::render::style::harmless;
use crate::settings::Settings;

/// What is announced for the pools of a plan.
#[derive(Debug, Default)]
pub(crate) struct Announced {
    all: Vec<Curtailment>,
    /// The names of the pools that have a curtailment.
    names: Vec<(PoolId, String)>,
    /// The events of the servers of a fleet's pools, with their zones and what their intensities
    /// count.
    figures: Vec<(String, SignalKind, Events)>,
}

impl Announced {
    /// Asks the servers of a fleet's pools. If one does not answer, the plan is made without it, and
    /// says so.
    ///
    /// # Errors
    /// Fails if an address or a key is not valid.
    pub(crate) fn for_fleet(
        settings: &Settings,
        pools: &[PoolSpec],
        now: Timestamp,
    ) -> anyhow::Result<Self> {
        let mut announced = Self::default();
        if pools.iter().all(|pool| pool.openadr.is_none()) {
            return Ok(announced);
        }
        let access = access(settings, &[]).map_err(|error| wrong(&error))?;
        let client = Arc::new(Client::new(LIMITS, really_wait())?);
        for (nth, pool) in (0_u32..).zip(pools) {
            let Some(spec) = &pool.openadr else {
                continue;
            };
            let options = OpenAdrOptions {
                url: Some(spec.url.clone()),
                program: spec.program.clone(),
                names: spec.names.clone(),
                ..OpenAdrOptions::default()
            };
            let vtn = access
                .vtn_of_pool(&client, &pool.name, &options)
                .map_err(|error| wrong(&error))?;
            if let Some(events) = announced.ask(&vtn, (PoolId(nth), &pool.name), now) {
                let kind = match spec.is_ghg_average {
                    true => SignalKind::Average,
                    false => SignalKind::Marginal,
                };
                announced.figures.push((pool.zone.clone(), kind, events));
            }
        }
        Ok(announced)
    }

    /// Asks the server of this machine's site, if the settings or the environment name one. Its
    /// prices and intensities come with `grid: openadr`, as in a run.
    ///
    /// # Errors
    /// Fails if the address or the key is not valid.
    pub(crate) fn for_here(settings: &Settings, now: Timestamp) -> anyhow::Result<Self> {
        let mut announced = Self::default();
        let access: Access = access(settings, &[]).map_err(|error| wrong(&error))?;
        if access.names(Provider::OpenAdr) {
            let vtn = server(&access, LIMITS).map_err(|error| wrong(&error))?;
            announced.ask(&vtn, (PoolId::default(), "here"), now);
        }
        Ok(announced)
    }

    /// Says that nobody is asked, because the plan is for recorded time.
    pub(crate) fn of_recorded_time(settings: &Settings, pools: &[PoolSpec]) -> Self {
        let here = access(settings, &[]).is_ok_and(|access| access.names(Provider::OpenAdr));
        let of_pools = pools.iter().any(|pool| pool.openadr.is_some());
        if of_pools || (pools.is_empty() && here) {
            render::say("openadr: the plan is for recorded time, so no grid operator is asked");
        }
        Self::default()
    }

    fn ask(&mut self, vtn: &Vtn, (id, name): (PoolId, &str), now: Timestamp) -> Option<Events> {
        let events = match vtn.events(now) {
            Ok(events) => events,
            Err(error) => {
                render::say(&harmless(&format!(
                    "pool {name}: the grid operator's server does not answer: {error}; the plan does not know what it asks"
                )));
                return None;
            }
        };
        let lines = events.asked.iter().map(in_words);
        let lines = lines.chain(events.warnings.clone());
        for line in lines.chain(events.mistakes.clone()) {
            render::say(&harmless(&format!("pool {name}: {line}")));
        }
        let asked = curtailments(events.asked.clone(), id, now);
        if !asked.is_empty() {
            self.names.push((id, name.to_owned()));
        }
        self.all.extend(asked);
        Some(events)
    }

    /// The curtailments of the pools.
    pub(crate) fn curtailments(&self) -> Arc<Curtailments> {
        Arc::new(Curtailments {
            all: self.all.clone(),
            silent_since: None,
        })
    }

    /// Each curtailment with the name of its pool.
    pub(crate) fn named(&self) -> impl Iterator<Item = (&str, &Curtailment)> {
        self.all.iter().filter_map(|one| {
            let mut names = self.names.iter();
            let (_, name) = names.find(|(id, _)| *id == one.pool)?;
            Some((name.as_str(), one))
        })
    }

    /// Puts announced prices and intensities into an outlook.
    pub(crate) fn put_into(&self, outlook: &mut Outlook) {
        for (zone, kind, events) in &self.figures {
            events.announce(outlook, zone, *kind);
        }
    }
}

fn wrong(error: &SignalError) -> anyhow::Error {
    wrong_input(format!("openadr: {error}"))
}
