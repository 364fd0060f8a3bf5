//! Day-ahead prices from providers: their shapes, when they are known, and where they are kept.

use sunward_core::Timestamp;
use sunward_grid::provider::{Chain, GridSignal, Kept, Prices, SignalError};

use crate::server::{Reply, Request, Server};
use crate::sites::{FROM, HOUR_MS, NOW, SITES, Site, Twist};

const MAPS: Site = SITES[0];
const UK: Site = SITES[2];
const ENTSOE: Site = SITES[4];

/// Midnight in Berlin on the day of `NOW`, which is 13:00 there.
const MIDNIGHT: Timestamp = Timestamp(NOW.0 - 13 * HOUR_MS);

const DAY_MS: u64 = 24 * HOUR_MS;

fn stamp(at: Timestamp) -> String {
    let at = jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap()).unwrap();
    at.strftime("%Y-%m-%dT%H:%MZ").to_string()
}

/// A day of prices: `points` by position, on a curve of the type `A03`.
fn auction(
    day: Timestamp,
    number: &str,
    currency: &str,
    resolution: &str,
    points: &[(u32, f64)],
) -> String {
    let points: String = points
        .iter()
        .map(|(at, euros)| {
            format!("<Point><position>{at}</position><price.amount>{euros}</price.amount></Point>")
        })
        .collect();
    let number = match number {
        "" => String::new(),
        number => format!(
            "<classificationSequence_AttributeInstanceComponent.position>{number}</classificationSequence_AttributeInstanceComponent.position>"
        ),
    };
    format!(
        "<TimeSeries><mRID>1</mRID><auction.type>A01</auction.type><businessType>A62</businessType><in_Domain.mRID codingScheme=\"A01\">10Y1001A1001A82H</in_Domain.mRID><out_Domain.mRID codingScheme=\"A01\">10Y1001A1001A82H</out_Domain.mRID><contract_MarketAgreement.type>A01</contract_MarketAgreement.type><currency_Unit.name>{currency}</currency_Unit.name><price_Measure_Unit.name>MWH</price_Measure_Unit.name>{number}<curveType>A03</curveType><Period><timeInterval><start>{}</start><end>{}</end></timeInterval><resolution>{resolution}</resolution>{points}</Period></TimeSeries>",
        stamp(day),
        stamp(day.after_ms(DAY_MS))
    )
}

fn document(series: &str) -> Reply {
    Reply::ok(format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Publication_MarketDocument xmlns=\"urn:iec62325.351:tc57wg16:451-3:publicationdocument:7:3\"><mRID>x</mRID><type>A44</type><createdDateTime>2024-03-02T12:00:00Z</createdDateTime>{series}</Publication_MarketDocument>"
    ))
}

fn prices(site: Site, server: &Server, zone: &str) -> Result<Option<Prices>, SignalError> {
    let until = MIDNIGHT.after_ms(DAY_MS);
    site.ask(server).signal.prices(zone, MIDNIGHT, until, NOW)
}

#[test]
fn entsoe_gives_the_results_of_the_auction_at_noon() {
    let server = Server::start(|_| {
        // The second auction of Germany comes first in the document. On the curve of the first,
        // points that are left out are as the one before.
        document(
            &[
                auction(MIDNIGHT, "2", "EUR", "PT15M", &[(1, 999.0)]),
                auction(
                    MIDNIGHT,
                    "1",
                    "EUR",
                    "PT15M",
                    &[(1, 80.0), (3, 100.0), (5, -4.5)],
                ),
            ]
            .concat(),
        )
    });
    let told = prices(ENTSOE, &server, "DE").unwrap().unwrap();
    assert_eq!(told.first, MIDNIGHT);
    assert_eq!(told.end(), MIDNIGHT.after_ms(DAY_MS));
    assert_eq!(told.milli_eur_per_mwh[0], Some(90_000));
    assert_eq!(told.milli_eur_per_mwh[1..], [Some(-4_500); 23]);
    let asked = &server.requests()[0];
    for (name, value) in [
        ("documentType", "A44"),
        ("in_Domain", "10Y1001A1001A82H"),
        ("out_Domain", "10Y1001A1001A82H"),
        ("contract_MarketAgreement.type", "A01"),
        ("periodStart", "202403012300"),
        ("periodEnd", "202403022300"),
    ] {
        assert_eq!(asked.parameter(name), Some(value));
    }
    assert!(ENTSOE.lets_in(asked));
}

#[test]
fn an_auction_without_a_number_counts_and_hours_as_they_come() {
    let points: Vec<(u32, f64)> = (1..=24).map(|hour| (hour, f64::from(hour))).collect();
    let server = Server::start(move |_| document(&auction(MIDNIGHT, "", "EUR", "PT60M", &points)));
    let told = prices(ENTSOE, &server, "FR").unwrap().unwrap();
    assert_eq!(told.at(NOW), Some(14_000));
}

#[test]
fn where_there_are_no_prices_in_euros_there_are_none() {
    let nothing = "<Acknowledgement_MarketDocument><Reason><code>999</code><text>No matching data found for Data item ENERGY_PRICES [12.1.D]</text></Reason></Acknowledgement_MarketDocument>";
    for status in [200, 400] {
        let server = Server::start(move |_| Reply::status(status, nothing));
        assert_eq!(prices(ENTSOE, &server, "DE").unwrap(), None);
    }
    let server =
        Server::start(|_| document(&auction(MIDNIGHT, "1", "PLN", "PT60M", &[(1, 400.0)])));
    assert_eq!(prices(ENTSOE, &server, "PL").unwrap(), None);
    // A country of several bidding zones, and a zone elsewhere, are not asked for.
    for zone in ["NO", "US-CAL-CISO"] {
        assert_eq!(prices(ENTSOE, &server, zone).unwrap(), None);
    }
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn what_is_wrong_with_prices_is_told_without_the_key() {
    let unit = auction(MIDNIGHT, "1", "EUR", "PT60M", &[(1, 4.0)]).replace(">MWH<", ">KWH<");
    let absurd = auction(MIDNIGHT, "1", "EUR", "PT60M", &[(1, 1e9)]);
    let order = auction(MIDNIGHT, "1", "EUR", "PT60M", &[(30, 1.0)]);
    for (series, part) in [
        (unit, "price_Measure_Unit is KWH"),
        (absurd, "1000000000 EUR/MWh is impossible"),
        (order, "position 30 of 24 is out of order"),
    ] {
        let server = Server::start(move |_| document(&series));
        let error = prices(ENTSOE, &server, "DE").unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
}

/// Rows of Electricity Maps for two days from `MIDNIGHT` on: the price is the hour's number.
fn maps(unit: &str) -> Reply {
    let rows: Vec<String> = (0..48)
        .map(|hour| {
            format!(
                r#"{{"zone":"DE","datetime":"{}","createdAt":"2024-03-01T11:30:00.000Z","updatedAt":"2024-03-01T11:30:00.000Z","value":{hour},"unit":"{unit}","source":"nordpool.com","temporalGranularity":"hourly"}}"#,
                stamp(MIDNIGHT.after_ms(hour * HOUR_MS))
            )
        })
        .collect();
    Reply::ok(format!(
        r#"{{"zone":"DE","temporalGranularity":"hourly","data":[{}]}}"#,
        rows.join(",")
    ))
}

#[test]
fn electricity_maps_gives_published_prices_in_euros() {
    let server = Server::start(|_| maps("EUR/MWh"));
    let told = prices(MAPS, &server, "DE").unwrap().unwrap();
    assert_eq!(told.at(NOW), Some(13_000));
    assert_eq!(told.end(), MIDNIGHT.after_ms(DAY_MS), "no more than asked");
    let asked = &server.requests()[0];
    assert!(asked.target.starts_with("/v4/price-day-ahead/actual?"));
    assert_eq!(asked.parameter("start"), Some("2024-03-01T23:00:00Z"));
    let server = Server::start(|_| maps("GBP/MWh"));
    assert_eq!(prices(MAPS, &server, "DE").unwrap(), None);
}

/// Figures of Germany for the six hours before `NOW`, and prices of three days, whatever is asked.
fn germany(request: &Request) -> Reply {
    if request.parameter("documentType") != Some("A44") {
        return ENTSOE.answer(request, Twist::Nothing);
    }
    let days: Vec<String> = (0..3)
        .map(|day| {
            let begin = MIDNIGHT.after_ms(day * DAY_MS);
            auction(
                begin,
                "1",
                "EUR",
                "PT60M",
                &[(1, f64::from(u32::try_from(day).unwrap()))],
            )
        })
        .collect();
    document(&days.concat())
}

#[test]
fn tomorrow_is_known_from_two_in_the_afternoon_on_and_nothing_later() {
    // 13:59 and 14:00 in Berlin, with figures that ended an hour before.
    for (minutes, hours_ahead) in [(59, 11), (60, 35)] {
        let server = Server::start(germany);
        let chain = Chain::new(vec![ENTSOE.ask(&server).signal]);
        let now = NOW.after_ms(minutes * 60_000);
        let answer = chain.outlook("DE", FROM, now).unwrap();
        assert!(answer.failed.is_empty(), "{:?}", answer.failed);
        let trace = answer.trace();
        assert_eq!(trace.end(), NOW);
        assert_eq!(trace.ahead.len(), hours_ahead, "{minutes} min");
        assert_eq!(trace.steps[0].price_milli_eur_per_mwh, Some(0));
        assert_eq!(trace.price_of(6 + 10), Some(0));
        let tomorrow = if hours_ahead > 11 { Some(1_000) } else { None };
        assert_eq!(trace.price_of(6 + 11), tomorrow);
        assert_eq!(trace.price_of(6 + 35), None, "the day after tomorrow");
    }
}

#[test]
fn a_past_that_has_ended_gets_its_own_prices_alone() {
    let server = Server::start(germany);
    let chain = Chain::new(vec![ENTSOE.ask(&server).signal]);
    let now = NOW.after_ms(HOUR_MS);
    let answer = chain.history("DE", FROM, NOW, now).unwrap();
    let trace = answer.trace();
    assert!(
        trace
            .steps
            .iter()
            .all(|step| step.price_milli_eur_per_mwh == Some(0))
    );
    assert!(trace.ahead.is_empty());
}

#[test]
fn prices_may_come_from_another_provider_than_intensities() {
    let (uk, german) = (
        Server::start(|request| UK.answer(request, Twist::Nothing)),
        Server::start(germany),
    );
    let chain = Chain::new(vec![UK.ask(&uk).signal, ENTSOE.ask(&german).signal]);
    let answer = chain.outlook("GB", FROM, NOW).unwrap();
    assert_eq!(answer.history.provider, "uk");
    assert_eq!(answer.prices.unwrap().provider, "entsoe");
    assert!(answer.failed.is_empty(), "{:?}", answer.failed);
}

#[test]
fn who_cannot_be_reached_is_not_asked_for_prices_as_well() {
    let (down, up) = (
        Server::start(|_| Reply::status(503, "")),
        Server::start(|request| UK.answer(request, Twist::Nothing)),
    );
    let chain = Chain::new(vec![ENTSOE.ask(&down).signal, UK.ask(&up).signal]);
    let answer = chain.outlook("GB", FROM, NOW).unwrap();
    assert_eq!(answer.failed.len(), 1);
    assert_eq!(down.requests().len(), 3, "the tries of one request");
}

#[test]
fn prices_that_fail_leave_the_intensities() {
    let server = Server::start(|request| {
        if request.parameter("documentType") == Some("A44") {
            return Reply::status(503, "maintenance");
        }
        germany(request)
    });
    let chain = Chain::new(vec![ENTSOE.ask(&server).signal]);
    let answer = chain.outlook("DE", FROM, NOW).unwrap();
    assert_eq!(answer.prices, None);
    assert_eq!(answer.failed.len(), 1);
    assert!(answer.trace().ahead.is_empty());
}

#[test]
fn published_prices_are_kept_and_asked_for_again_when_more_are_published() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(germany);
    let kept = Kept::new(ENTSOE.ask(&server).signal, "here", folder.path());
    let look = |now: Timestamp, until: Timestamp| {
        kept.prices("DE", FROM, until, now).unwrap().unwrap().end()
    };
    let (today, tomorrow) = (MIDNIGHT.after_ms(DAY_MS), MIDNIGHT.after_ms(2 * DAY_MS));
    assert_eq!(look(NOW, today), today);
    assert_eq!(look(NOW.after_ms(HOUR_MS / 2), today), today);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(look(NOW.after_ms(HOUR_MS), tomorrow), tomorrow);
    assert_eq!(look(NOW.after_ms(9 * HOUR_MS), tomorrow), tomorrow);
    assert_eq!(server.requests().len(), 2);
    // Only what follows was asked for, and the record has grown.
    let second = &server.requests()[1];
    assert_eq!(second.parameter("periodStart"), Some("202403020600"));
    let text = std::fs::read_to_string(folder.path().join("entsoe@here/DE/prices.json")).unwrap();
    let record: Prices = serde_json::from_str(&text).unwrap();
    assert_eq!((record.first, record.end()), (FROM, tomorrow));
    // A past that is replayed does not see what was published later.
    assert_eq!(look(NOW, today), today);
    assert_eq!(server.requests().len(), 2);
    // Kept prices serve while the provider does not answer.
    drop(server);
    let late = tomorrow.after_ms(DAY_MS);
    assert_eq!(look(tomorrow, late), tomorrow);
}

#[test]
fn kept_prices_grow_from_day_to_day() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| {
        let start = request.parameter("periodStart").unwrap();
        let day = |day: u64| MIDNIGHT.after_ms(day * DAY_MS);
        // The price of each day is its number; the answer has whole days, as the provider's have.
        let all: Vec<String> = (0..8)
            .filter(|number| {
                stamp(day(number + 1))
                    .replace(['-', ':', 'T', 'Z'], "")
                    .as_str()
                    > start
            })
            .map(|number| {
                auction(
                    day(number),
                    "1",
                    "EUR",
                    "PT60M",
                    &[(1, f64::from(u32::try_from(number).unwrap()))],
                )
            })
            .collect();
        document(&all.concat())
    });
    let kept = Kept::new(ENTSOE.ask(&server).signal, "here", folder.path());
    for number in 0..7 {
        let now = NOW.after_ms(number * DAY_MS + HOUR_MS);
        let until = MIDNIGHT.after_ms((number + 2) * DAY_MS);
        let prices = kept.prices("DE", MIDNIGHT, until, now).unwrap().unwrap();
        assert_eq!((prices.first, prices.end()), (MIDNIGHT, until));
        for (hour, price) in (0_i64..).zip(&prices.milli_eur_per_mwh) {
            assert_eq!(*price, Some(hour / 24 * 1000));
        }
    }
    assert_eq!(server.requests().len(), 7);
    let last = server.requests().pop().unwrap();
    // Two days before the end of what was kept.
    assert_eq!(last.parameter("periodStart"), Some("202403062300"));
}

#[test]
fn that_there_are_no_prices_is_remembered_for_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let server =
        Server::start(|_| document(&auction(MIDNIGHT, "1", "PLN", "PT60M", &[(1, 400.0)])));
    let kept = Kept::new(ENTSOE.ask(&server).signal, "here", folder.path());
    let look = |now: Timestamp| kept.prices("PL", FROM, NOW, now).unwrap();
    assert_eq!(look(NOW), None);
    assert_eq!(look(NOW.after_ms(10 * 60_000)), None);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(look(NOW.after_ms(HOUR_MS)), None);
    assert_eq!(server.requests().len(), 2);
}
