//! The open capacity of a pool over time: its windows in local time, with daylight saving.

use jiff::Timestamp as Instant;
use jiff::tz::TimeZone;
use sunward_core::{Pool, Standing, Timestamp};
use sunward_workflows::PoolSpec;
use sunward_workflows::fleet::{When, Window};

use crate::whole::whole;

/// Cores that come with a device if a window does not state cores. Servers with eight devices have
/// about as many for each.
const CORES_A_GPU: u32 = 16;

/// Hours over which a device's embodied carbon is written off: four years at 60% use (CARBON.md
/// §1).
const LIFETIME_HOURS: f64 = 4.0 * 8760.0 * 0.6;

/// Open capacity at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Opened {
    /// Devices.
    pub gpus: u32,
    /// Cores.
    pub cpus: u32,
    /// How long running tasks may stay when this begins, in milliseconds.
    pub notice_ms: u64,
}

/// A pool's windows in its time zone.
#[derive(Clone, Debug)]
pub struct Calendar {
    zone: TimeZone,
    windows: Vec<Window>,
}

/// Whether a time zone of this name exists.
#[must_use]
pub fn knows_timezone(name: &str) -> bool {
    TimeZone::get(name).is_ok()
}

impl Calendar {
    /// A pool's calendar. An unknown time zone counts as UTC; fleet files are checked for that
    /// before.
    #[must_use]
    pub fn of(pool: &PoolSpec) -> Self {
        Self {
            zone: TimeZone::get(&pool.timezone).unwrap_or(TimeZone::UTC),
            windows: pool.windows.clone(),
        }
    }

    /// The open capacity at a moment: that of the first window that contains it, else nothing. A
    /// window that crosses midnight belongs to the day on which it begins.
    #[must_use]
    pub fn at(&self, moment: Timestamp) -> Opened {
        if let [only] = self.windows.as_slice()
            && only.when == When::Otherwise
        {
            return opened(only);
        }
        let instant = i64::try_from(moment.0)
            .ok()
            .and_then(|ms| Instant::from_millisecond(ms).ok())
            .unwrap_or_default();
        let local = self.zone.to_datetime(instant);
        let today = usize::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
        let minute = u16::try_from(i32::from(local.hour()) * 60 + i32::from(local.minute()));
        let minute = minute.unwrap_or(0);
        let window = self.windows.iter().find(|one| fits(one, today, minute));
        window.map(opened).unwrap_or_default()
    }
}

fn opened(window: &Window) -> Opened {
    Opened {
        gpus: window.gpus,
        cpus: window
            .cpus
            .unwrap_or_else(|| window.gpus.saturating_mul(CORES_A_GPU)),
        notice_ms: window.notice_ms,
    }
}

fn fits(window: &Window, today: usize, minute: u16) -> bool {
    match window.when {
        When::Otherwise => true,
        When::Hours {
            days,
            from_min,
            to_min,
        } => {
            let on = |day: usize| days.0.get(day % 7).copied().unwrap_or(false);
            if from_min < to_min {
                on(today) && (from_min..to_min).contains(&minute)
            } else {
                (on(today) && minute >= from_min) || (on(today + 6) && minute < to_min)
            }
        }
    }
}

/// Minutes of a day.
const DAY_MINUTES: u16 = 24 * 60;

/// The capacity that is open at every minute of the week.
fn standing(windows: &[Window]) -> Standing {
    let minutes = (0..7).flat_map(|day| (0..DAY_MINUTES).map(move |minute| (day, minute)));
    let open = minutes.map(|(day, minute)| {
        let window = windows.iter().find(|one| fits(one, day, minute));
        window.map(opened).unwrap_or_default()
    });
    let least = open.reduce(|least, open| Opened {
        gpus: least.gpus.min(open.gpus),
        cpus: least.cpus.min(open.cpus),
        notice_ms: 0,
    });
    let least = least.unwrap_or_default();
    Standing {
        gpus: least.gpus,
        cpus: least.cpus,
    }
}

/// The most devices and the most cores that a pool ever provides, each by itself.
#[must_use]
pub fn most_open(spec: &PoolSpec) -> Opened {
    let windows = spec.windows.iter().map(opened);
    windows.fold(Opened::default(), |most, open| Opened {
        gpus: most.gpus.max(open.gpus),
        cpus: most.cpus.max(open.cpus),
        notice_ms: 0,
    })
}

/// A pool of the core from its description.
#[must_use]
pub fn pool_of(spec: &PoolSpec) -> Pool {
    let gpu = spec.gpu.clone().unwrap_or_default();
    let milli = |value: Option<f64>| whole(value.unwrap_or(0.0) * 1000.0);
    let micrograms = gpu.embodied_kg.unwrap_or(0.0) * 1e9 / LIFETIME_HOURS;
    Pool {
        name: spec.name.clone(),
        region: spec.region.clone(),
        zone: spec.zone.clone(),
        pue_permille: u32::try_from(whole(spec.pue * 1000.0)).unwrap_or(1000),
        gpu_milliwatts: milli(gpu.power_watts),
        gpu_idle_milliwatts: milli(gpu.idle_watts),
        gpu_model: gpu.model,
        embodied_micrograms_per_gpu_hour: whole(micrograms),
        price_micros_per_gpu_hour: spec.price.as_ref().map(|price| whole(price.gpu_hour * 1e6)),
        currency: spec.price.as_ref().and_then(|price| price.currency.clone()),
        power_limit_milliwatts: spec.power_watts.map(|watts| whole(watts * 1000.0)),
        projects: spec.projects.clone(),
        store: spec.store.clone(),
        standing: standing(&spec.windows),
    }
}

#[cfg(test)]
mod tests {
    use super::{Calendar, knows_timezone, pool_of};
    use jiff::Timestamp as Instant;
    use sunward_core::Timestamp;
    use sunward_workflows::check_fleet;

    fn gpus(timezone: &str, moments: &[&str]) -> Vec<u32> {
        let text = format!(
            "{{ pool: a, zone: X, timezone: {timezone}, capacity: [\
             {{ when: 'mon-fri 20:00-07:00', gpus: 8 }}, {{ when: 'sat,sun', gpus: 16 }}, \
             {{ when: otherwise, gpus: 1, notice: 10m }}] }}"
        );
        let pools = check_fleet(&text, &knows_timezone).pools.unwrap();
        let calendar = Calendar::of(&pools[0]);
        let at = |text: &&str| {
            let instant: Instant = text.parse().unwrap();
            calendar
                .at(Timestamp(u64::try_from(instant.as_millisecond()).unwrap()))
                .gpus
        };
        moments.iter().map(at).collect()
    }

    #[test]
    fn a_night_belongs_to_the_day_on_which_it_begins() {
        // Friday evening, early Saturday (Friday's night), late Sunday, early and mid Monday.
        let moments = [
            "2023-03-03T19:30:00Z",
            "2023-03-04T05:59:00Z",
            "2023-03-05T22:00:00Z",
            "2023-03-06T05:00:00Z",
            "2023-03-06T12:00:00Z",
        ];
        assert_eq!(gpus("Europe/Oslo", &moments), [8, 8, 16, 1, 1]);
    }

    #[test]
    fn nights_keep_local_time_when_clocks_change() {
        // Oslo: 20:00 is 19:00Z before 2023-03-26 and 18:00Z after.
        let moments = [
            "2023-03-24T18:30:00Z",
            "2023-03-27T18:30:00Z",
            "2023-03-28T05:30:00Z",
        ];
        assert_eq!(gpus("Europe/Oslo", &moments), [1, 8, 1]);
        // Sydney: 20:00 is 09:00Z in summer, 10:00Z from 2023-04-02 on.
        assert_eq!(
            gpus(
                "Australia/Sydney",
                &["2023-03-31T09:30:00Z", "2023-04-03T09:30:00Z"]
            ),
            [8, 1]
        );
    }

    #[test]
    fn units_become_those_of_the_brain() {
        let text = "{ pool: a, zone: X, pue: 1.12, capacity: 4, limits: { power_watts: 6000 }, \
                    gpu: { model: H100, power_watts: 700, embodied_kg: 318 }, price: { gpu_hour: 1.1 } }";
        let pools = check_fleet(text, &knows_timezone).pools.unwrap();
        let pool = pool_of(&pools[0]);
        assert_eq!((pool.pue_permille, pool.gpu_milliwatts), (1120, 700_000));
        assert_eq!(
            pool.embodied_micrograms_per_gpu_hour, 15_125_571,
            "15 g an hour"
        );
        assert_eq!(pool.price_micros_per_gpu_hour, Some(1_100_000));
        assert_eq!(pool.power_limit_milliwatts, Some(6_000_000));
        assert_eq!(pool.standing.gpus, 4);
    }

    #[test]
    fn what_is_open_at_every_hour_of_the_week_stands_always() {
        let standing = |capacity: &str| {
            let text = format!("{{ pool: a, zone: X, capacity: {capacity} }}");
            let pools = check_fleet(&text, &knows_timezone).pools.unwrap();
            let standing = pool_of(&pools[0]).standing;
            (standing.gpus, standing.cpus)
        };
        let nights = "{ when: 'mon-fri 20:00-07:00', gpus: 8 }, { when: 'sat,sun', gpus: 16 }";
        assert_eq!(standing("4"), (4, 64));
        assert_eq!(standing(&format!("[{nights}]")), (0, 0));
        let otherwise = "{ when: otherwise, gpus: 2, cpus: 4 }";
        assert_eq!(standing(&format!("[{nights}, {otherwise}]")), (2, 4));
    }
}
