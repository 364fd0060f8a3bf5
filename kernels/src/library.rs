//! All kernels by name.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use sunward_workflows::catalog::Catalog;

use crate::Kernel;
use crate::anomaly::Anomaly;
use crate::butina::Butina;
use crate::enrichment::Enrichment;
use crate::eof::Eof;
use crate::gaussian_shape::GaussianShape;
use crate::noop::Noop;
use crate::regrid::{RegridApply, RegridWeights};
use crate::tanimoto_topk::TanimotoTopk;
use crate::topk_merge::TopkMerge;
use crate::vina_score::VinaScore;

/// The kernels of this build.
pub struct Library {
    kernels: BTreeMap<String, Box<dyn Kernel>>,
}

static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let all: Vec<Box<dyn Kernel>> = vec![
        Box::new(Anomaly::new()),
        Box::new(Butina::new()),
        Box::new(Enrichment::new()),
        Box::new(Eof::new()),
        Box::new(GaussianShape::new()),
        Box::new(Noop::new()),
        Box::new(RegridApply::new()),
        Box::new(RegridWeights::new()),
        Box::new(TanimotoTopk::new()),
        Box::new(TopkMerge::new()),
        Box::new(VinaScore::new()),
    ];
    Library {
        kernels: all
            .into_iter()
            .map(|kernel| (kernel.entry().name.clone(), kernel))
            .collect(),
    }
});

/// The library. It is built once and never changes.
#[must_use]
pub fn library() -> &'static Library {
    &LIBRARY
}

impl FromIterator<Box<dyn Kernel>> for Library {
    /// A library of other kernels, for tests of what runs them.
    fn from_iter<I: IntoIterator<Item = Box<dyn Kernel>>>(kernels: I) -> Self {
        Self {
            kernels: kernels
                .into_iter()
                .map(|kernel| (kernel.entry().name.clone(), kernel))
                .collect(),
        }
    }
}

impl Library {
    /// The kernel of this name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&dyn Kernel> {
        self.kernels.get(name).map(|kernel| &**kernel)
    }

    /// All kernels in name order.
    pub fn iter(&self) -> impl Iterator<Item = &dyn Kernel> {
        self.kernels.values().map(|kernel| &**kernel)
    }

    /// Every entry, for `check` and for `sunward kernels`.
    #[must_use]
    pub fn catalog(&self) -> Catalog {
        Catalog {
            kernels: self
                .kernels
                .iter()
                .map(|(name, kernel)| (name.clone(), kernel.entry().clone()))
                .collect(),
        }
    }
}
