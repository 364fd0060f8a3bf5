//! Loaded modules, kept for the next task on the same device.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::backend::Loaded;
use super::{DeviceError, Source};

/// The most modules that are kept. Sunward has fewer CUDA kernels than this; a pipeline's own
/// sources displace the least recently used. Modules in use stay alive.
const MOST: usize = 16;

/// The loaded modules of one device, most recently used first.
#[derive(Debug, Default)]
pub(super) struct Modules {
    kept: Mutex<VecDeque<(Source, Arc<dyn Loaded>)>>,
    loads: AtomicUsize,
}

impl Modules {
    /// A source's module, loaded by `load` if it is not kept. Sources that may have variables on
    /// the device are loaded again each time, because a task must not see another's values.
    pub(super) fn get(
        &self,
        source: &Source,
        load: impl FnOnce() -> Result<Arc<dyn Loaded>, DeviceError>,
    ) -> Result<Arc<dyn Loaded>, DeviceError> {
        let stateless = !source.may_have_variables();
        if stateless && let Some(loaded) = self.find(source) {
            return Ok(loaded);
        }
        let loaded = load()?;
        self.loads.fetch_add(1, Ordering::Relaxed);
        if stateless {
            self.keep(source, &loaded);
        }
        Ok(loaded)
    }

    /// How often something was loaded.
    pub(super) fn loads(&self) -> usize {
        self.loads.load(Ordering::Relaxed)
    }

    fn find(&self, source: &Source) -> Option<Arc<dyn Loaded>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = kept.iter().position(|(known, _)| known == source)?;
        let found = kept.remove(at)?;
        let loaded = Arc::clone(&found.1);
        kept.push_front(found);
        Some(loaded)
    }

    fn keep(&self, source: &Source, loaded: &Arc<dyn Loaded>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Two threads may have loaded the same source; either module will do.
        kept.retain(|(known, _)| known != source);
        kept.push_front((source.clone(), Arc::clone(loaded)));
        kept.truncate(MOST);
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::c_void;

    use super::*;
    use crate::device::Grid;

    #[derive(Debug)]
    struct Nothing;

    #[expect(unsafe_code, reason = "the trait's own")]
    impl Loaded for Nothing {
        fn has(&self, _kernel: &str) -> bool {
            false
        }

        unsafe fn launch(
            &self,
            _kernel: &str,
            _stream: u64,
            _grid: &Grid,
            _args: &mut [*mut c_void],
            _sizes: &[usize],
        ) -> Result<(), DeviceError> {
            Ok(())
        }
    }

    fn load(modules: &Modules, text: &str) {
        let source = Source::new("a.cu", text, &["a"]);
        let found = modules.get(&source, || Ok(Arc::new(Nothing)));
        assert!(found.is_ok());
    }

    #[test]
    fn the_least_recently_used_goes_first() {
        let modules = Modules::default();
        let texts: Vec<String> = (0..=MOST).map(|i| format!("// {i}")).collect();
        texts[..MOST].iter().for_each(|text| load(&modules, text));
        load(&modules, &texts[0]);
        assert_eq!(modules.loads(), MOST);
        load(&modules, &texts[MOST]);
        load(&modules, &texts[0]);
        assert_eq!(modules.loads(), MOST + 1, "the first was used just before");
        load(&modules, &texts[1]);
        assert_eq!(modules.loads(), MOST + 2, "the second was used longest ago");
    }

    #[test]
    fn a_source_with_variables_of_its_own_is_loaded_each_time() {
        let modules = Modules::default();
        load(&modules, "__device__ int count;");
        load(&modules, "__device__ int count;");
        assert_eq!(modules.loads(), 2);
    }

    #[test]
    fn what_fails_to_load_is_not_kept() {
        let modules = Modules::default();
        let source = Source::new("a.cu", "", &["a"]);
        let reason = || DeviceError::NoGpu {
            reason: "none".to_owned(),
        };
        assert!(modules.get(&source, || Err(reason())).is_err());
        assert_eq!(modules.loads(), 0);
        load(&modules, "");
        assert_eq!(modules.loads(), 1);
    }
}
