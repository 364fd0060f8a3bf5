//! What the slots of a worker share while they execute tasks.

use crate::devices::Devices;
use crate::kernels::watchdog::Watchdog;
use crate::meter::Meters;
use crate::options::Options;
use crate::outbox::Outbox;
use crate::process::launcher::Launcher;
use crate::wakeups::Wakeups;

/// What a slot needs to execute any task. The parts know nothing of each other or of tasks.
pub(crate) struct WorkerContext {
    pub(crate) options: Options,
    pub(crate) outbox: Outbox,
    pub(crate) launcher: Launcher,
    pub(crate) watchdog: Watchdog,
    pub(crate) devices: Devices,
    pub(crate) meters: Meters,
    pub(crate) wakeups: Wakeups,
}
