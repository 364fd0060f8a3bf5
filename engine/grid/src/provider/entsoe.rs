//! The ENTSO-E Transparency Platform: generation by type in XML, times emission factors, and
//! day-ahead prices. Its guide is at <https://transparencyplatform.zendesk.com> ("Sitemap for Restful
//! API Integration").

use serde::Deserialize;
use sunward_core::Timestamp;

use super::client::{Ask, Pass, Site};
use super::document::{spans, written};
use super::entsoe_document::{Period, Place, is_acknowledgement};
use super::factors::Fuel;
use super::mix::Mix;
use super::prices::{Prices, PricesDraft};
use super::series::HOUR_MS;
use super::zones::{entsoe_domain, price_domain};
use super::{GridSignal, Provider, Secret, Series, SignalError};

const NAME: &str = Provider::EntsoE.word();

const PATH: &str = "/api";

/// A request may cover a year; a month keeps answers small.
const SPAN_MS: u64 = 31 * 24 * HOUR_MS;

/// How long after an hour's end its figure may still be missing.
const LATE_MS: u64 = 12 * HOUR_MS;

/// Prices are few: those on which a forecast is fitted are one request.
const PRICES_SPAN_MS: u64 = 100 * 24 * HOUR_MS;

/// The number of the auction whose results are day-ahead prices: the coupled one at noon. Austria and
/// Germany have a second one.
const AUCTION: &str = "1";

/// The provider.
#[derive(Debug)]
pub(crate) struct EntsoE {
    site: Site,
    key: Secret,
}

/// Generation of one type (document `A75`).
#[derive(Deserialize)]
struct Generation {
    /// Present for power that flows out: what pumps and batteries consume.
    #[serde(rename = "outBiddingZone_Domain.mRID")]
    consumer: Option<String>,
    #[serde(rename = "quantity_Measure_Unit.name")]
    unit: String,
    #[serde(rename = "curveType")]
    curve: Option<String>,
    #[serde(rename = "MktPSRType")]
    plant: Plant,
    #[serde(rename = "Period", default)]
    periods: Vec<Period>,
}

#[derive(Deserialize)]
struct Plant {
    #[serde(rename = "psrType")]
    code: String,
}

/// Prices of one auction (document `A44`).
#[derive(Deserialize)]
struct Auction {
    #[serde(rename = "currency_Unit.name")]
    currency: String,
    #[serde(rename = "price_Measure_Unit.name")]
    unit: String,
    #[serde(rename = "curveType")]
    curve: Option<String>,
    /// The number of the auction, if the zone has several.
    #[serde(rename = "classificationSequence_AttributeInstanceComponent.position")]
    number: Option<String>,
    #[serde(rename = "Period", default)]
    periods: Vec<Period>,
}

fn fuel(code: &str) -> Option<Fuel> {
    Some(match code {
        "B01" => Fuel::Biomass,
        // Oil shale and peat emit about as much as lignite.
        "B02" | "B07" | "B08" => Fuel::Lignite,
        // Gas made from coal, and hard coal.
        "B03" | "B05" => Fuel::Coal,
        "B04" => Fuel::Gas,
        "B06" => Fuel::Oil,
        "B09" => Fuel::Geothermal,
        "B11" | "B12" => Fuel::Hydro,
        "B13" => Fuel::Marine,
        "B14" => Fuel::Nuclear,
        "B16" => Fuel::Solar,
        "B18" => Fuel::WindOffshore,
        "B19" => Fuel::WindOnshore,
        // Other renewables count as the dirtiest of them.
        "B15" => Fuel::Biomass,
        // Waste, and other.
        "B17" | "B20" => Fuel::Other,
        _ => return None,
    })
}

/// Pumped storage and batteries. The power that they return was counted when it was generated.
fn is_storage(code: &str) -> bool {
    matches!(code, "B10" | "B25")
}

impl EntsoE {
    pub(crate) const fn new(site: Site, key: Secret) -> Self {
        Self { site, key }
    }

    const fn place(&self) -> Place<'_> {
        Place {
            host: self.site.host.as_str(),
            path: PATH,
            key: &self.key,
        }
    }

    /// The document of these parameters about a span.
    fn ask(
        &self,
        parameters: &[(&'static str, &str)],
        span: (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Result<Vec<u8>, SignalError> {
        let stamp = |at: Timestamp| written(at, "%Y%m%d%H%M");
        let parameters = parameters.iter();
        let mut query: Vec<(&'static str, String)> = parameters
            .map(|(name, value)| (*name, (*value).to_owned()))
            .collect();
        query.push(("periodStart", stamp(span.0)));
        query.push(("periodEnd", stamp(span.1)));
        let ask = Ask {
            path: PATH.to_owned(),
            query,
            pass: Pass::Parameter("securityToken", &self.key),
            now,
        };
        // "No matching data found" has the status 400, or 200.
        self.site.get_also(&ask, is_acknowledgement)
    }

    fn put(&self, mix: &mut Mix, series: &Generation) -> Result<(), SignalError> {
        let code = series.plant.code.as_str();
        if series.consumer.is_some() || is_storage(code) {
            return Ok(());
        }
        if series.unit != "MAW" {
            return Err(self.place().wrong(format!(
                "quantity_Measure_Unit is {}, but MAW was expected",
                series.unit
            )));
        }
        let points = self
            .place()
            .points(&series.periods, series.curve.as_deref())?;
        for (begin, length_ms, megawatts) in points {
            let place = &self.site.host;
            mix.put(begin, length_ms, code, fuel(code), megawatts, place)?;
        }
        Ok(())
    }
}

impl GridSignal for EntsoE {
    fn name(&self) -> &'static str {
        NAME
    }

    fn history(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Series, SignalError> {
        let domain = entsoe_domain(zone)?;
        let mut mix = Mix::default();
        for span in spans(from, until.min(now), SPAN_MS) {
            let parameters = [
                ("documentType", "A75"),
                ("processType", "A16"),
                ("in_Domain", domain),
            ];
            let bytes = self.ask(&parameters, span, now);
            let bytes = bytes.map_err(|error| error.about(zone))?;
            for series in self.place().series("GL_MarketDocument", &bytes)? {
                self.put(&mut mix, &series)?;
            }
        }
        mix.intensities(NAME, zone, &self.site.host)?
            .history(from, until, now, LATE_MS)
    }

    /// Its forecasts cover only wind, sun and load, which do not suffice for an intensity.
    fn forecast(&self, _zone: &str, _now: Timestamp) -> Result<Option<Series>, SignalError> {
        Ok(None)
    }

    /// Day-ahead prices (document `A44`, "12.1.D Energy Prices"), of the auction at noon. `None` for
    /// zones that are no bidding zone, and in other currencies than the euro.
    fn prices(
        &self,
        zone: &str,
        from: Timestamp,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Prices>, SignalError> {
        let Some(domain) = price_domain(zone) else {
            return Ok(None);
        };
        let mut draft = PricesDraft::new(NAME, zone);
        for span in spans(from, until, PRICES_SPAN_MS) {
            let parameters = [
                ("documentType", "A44"),
                ("contract_MarketAgreement.type", "A01"),
                ("in_Domain", domain),
                ("out_Domain", domain),
            ];
            let bytes = self.ask(&parameters, span, now)?;
            let place = self.place();
            let all: Vec<Auction> = place.series("Publication_MarketDocument", &bytes)?;
            let is_noon = |auction: &&Auction| {
                let number = auction.number.as_deref().map(str::trim);
                number.is_none_or(|number| number == AUCTION)
            };
            for auction in all.iter().filter(is_noon) {
                if auction.currency != "EUR" {
                    return Ok(None);
                }
                if auction.unit != "MWH" {
                    let what = format!(
                        "price_Measure_Unit is {}, but MWH was expected",
                        auction.unit
                    );
                    return Err(place.wrong(what));
                }
                let points = place.points(&auction.periods, auction.curve.as_deref())?;
                for (begin, length_ms, euros) in points {
                    draft.put(begin, length_ms, euros)?;
                }
            }
        }
        Ok(draft.finish(from, until, now))
    }
}
