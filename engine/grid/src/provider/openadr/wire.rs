//! The objects of OpenADR as they come: events, their intervals and payloads, and programs. Each is
//! read for itself, and what is wrong with one names its field.

use serde_json::{Map, Value};
use sunward_core::Timestamp;
use sunward_workflows::quoted;

use super::period::{Length, Period, Start};
use crate::moment::moment;

/// The most intervals of one event that are read: a year of quarters of an hour.
const INTERVALS: usize = 36_000;

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) id: String,
    pub(super) program: String,
    /// A lower number is more urgent; `None` is the least urgent.
    pub(super) priority: Option<u64>,
    /// When it was created, or else last modified.
    pub(super) created: Option<Timestamp>,
    /// For whom it is; empty for all.
    pub(super) targets: Vec<String>,
    pub(super) descriptors: Vec<Descriptor>,
    pub(super) period: Option<Period>,
    /// If it is longer than the intervals together, they repeat.
    pub(super) duration: Option<Length>,
    pub(super) intervals: Vec<Interval>,
}

/// What the values of a payload type mean.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) payload: String,
    pub(super) units: Option<String>,
    pub(super) currency: Option<String>,
}

/// One interval of an event.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) period: Option<Period>,
    /// The type and the values of each payload.
    pub(super) payloads: Vec<(String, Vec<Value>)>,
}

/// One program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) descriptors: Vec<Descriptor>,
}

/// An object that is being read, and its path for messages.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    path: String,
}

impl<'a> Fields<'a> {
    fn of(value: &'a Value, path: &str) -> Result<Self, String> {
        let map = value
            .as_object()
            .ok_or_else(|| format!("{path} is not an object"))?;
        Ok(Self {
            map,
            path: path.to_owned(),
        })
    }

    /// A field that is there and not `null`.
    fn get(&self, name: &str) -> Option<&'a Value> {
        self.map.get(name).filter(|value| !value.is_null())
    }

    fn path(&self, name: &str) -> String {
        if self.path.is_empty() {
            return name.to_owned();
        }
        format!("{}.{name}", self.path)
    }

    fn wrong(&self, name: &str, expected: &str) -> String {
        let shown = self
            .get(name)
            .map_or_else(String::new, |value| quoted(short(value)).to_string());
        format!(
            "`{}` is {shown}, but {expected} was expected",
            self.path(name)
        )
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, String> {
        match self.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "text")),
        }
    }

    fn list(&self, name: &str) -> Result<&'a [Value], String> {
        match self.get(name) {
            None => Ok(&[]),
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(self.wrong(name, "a list")),
        }
    }

    fn length(&self, name: &str) -> Result<Option<Length>, String> {
        let Some(text) = self.text(name)? else {
            return Ok(None);
        };
        let length = Length::read(text);
        length
            .map(Some)
            .ok_or_else(|| self.wrong(name, "a duration such as PT1H"))
    }

    fn period(&self) -> Result<Option<Period>, String> {
        let name = "intervalPeriod";
        let Some(value) = self.get(name) else {
            return Ok(None);
        };
        let own = Fields::of(value, &self.path(name))?;
        let start = match own.text("start")? {
            None => Start::Now,
            Some(text) => Start::read(text)
                .ok_or_else(|| own.wrong("start", "a time such as 2026-03-01T05:00:00Z"))?,
        };
        let randomize = own.length("randomizeStart")?.and_then(Length::ms);
        Ok(Some(Period {
            start,
            length: own.length("duration")?.unwrap_or(Length::Open),
            randomize_ms: randomize.unwrap_or(0),
        }))
    }

    fn descriptors(&self) -> Result<Vec<Descriptor>, String> {
        let name = "payloadDescriptors";
        let mut all = Vec::new();
        for (at, value) in self.list(name)?.iter().enumerate() {
            let own = Fields::of(value, &format!("{}[{at}]", self.path(name)))?;
            if let Some(payload) = own.text("payloadType")? {
                all.push(Descriptor {
                    payload: payload.to_owned(),
                    units: own.text("units")?.map(str::to_uppercase),
                    currency: own.text("currency")?.map(str::to_uppercase),
                });
            }
        }
        Ok(all)
    }
}

impl Event {
    /// The id of an event, for messages; its place in the list if it has none.
    pub(super) fn name_of(value: &Value, at: usize) -> String {
        let text = |key: &str| value.get(key).and_then(Value::as_str);
        match (text("eventName"), text("id")) {
            (Some(name), Some(id)) if !name.is_empty() => format!("event {id} ({name})"),
            (_, Some(id)) => format!("event {id}"),
            _ => format!("event number {} of the list", at + 1),
        }
    }

    /// Reads an event.
    ///
    /// # Errors
    ///
    /// Says which field is not valid.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let own = Fields::of(value, "")?;
        let needed = |name: &str| {
            let text = own.text(name)?.map(str::to_owned);
            text.ok_or_else(|| format!("`{name}` is missing"))
        };
        let moment_of = |name: &str| own.text(name).ok().flatten().and_then(moment);
        let mut intervals = Vec::new();
        for (at, value) in own.list("intervals")?.iter().take(INTERVALS).enumerate() {
            intervals.push(Interval::read(value, &format!("intervals[{at}]"))?);
        }
        Ok(Self {
            id: needed("id")?,
            program: needed("programID")?,
            priority: match own.get("priority") {
                None => None,
                Some(value) => Some(
                    value
                        .as_u64()
                        .ok_or_else(|| own.wrong("priority", "a whole number"))?,
                ),
            },
            created: moment_of("createdDateTime").or_else(|| moment_of("modificationDateTime")),
            targets: targets(own.list("targets")?),
            descriptors: own.descriptors()?,
            period: own.period()?,
            duration: own.length("duration")?,
            intervals,
        })
    }
}

impl Interval {
    fn read(value: &Value, path: &str) -> Result<Self, String> {
        let own = Fields::of(value, path)?;
        let mut payloads = Vec::new();
        for (at, value) in own.list("payloads")?.iter().enumerate() {
            let payload = Fields::of(value, &format!("{path}.payloads[{at}]"))?;
            let kind = payload.text("type")?.unwrap_or_default().to_owned();
            payloads.push((kind, payload.list("values")?.to_vec()));
        }
        Ok(Self {
            period: own.period()?,
            payloads,
        })
    }
}

impl Program {
    /// Reads a program.
    ///
    /// # Errors
    ///
    /// Says which field is not valid.
    pub(super) fn read(value: &Value) -> Result<Self, String> {
        let own = Fields::of(value, "")?;
        let id = own.text("id")?.ok_or("`id` is missing")?;
        Ok(Self {
            id: id.to_owned(),
            name: own.text("programName")?.unwrap_or(id).to_owned(),
            descriptors: own.descriptors()?,
        })
    }
}

/// The names of targets: plain texts since version 3.1, and types with values before.
fn targets(list: &[Value]) -> Vec<String> {
    let values = list.iter().flat_map(|target| match target {
        Value::Object(map) => map.get("values").and_then(Value::as_array).cloned(),
        plain => Some(vec![plain.clone()]),
    });
    let names = values.flatten();
    names
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

/// The most letters of a value that are shown.
const SHOWN: usize = 40;

/// A value on one short line, for messages.
pub(super) fn short(value: &Value) -> String {
    let text = value.to_string();
    let line: String = text.chars().filter(|letter| !letter.is_control()).collect();
    if line.chars().count() <= SHOWN {
        return line;
    }
    let begin: String = line.chars().take(SHOWN).collect();
    format!("{begin}…")
}
