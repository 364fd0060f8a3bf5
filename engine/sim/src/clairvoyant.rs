//! A clairvoyant schedule with limited capacity, for jobs of one device each, without pauses.
//!
//! It knows every intensity. It places jobs in order of arrival where they emit least. Then it
//! improves the schedule until nothing helps: a job moves to a cleaner free place, or takes the
//! place of a job that loses less by moving. The result is a reference and not a bound: the best
//! schedule may emit a little less.

use sunward_core::Timestamp;

use crate::flow::Network;
use crate::meter::Emissions;
use crate::report::Bound;
use crate::setup::Setup;

const HOUR_MS: u64 = 3_600_000;

/// The most passes over all jobs. A pass that improves nothing is the last.
const PASSES: usize = 30;

/// A job. Times are in hours from the start of the simulation.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// The hour at which the job arrives.
    pub arrival_h: u64,
    /// How many hours the job runs.
    pub hours: u64,
    /// How many hours its start may be delayed.
    pub slack_h: u64,
    /// The job's power in watts.
    pub watts: u64,
}

impl Job {
    const fn end_h(&self) -> u64 {
        self.arrival_h + self.slack_h + self.hours
    }
}

/// Jobs in groups of which none overlaps another in time, by arrival.
fn apart(jobs: &[Job]) -> Vec<Vec<Job>> {
    let mut jobs = jobs.to_vec();
    jobs.sort_by_key(|job| job.arrival_h);
    let mut groups: Vec<Vec<Job>> = Vec::new();
    let mut end_h = 0;
    for job in jobs {
        match groups.last_mut() {
            Some(group) if job.arrival_h < end_h => group.push(job),
            Some(_) | None => groups.push(vec![job]),
        }
        end_h = end_h.max(job.end_h());
    }
    groups
}

/// A place: the region's index and the first hour.
type Place = (usize, usize);

/// Regions with a limited number of devices, hour by hour.
#[derive(Clone, Debug)]
pub struct Crowd {
    devices: usize,
    /// By region: prefix sums of PUE x intensity by hour, in mg/kWh x permille.
    sums: Vec<Vec<u64>>,
    /// By region and hour: the indices of the jobs that run.
    running: Vec<Vec<Vec<usize>>>,
}

impl Crowd {
    /// The regions of a setup from `begin` on, each with `devices` devices.
    #[must_use]
    pub fn new(setup: &Setup, begin: Timestamp, devices: u32) -> Self {
        let hours = setup.end().since_ms(begin) / HOUR_MS;
        let region = |pool: &sunward_core::Pool| {
            let zone = setup.truth.zones.get(&pool.zone)?;
            let mut sums = vec![0];
            let mut sum = 0;
            for hour in 0..hours {
                let at = begin.after_ms(hour * HOUR_MS);
                sum += u64::from(zone.at(at)) * u64::from(pool.pue_permille);
                sums.push(sum);
            }
            Some(sums)
        };
        let sums: Vec<Vec<u64>> = setup.fleet.pools.iter().filter_map(region).collect();
        let empty = vec![Vec::new(); usize::try_from(hours).unwrap_or(0)];
        Self {
            devices: usize::try_from(devices).unwrap_or(usize::MAX),
            running: vec![empty; sums.len()],
            sums,
        }
    }

    /// Places the jobs and returns what they emit.
    #[must_use]
    pub fn bound(mut self, jobs: Vec<Job>) -> Bound {
        let mut places: Vec<Option<Place>> = vec![None; jobs.len()];
        for (index, job) in jobs.iter().enumerate() {
            places[index] = self.best(job);
            self.put(index, job, places[index]);
        }
        for _ in 0..PASSES {
            let mut improved = false;
            for index in 0..jobs.len() {
                improved |= self.improve(index, &jobs, &mut places);
            }
            if !improved {
                break;
            }
        }
        let emitted = jobs.iter().zip(&places).map(|(job, place)| {
            // mg/kWh x permille x W x h to the meter's unit: 1000 mW/W, 3.6e6 ms/h.
            let weight = place.map_or(0, |place| self.weight(job, place));
            u128::from(weight) * u128::from(job.watts) * 3_600_000_000
        });
        let emissions: Emissions = emitted.sum();
        Bound {
            kind: "clairvoyant".to_owned(),
            emissions,
        }
    }

    /// The least that jobs of equal power emit if each may pause and move every hour at no cost.
    ///
    /// This is the linear program over all hours of all jobs, with at most one device a job and a
    /// limited number in each region (CARBON.md §0). Its optimum is integral, so it is found as a
    /// minimum-cost flow from jobs to hours. Returns `None` if powers differ or not all jobs fit.
    #[must_use]
    pub fn preemptive_bound(&self, jobs: &[Job]) -> Option<Bound> {
        let watts = jobs.first()?.watts;
        if jobs.iter().any(|job| job.watts != watts) {
            return None;
        }
        let mut weight = 0;
        for group in apart(jobs) {
            weight += self.least_weight(&group)?;
        }
        Some(Bound {
            kind: "lp-window".to_owned(),
            emissions: weight * u128::from(watts) * 3_600_000_000,
        })
    }

    /// The least sum of weights over all hours of some jobs; `None` if not all of them fit.
    fn least_weight(&self, jobs: &[Job]) -> Option<u128> {
        let begin = hours(jobs.first()?.arrival_h);
        let end = jobs.iter().map(Job::end_h).max()?;
        let known = self.running.first()?.len();
        let span = hours(end).min(known).saturating_sub(begin);
        let (source, sink) = (jobs.len() + span, jobs.len() + span + 1);
        let mut network = Network::new(sink + 1);
        let devices = u64::try_from(self.devices).ok()?;
        for hour in 0..span {
            for sums in &self.sums {
                let weight = sums[begin + hour + 1] - sums[begin + hour];
                network.connect(jobs.len() + hour, sink, devices, weight);
            }
        }
        let mut units = 0;
        for (index, job) in jobs.iter().enumerate() {
            network.connect(source, index, job.hours, 0);
            units += job.hours;
            let (from, to) = (hours(job.arrival_h) - begin, hours(job.end_h()) - begin);
            for hour in from..to.min(span) {
                network.connect(index, jobs.len() + hour, 1, 0);
            }
        }
        network.cheapest(source, sink, units)
    }

    fn weight(&self, job: &Job, (region, start): Place) -> u64 {
        let end = start + hours(job.hours);
        let sums = &self.sums[region];
        let known = sums.get(end).zip(sums.get(start));
        known.map_or(u64::MAX / 4, |(end, start)| end - start)
    }

    /// A job's emissions at a place, for comparison: weight times power.
    fn cost(&self, job: &Job, place: Place) -> u64 {
        self.weight(job, place).saturating_mul(job.watts)
    }

    fn places(&self, job: &Job) -> impl Iterator<Item = Place> + use<> {
        let (first, last) = (hours(job.arrival_h), hours(job.arrival_h + job.slack_h));
        let regions = self.sums.len();
        (first..=last).flat_map(move |start| (0..regions).map(move |region| (region, start)))
    }

    fn is_full(&self, (region, hour): Place) -> bool {
        let running = self.running[region].get(hour);
        running.is_none_or(|jobs| jobs.len() >= self.devices)
    }

    fn fits(&self, job: &Job, (region, start): Place) -> bool {
        (start..start + hours(job.hours)).all(|hour| !self.is_full((region, hour)))
    }

    /// The cleanest free place for a job.
    fn best(&self, job: &Job) -> Option<Place> {
        let free = self.places(job).filter(|place| self.fits(job, *place));
        free.min_by_key(|place| (self.cost(job, *place), *place))
    }

    fn put(&mut self, index: usize, job: &Job, place: Option<Place>) {
        let Some((region, start)) = place else { return };
        for hour in start..start + hours(job.hours) {
            self.running[region][hour].push(index);
        }
    }

    fn lift(&mut self, index: usize, job: &Job, place: Option<Place>) {
        let Some((region, start)) = place else { return };
        for hour in start..start + hours(job.hours) {
            self.running[region][hour].retain(|one| *one != index);
        }
    }

    /// Moves a job to a cleaner place, by itself or in exchange for another job. Returns whether it
    /// moved.
    fn improve(&mut self, index: usize, jobs: &[Job], places: &mut [Option<Place>]) -> bool {
        let job = &jobs[index];
        let from = places[index];
        // A job that has found no room yet gains by any place.
        let now = from.map_or(u64::MAX / 2, |place| self.cost(job, place));
        self.lift(index, job, from);
        let mut cleaner: Vec<(u64, Place)> = self
            .places(job)
            .map(|place| (self.cost(job, place), place))
            .filter(|(cost, _)| *cost < now)
            .collect();
        cleaner.sort_unstable();
        for (cost, place) in cleaner {
            if self.fits(job, place) {
                places[index] = Some(place);
                self.put(index, job, Some(place));
                return true;
            }
            for other in self.in_the_way(job, place) {
                let (theirs, there) = (&jobs[other], places[other]);
                self.lift(other, theirs, there);
                self.put(index, job, Some(place));
                let then = self.best(theirs);
                let lost = then.zip(there).map(|(then, there)| {
                    self.cost(theirs, then)
                        .saturating_sub(self.cost(theirs, there))
                });
                if lost.is_some_and(|lost| cost.saturating_add(lost) < now) {
                    places[index] = Some(place);
                    places[other] = then;
                    self.put(other, theirs, then);
                    return true;
                }
                self.lift(index, job, Some(place));
                self.put(other, theirs, there);
            }
        }
        self.put(index, job, from);
        false
    }

    /// The jobs that block this place: removing any one of them makes room.
    fn in_the_way(&self, job: &Job, (region, start): Place) -> Vec<usize> {
        let span = start..start + hours(job.hours);
        let mut full = span.clone().filter(|hour| self.is_full((region, *hour)));
        let Some(first) = full.next().and_then(|hour| self.running[region].get(hour)) else {
            return Vec::new();
        };
        let frees = |other: &&usize| {
            span.clone().all(|hour| {
                let running = self.running[region].get(hour);
                !self.is_full((region, hour)) || running.is_some_and(|all| all.contains(other))
            })
        };
        let mut found: Vec<usize> = first.iter().filter(frees).copied().collect();
        found.sort_unstable();
        found
    }
}

fn hours(hours: u64) -> usize {
    usize::try_from(hours).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use sunward_core::{Fleet, Pool, Timestamp};

    use super::{Crowd, HOUR_MS, Job};
    use crate::meter::{Truth, ZoneTruth, grams};
    use crate::random::Random;
    use crate::scenario::Scenario;
    use crate::setup::Setup;

    fn setup(zones: &[&[u32]]) -> Setup {
        let name = |at: usize| format!("Z{at}");
        let truth = |grams: &&[u32]| {
            let steps: Vec<_> = grams.iter().map(|one| (one * 1000, None)).collect();
            ZoneTruth::new(Timestamp(0), HOUR_MS, &steps)
        };
        let pool = |at| Pool {
            zone: name(at),
            pue_permille: 1000,
            ..Pool::default()
        };
        Setup {
            fleet: Arc::new(Fleet {
                pools: (0..zones.len()).map(pool).collect(),
            }),
            openings: Arc::default(),
            truth: Arc::new(Truth {
                zones: (0..).map(name).zip(zones.iter().map(truth)).collect(),
            }),
            submissions: Arc::default(),
            scenario: Scenario::default(),
            seed: 0,
            look_every_ms: HOUR_MS,
            keep_details: false,
        }
    }

    fn job(arrival_h: u64, hours: u64, slack_h: u64) -> Job {
        Job {
            arrival_h,
            hours,
            slack_h,
            watts: 1000,
        }
    }

    #[test]
    fn the_first_to_come_gives_way_where_it_loses_less() {
        // The first would take the hour of 100 g; it loses 10 g elsewhere, the second 400 g.
        let setup = setup(&[&[500, 100, 110, 500, 500]]);
        let jobs = vec![job(0, 1, 2), job(1, 1, 0)];
        let bound = Crowd::new(&setup, Timestamp(0), 1).bound(jobs);
        assert!((grams(bound.emissions) - 210.0).abs() < 1e-9);
    }

    /// The least that all schedules emit, in g, by trying each.
    fn least(zones: &[Vec<u32>], jobs: &[Job], taken: &mut Vec<Vec<bool>>) -> Option<u64> {
        let Some((job, rest)) = jobs.split_first() else {
            return Some(0);
        };
        let mut best = None;
        for (region, grams) in zones.iter().enumerate() {
            for start in job.arrival_h..=job.arrival_h + job.slack_h {
                let span = super::hours(start)..super::hours(start + job.hours);
                if taken[region][span.clone()].iter().any(|one| *one) {
                    continue;
                }
                taken[region][span.clone()].fill(true);
                let own: u32 = grams[span.clone()].iter().sum();
                let all = least(zones, rest, taken).map(|rest| rest + u64::from(own));
                taken[region][span].fill(false);
                best = [best, all].into_iter().flatten().min();
            }
        }
        best
    }

    /// A zone's intensities in g, for a number of hours.
    fn hourly(random: &mut Random, hours: usize) -> Vec<u32> {
        let grams = |_| u32::try_from(random.between(50, 600)).unwrap();
        (0..hours).map(grams).collect()
    }

    #[test]
    fn where_lengths_differ_and_all_is_taken_it_comes_within_a_twentieth_of_the_best() {
        let (mut ours, mut theirs) = (0.0, 0.0);
        for seed in 0..40 {
            let mut random = Random::of(seed, &[]);
            let zones = [(); 2].map(|()| hourly(&mut random, 10));
            let jobs: Vec<Job> = (0..4).map(|at| job(at, 1 + at % 3, 3)).collect();
            let mut taken = vec![vec![false; 10]; 2];
            let Some(best) = least(&zones, &jobs, &mut taken) else {
                continue;
            };
            let slices: Vec<&[u32]> = zones.iter().map(Vec::as_slice).collect();
            let crowd = Crowd::new(&setup(&slices), Timestamp(0), 1);
            let paused = crowd.preemptive_bound(&jobs).unwrap();
            assert!(
                grams_told(&paused) <= best as f64 + 1e-6,
                "a bound is no more"
            );
            let found = grams_of(crowd, jobs);
            assert!(found + 1e-6 >= best as f64, "no schedule is below the best");
            ours += found;
            theirs += best as f64;
        }
        assert!(ours <= theirs * 1.05, "{ours} against {theirs}");
    }

    #[test]
    fn hours_that_cannot_be_divided_reach_their_bound() {
        for seed in 0..40 {
            let mut random = Random::of(seed, &[]);
            let zones = [(); 2].map(|()| hourly(&mut random, 8));
            let jobs: Vec<Job> = (0..5).map(|at| job(at / 2, 1, 3)).collect();
            let best = least(&zones, &jobs, &mut vec![vec![false; 8]; 2]).unwrap();
            let slices: Vec<&[u32]> = zones.iter().map(Vec::as_slice).collect();
            let crowd = Crowd::new(&setup(&slices), Timestamp(0), 1);
            let bound = crowd.preemptive_bound(&jobs).unwrap();
            assert!((grams_told(&bound) - best as f64).abs() < 1e-6);
        }
    }

    fn grams_told(bound: &super::Bound) -> f64 {
        grams(bound.emissions)
    }

    #[test]
    fn a_pause_is_worth_what_it_saves_and_room_is_kept() {
        let setup = setup(&[&[100, 900, 100, 900]]);
        let crowd = Crowd::new(&setup, Timestamp(0), 1);
        let bound = crowd.preemptive_bound(&[job(0, 2, 2)]).unwrap();
        assert!((grams_told(&bound) - 200.0).abs() < 1e-9);
        let both = crowd
            .preemptive_bound(&[job(0, 2, 2), job(0, 2, 2)])
            .unwrap();
        assert!((grams_told(&both) - 2000.0).abs() < 1e-9);
        assert!(
            crowd
                .preemptive_bound(&[job(0, 3, 1), job(0, 2, 2)])
                .is_none()
        );
    }

    fn grams_of(crowd: Crowd, jobs: Vec<Job>) -> f64 {
        grams_told(&crowd.bound(jobs))
    }
}
