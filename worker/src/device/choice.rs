//! Where the library's kernels run: on a GPU, on the host device, or as their CPU twins.

use sunward_kernels::{Kernel, Library};
use sunward_workflows::{Action, Gpus, Resources, Stage};

use crate::devices::Devices;

/// The user's choice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Choice {
    /// A GPU if a stage asks for one and one is available; else CPU twins.
    #[default]
    Auto,
    /// Always CPU twins.
    Cpu,
    /// The kernels' CUDA sources on the host device (the CPU).
    Host,
}

/// Where one stage's kernel runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Venue {
    /// In this process.
    Twin,
    /// In a child process, on a GPU of its own.
    Gpu,
    /// In a child process, on the host device.
    Host,
}

impl Venue {
    /// Where a kernel stage runs here, or the notice for the user if that is the twin although
    /// something else is requested.
    pub(crate) fn of(
        choice: Choice,
        kernels: &Library,
        devices: &Devices,
        stage: &Stage,
    ) -> Result<Self, String> {
        let Action::Kernel { name, .. } = &stage.action else {
            return Ok(Self::Twin);
        };
        let Some(kernel) = kernels.get(name) else {
            return Ok(Self::Twin);
        };
        decide(choice, devices, kernel, &stage.resources)
            .map_err(|why| format!("{why}: {name} runs its CPU twin"))
    }
}

/// The venue, or why it is the twin although something else is requested.
fn decide(
    choice: Choice,
    devices: &Devices,
    kernel: &dyn Kernel,
    asked: &Resources,
) -> Result<Venue, String> {
    let asks = asked.gpus != Gpus::None;
    let venue = match choice {
        Choice::Cpu => return Ok(Venue::Twin),
        Choice::Auto if !asks => return Ok(Venue::Twin),
        Choice::Auto => Venue::Gpu,
        Choice::Host => Venue::Host,
    };
    if venue == Venue::Gpu && devices.count() == 0 {
        return Err("this machine has no GPU".to_owned());
    }
    if kernel.sources().is_empty() {
        return Err("no CUDA source".to_owned());
    }
    if venue == Venue::Gpu && !devices.can_serve(asked) {
        return Err(format!(
            "this machine has no GPU as requested ({})",
            asked.gpus
        ));
    }
    Ok(venue)
}

#[cfg(test)]
mod tests {
    use sunward_kernels::device::Card;
    use sunward_kernels::library;

    use super::*;

    fn told(choice: Choice, cards: u64, kernel: &str, gpus: Gpus) -> Result<Venue, String> {
        let card = |number: u64| Card {
            name: "NVIDIA A100".to_owned(),
            uuid: format!("GPU-{number}"),
            memory_bytes: 40 << 30,
        };
        let devices = Devices::new((0..cards).map(card).collect());
        let asked = Resources {
            gpus,
            ..Resources::default()
        };
        decide(choice, &devices, library().get(kernel).unwrap(), &asked)
    }

    #[test]
    fn a_gpu_is_for_who_asks_for_one_that_is_here_and_has_cuda_source() {
        let one = || Gpus::Count(1);
        let auto = |cards, kernel, gpus| told(Choice::Auto, cards, kernel, gpus);
        assert_eq!(auto(2, "tanimoto_topk", one()), Ok(Venue::Gpu));
        assert_eq!(auto(2, "tanimoto_topk", Gpus::None), Ok(Venue::Twin));
        assert_eq!(
            auto(0, "tanimoto_topk", one()),
            Err("this machine has no GPU".to_owned())
        );
        assert_eq!(auto(2, "noop", one()), Err("no CUDA source".to_owned()));
        let other = Gpus::Model("H100".to_owned(), 1);
        assert_eq!(
            auto(2, "tanimoto_topk", other),
            Err("this machine has no GPU as requested (1 H100)".to_owned())
        );
        assert!(auto(2, "tanimoto_topk", Gpus::Count(3)).is_err());
    }

    #[test]
    fn who_chooses_gets_that_for_every_kernel_that_can() {
        for gpus in [Gpus::None, Gpus::Count(1)] {
            let with = |choice, kernel| told(choice, 1, kernel, gpus.clone());
            assert_eq!(with(Choice::Cpu, "tanimoto_topk"), Ok(Venue::Twin));
            assert_eq!(with(Choice::Host, "tanimoto_topk"), Ok(Venue::Host));
            assert!(with(Choice::Host, "noop").is_err());
        }
    }
}
