//! NVML: the GPUs' own energy counters. NVIDIA's management library is loaded when a GPU is first
//! allocated.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use nvml_wrapper::Nvml;
use sunward_core::Energy;
use sunward_kernels::device::Card;

use super::rated;
use crate::clock::micros;
use crate::devices::HeldGpus;

/// The management library, loaded when first needed.
pub(super) struct Management {
    library: PathBuf,
    loaded: OnceLock<Option<Nvml>>,
    driver: OnceLock<Option<Arc<str>>>,
}

impl Management {
    pub(super) fn at(library: PathBuf) -> Self {
        Self {
            library,
            loaded: OnceLock::new(),
            driver: OnceLock::new(),
        }
    }

    /// The library, if it exists and can be initialized.
    fn library(&self) -> Option<&Nvml> {
        let load = || {
            let nvml = Nvml::builder().lib_path(self.library.as_os_str()).init();
            nvml.inspect_err(|error| tracing::info!("no meter of GPUs: {error}"))
                .ok()
        };
        self.loaded.get_or_init(load).as_ref()
    }

    /// The version of the driver; `None` without the library.
    pub(super) fn driver(&self) -> Option<Arc<str>> {
        let ask = || {
            let version = self.library()?.sys_driver_version();
            let version = version.inspect_err(|error| tracing::info!("no driver version: {error}"));
            version.ok().map(Into::into)
        };
        self.driver.get_or_init(ask).clone()
    }

    /// A GPU's counter in millijoules since the driver was loaded. It is `None` without the
    /// library, and for GPUs without a counter (older than Volta).
    fn millijoules(&self, card: &Card) -> Option<u64> {
        let nvml = self.library()?;
        let counter = nvml
            .device_by_uuid(card.uuid.as_str())
            .and_then(|device| device.total_energy_consumption());
        counter
            .inspect_err(|error| tracing::info!("{} reports no energy: {error}", card.uuid))
            .ok()
    }
}

/// GPUs in exclusive use by an attempt.
pub(crate) struct GpuSpan {
    began: Instant,
    /// Each GPU with its counter at the begin.
    cards: Vec<(Card, Option<u64>)>,
}

impl GpuSpan {
    pub(super) fn begin(meter: &Management, held: &HeldGpus) -> Self {
        let cards = held.cards().iter();
        Self {
            began: Instant::now(),
            cards: cards
                .map(|card| (card.clone(), meter.millijoules(card)))
                .collect(),
        }
    }

    /// The GPUs' energy, each by its counter or else by its rated power; missing if one has
    /// neither.
    pub(super) fn end(self, meter: &Management) -> Option<Energy> {
        let took_us = micros(self.began.elapsed());
        let each = self.cards.into_iter().map(|(card, before)| {
            let measured = || meter.millijoules(&card)?.checked_sub(before?);
            match (measured(), rated::watts(&card.name)) {
                (Some(millijoules), _) => Energy::Measured { millijoules },
                (None, Some(watts)) => Energy::Modelled {
                    millijoules: took_us.saturating_mul(watts).div_ceil(1000),
                },
                (None, None) => Energy::Missing,
            }
        });
        each.reduce(Energy::plus)
    }
}
