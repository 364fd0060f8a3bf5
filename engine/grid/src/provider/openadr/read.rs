//! Reads the events of a server: units, times with their defaults, and events for the same time.

use serde_json::Value;
use sunward_core::{Digest, Measure, Timestamp};
use sunward_workflows::quoted;

use super::events::{Asked, Emitting, Events, Priced};
use super::overlap::{Figure, resolved};
use super::period::{Length, Period, Start};
use super::wire::{Descriptor, Event, Interval, Program, short};
use crate::published::MOST_GRAMS;

/// The most spans that one event gives, repeated intervals included.
const SPANS: usize = 50_000;

/// The most mistakes that are told.
const MISTAKES: usize = 50;

/// The highest price that is possible, in thousandths of a euro per megawatt-hour.
const MOST_MILLI_EUR: f64 = 1e8;

/// The most power that a site can have, in milliwatts: a terawatt.
const MOST_MILLIWATTS: f64 = 1e15;

/// Whose events count.
#[derive(Clone, Debug, Default)]
pub(super) struct Audience {
    /// The program, by name or id; `None` for all programs.
    pub(super) program: Option<String>,
    /// The site's names. Empty if the server selects its events.
    pub(super) names: Vec<String>,
}

/// Reads a list of events. `programs` have the names of programs, and what their values mean where
/// an event does not say. What has ended is left out of what is asked.
pub(super) fn read(
    list: &[Value],
    programs: &[Program],
    audience: &Audience,
    now: Timestamp,
) -> Events {
    let mut reading = Reading {
        programs,
        now,
        out: Events::default(),
        caps: [Vec::new(), Vec::new()],
        prices: Vec::new(),
        intensities: Vec::new(),
    };
    for (at, value) in list.iter().enumerate() {
        let name = Event::name_of(value, at);
        match Event::read(value) {
            Ok(event) if audience.is_meant(&event, programs) => reading.event(&event, &name),
            Ok(_) => {}
            Err(what) => reading.mistake(&name, &what),
        }
    }
    reading.finish()
}

impl Audience {
    fn is_meant(&self, event: &Event, programs: &[Program]) -> bool {
        let is_ours = self.program.as_ref().is_none_or(|wanted| {
            let mut named = programs.iter();
            event.program == *wanted
                || named.any(|one| one.id == event.program && one.name == *wanted)
        });
        let mut targets = event.targets.iter();
        let all = event.targets.is_empty() || self.names.is_empty();
        is_ours && (all || targets.any(|target| self.names.contains(target)))
    }
}

/// The figure and the program that gives it.
type Cap = Figure<(u64, String)>;

struct Reading<'a> {
    programs: &'a [Program],
    now: Timestamp,
    out: Events,
    /// Limits of import, and setpoints.
    caps: [Vec<Cap>; 2],
    prices: Vec<Figure<i64>>,
    intensities: Vec<Figure<u32>>,
}

/// One payload of an event, with its time.
struct Payload<'a> {
    event: &'a Event,
    kind: &'a str,
    values: &'a [Value],
    from: Timestamp,
    until: Option<Timestamp>,
    randomize_ms: u64,
}

impl Reading<'_> {
    fn mistake(&mut self, event: &str, what: &str) {
        if self.out.mistakes.len() < MISTAKES {
            let line = format!("{event}: {what}; it is not used, and all others are");
            if !self.out.mistakes.contains(&line) {
                self.out.mistakes.push(line);
            }
        }
    }

    fn event(&mut self, event: &Event, name: &str) {
        for (interval, from, until, randomize_ms) in times(event) {
            for (kind, values) in &interval.payloads {
                let payload = Payload {
                    event,
                    kind,
                    values,
                    from,
                    until,
                    randomize_ms,
                };
                if let Err(what) = self.payload(&payload) {
                    self.mistake(name, &what);
                }
            }
        }
    }

    fn payload(&mut self, one: &Payload<'_>) -> Result<(), String> {
        match one.kind {
            "PRICE" => self.price(one),
            "GHG" => self.intensity(one),
            "IMPORT_CAPACITY_LIMIT" => self.cap(one, 0),
            "DISPATCH_SETPOINT" => self.cap(one, 1),
            "ALERT_GRID_EMERGENCY" | "ALERT_BLACK_START" => {
                self.alert(one, Measure::Emergency);
                Ok(())
            }
            "ALERT_POSSIBLE_OUTAGE" | "ALERT_FLEX_ALERT" => {
                self.alert(one, Measure::Alert);
                Ok(())
            }
            other if other.starts_with("ALERT_") => {
                self.warn(one);
                Ok(())
            }
            // Other payloads concern other equipment, such as storage and vehicles.
            _ => Ok(()),
        }
    }

    fn cap(&mut self, one: &Payload<'_>, which: usize) -> Result<(), String> {
        let units = self.descriptor(one).units;
        let kilowatts = match units.as_deref() {
            None | Some("KW") => 1.0,
            Some("W") => 0.001,
            Some("MW") => 1000.0,
            Some(other) => {
                return Err(format!(
                    "the units of {} are {other}, but KW, W or MW was expected",
                    one.kind
                ));
            }
        };
        let milliwatts = number(one)? * kilowatts * 1e6;
        if !(0.0..=MOST_MILLIWATTS).contains(&milliwatts) {
            return Err(format!("{} cannot be {}", one.kind, shown(one)));
        }
        let delay_ms = delay(&one.event.id, one.randomize_ms);
        let figure = Figure {
            from: one.from.after_ms(delay_ms),
            until: one.until.map(|until| until.after_ms(delay_ms)),
            priority: one.event.priority,
            value: (crate::whole::whole(milliwatts), self.program(one.event)),
        };
        if let Some(caps) = self.caps.get_mut(which) {
            caps.push(figure);
        }
        Ok(())
    }

    fn alert(&mut self, one: &Payload<'_>, measure: Measure) {
        self.out.asked.push(Asked {
            from: one.from,
            until: one.until,
            measure,
            program: self.program(one.event),
            text: text(one),
        });
    }

    fn warn(&mut self, one: &Payload<'_>) {
        if one.until.is_some_and(|until| until <= self.now) {
            return;
        }
        let said = text(one).map_or_else(String::new, |text| format!(": {text}"));
        let line = format!(
            "{} warns of {}{said}",
            self.program(one.event),
            one.kind
                .trim_start_matches("ALERT_")
                .to_lowercase()
                .replace('_', " ")
        );
        if !self.out.warnings.contains(&line) && self.out.warnings.len() < MISTAKES {
            self.out.warnings.push(line);
        }
    }

    fn price(&mut self, one: &Payload<'_>) -> Result<(), String> {
        let descriptor = self.descriptor(one);
        match descriptor.currency.as_deref() {
            Some("EUR") => {}
            Some(other) => {
                return Err(format!(
                    "the currency of PRICE is {other}, but only EUR counts"
                ));
            }
            None => {
                return Err(
                    "PRICE has no currency in `payloadDescriptors`; EUR was expected".to_owned(),
                );
            }
        }
        let a_megawatt_hour = match descriptor.units.as_deref() {
            None | Some("KWH") => 1000.0,
            Some("MWH") => 1.0,
            Some(other) => {
                return Err(format!(
                    "the units of PRICE are {other}, but KWH was expected"
                ));
            }
        };
        let milli = number(one)? * a_megawatt_hour * 1000.0;
        if milli.abs() > MOST_MILLI_EUR {
            return Err(format!("PRICE cannot be {}", shown(one)));
        }
        let size = i64::try_from(crate::whole::whole(milli.abs())).unwrap_or(i64::MAX);
        self.prices.push(Figure {
            from: one.from,
            until: one.until,
            priority: one.event.priority,
            value: if milli < 0.0 { -size } else { size },
        });
        Ok(())
    }

    fn intensity(&mut self, one: &Payload<'_>) -> Result<(), String> {
        let grams = number(one)?;
        if !(0.0..=MOST_GRAMS).contains(&grams) {
            return Err(format!("GHG cannot be {} g/kWh", shown(one)));
        }
        let milligrams = u32::try_from(crate::whole::whole(grams * 1000.0));
        self.intensities.push(Figure {
            from: one.from,
            until: one.until,
            priority: one.event.priority,
            value: milligrams.unwrap_or(u32::MAX),
        });
        Ok(())
    }

    /// What the values of a payload mean: as its event says, else its program.
    fn descriptor(&self, one: &Payload<'_>) -> Descriptor {
        let program = self.programs.iter().find(|own| own.id == one.event.program);
        let of_program = program.into_iter().flat_map(|own| &own.descriptors);
        let mut all = one.event.descriptors.iter().chain(of_program);
        all.find(|own| own.payload == one.kind)
            .cloned()
            .unwrap_or_default()
    }

    fn program(&self, event: &Event) -> String {
        let program = self.programs.iter().find(|own| own.id == event.program);
        let name = program.map_or(&event.program, |own| &own.name);
        name.chars()
            .filter(|letter| !letter.is_control())
            .take(100)
            .collect()
    }

    fn finish(self) -> Events {
        let mut out = self.out;
        for caps in &self.caps {
            let caps = resolved(caps);
            out.asked.extend(caps.into_iter().map(|one| Asked {
                from: one.from,
                until: one.until,
                measure: Measure::Cap {
                    milliwatts: one.value.0,
                },
                program: one.value.1,
                text: None,
            }));
        }
        let now = self.now;
        out.asked
            .retain(|one| one.until.is_none_or(|until| now < until));
        out.asked.sort();
        out.prices = resolved(&self.prices)
            .into_iter()
            .map(|one| Priced {
                from: one.from,
                until: one.until,
                milli_eur_per_mwh: one.value,
            })
            .collect();
        out.intensities = resolved(&self.intensities)
            .into_iter()
            .map(|one| Emitting {
                from: one.from,
                until: one.until,
                mg_per_kwh: one.value,
            })
            .collect();
        out
    }
}

/// The intervals of an event with their times, and the most by which each may be delayed. An interval
/// without a time of its own follows the one before it.
fn times(event: &Event) -> Vec<(&Interval, Timestamp, Option<Timestamp>, u64)> {
    let default = event.period.unwrap_or(Period {
        start: Start::Now,
        length: Length::Open,
        randomize_ms: 0,
    });
    // An event that begins at once and does not say when it was created has begun, and lasts until it
    // is deleted: so no alert is missed.
    let begin = |start: Start| match start {
        Start::At(at) => Some(at),
        Start::Now => event.created,
    };
    let first = begin(default.start);
    let last = first.zip(event.duration.and_then(Length::ms));
    let last = last.map(|(first, ms)| first.after_ms(ms));
    let mut all = Vec::new();
    let mut next = Some(first);
    loop {
        let round = next;
        for interval in &event.intervals {
            let own = interval.period;
            let start = match own.map(|own| own.start) {
                Some(Start::At(at)) => Some(Some(at)),
                Some(Start::Now) | None => next,
            };
            let Some(start) = start else {
                continue;
            };
            let length = own.map_or(default.length, |own| own.length).ms();
            let until = start.zip(length).map(|(start, ms)| start.after_ms(ms));
            let until = match (until, last) {
                (Some(until), Some(last)) => Some(until.min(last)),
                (until, last) => until.or(last.filter(|_| start.is_some())),
            };
            let delay_ms = own.map_or(default.randomize_ms, |own| own.randomize_ms);
            all.push((interval, start.unwrap_or_default(), until, delay_ms));
            // Nothing follows an interval without end.
            next = until.map(Some);
        }
        let repeats = last.is_some_and(|last| next.flatten().is_some_and(|next| next < last));
        if !repeats || next == round || all.len() >= SPANS {
            return all;
        }
    }
}

/// The delay of an event within the span that its sender allows. It is the same at each reading.
fn delay(id: &str, most_ms: u64) -> u64 {
    let bytes = Digest::of(id.as_bytes()).0;
    let number = bytes
        .iter()
        .take(8)
        .fold(0_u64, |sum, byte| (sum << 8) | u64::from(*byte));
    number.checked_rem(most_ms).unwrap_or(0)
}

/// The only value of a payload, as a number.
fn number(one: &Payload<'_>) -> Result<f64, String> {
    let [value] = one.values else {
        return Err(format!(
            "{} has {} values, but one was expected",
            one.kind,
            one.values.len()
        ));
    };
    // Some servers write numbers as texts.
    let number = value
        .as_f64()
        .or_else(|| value.as_str()?.trim().parse().ok());
    number.filter(|number| number.is_finite()).ok_or_else(|| {
        format!(
            "{} is {}, but a number was expected",
            one.kind,
            quoted(short(value))
        )
    })
}

fn shown(one: &Payload<'_>) -> String {
    one.values
        .first()
        .map_or_else(String::new, |value| quoted(short(value)).to_string())
}

/// The words of an alert, on one line.
fn text(one: &Payload<'_>) -> Option<String> {
    let text = one.values.first()?.as_str()?;
    let line: String = text
        .chars()
        .filter(|letter| !letter.is_control())
        .take(200)
        .collect();
    let line = line.trim();
    (!line.is_empty()).then(|| line.to_owned())
}

#[cfg(test)]
mod tests;
