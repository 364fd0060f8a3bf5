//! The settings that say how providers are asked: `electricity_maps`, `places`, `openadr` and
//! `weather`.

use std::collections::BTreeMap;

use sunward_grid::provider::{
    ApiVersion, ElectricityMapsOptions, Ghg, OPEN_METEO, OpenAdrOptions, Options, Point, Points,
    WeatherOptions,
};
use sunward_workflows::Value;
use sunward_workflows::fields::{Fields, unfit};

/// The names of the settings of Electricity Maps.
const MAPS_KEYS: &[&str] = &["version", "emissions", "estimates"];

/// The names of the settings of a site's OpenADR server.
const OPENADR_KEYS: &[&str] = &["url", "program", "ven", "targets", "ghg"];

/// Reads these settings.
///
/// # Errors
/// Names a value that is not valid, and what was expected.
pub(crate) fn options(fields: &Fields) -> Result<Options, String> {
    Ok(Options {
        electricity_maps: electricity_maps(fields)?,
        points: Points::new(places(fields)?),
        openadr: openadr(fields)?,
        weather: weather(fields)?,
    })
}

/// The names of the settings of weather.
const WEATHER_KEYS: &[&str] = &["provider", "points"];

/// `weather`: the provider's name, or a map with the points of zones.
fn weather(fields: &Fields) -> Result<Option<WeatherOptions>, String> {
    let key = "weather";
    let map = match fields.value(key) {
        None => return Ok(None),
        Some(Value::Map(map)) => map.clone(),
        Some(value) if value.to_text() == OPEN_METEO => {
            return Ok(Some(WeatherOptions::default()));
        }
        Some(other) => {
            let expected = format!("`{OPEN_METEO}`, or a map with `points`");
            return Err(unfit(key, other, &expected));
        }
    };
    let own = Fields::new(map, WEATHER_KEYS, "setting of `weather`")?;
    if let Some(value) = own.value("provider")
        && value.to_text() != OPEN_METEO
    {
        let expected = format!("`{OPEN_METEO}`");
        return Err(unfit("weather.provider", value, &expected));
    }
    let points = match own.value("points") {
        None => BTreeMap::new(),
        Some(Value::Map(zones)) => zones.iter().map(points).collect::<Result<_, _>>()?,
        Some(other) => return Err(unfit("weather.points", other, "a map from zones to points")),
    };
    Ok(Some(WeatherOptions { points }))
}

/// The most points of a zone. More would weigh as much in the provider's limits, and add little.
const MOST_POINTS: usize = 20;

/// The points of a zone.
fn points((zone, value): &(String, Value)) -> Result<(String, Vec<Point>), String> {
    let all = match value {
        Value::List(list) if (1..=MOST_POINTS).contains(&list.len()) => {
            list.iter().map(place).collect::<Option<Vec<Point>>>()
        }
        _ => None,
    };
    let expected = format!(
        "up to {MOST_POINTS} points, each a latitude and a longitude in degrees, such as `[[54.3, 9.0], [48.1, 11.6]]`"
    );
    let points = all.ok_or_else(|| unfit(&format!("weather.points.{zone}"), value, &expected))?;
    Ok((zone.clone(), points))
}

fn openadr(fields: &Fields) -> Result<OpenAdrOptions, String> {
    let key = "openadr";
    let map = match fields.value(key) {
        None => return Ok(OpenAdrOptions::default()),
        Some(Value::Map(map)) => map.clone(),
        Some(other) => {
            let expected = "a map such as `{ url: https://vtn.example.org/openadr3/3.1.0 }`";
            return Err(unfit(key, other, expected));
        }
    };
    let own = Fields::new(map, OPENADR_KEYS, "setting of `openadr`")?;
    let wrong = |name: &str, value: &Value, expected: &str| {
        unfit(&format!("{key}.{name}"), value, expected)
    };
    let text = |name: &str| match own.value(name) {
        None => Ok(None),
        Some(value @ (Value::Map(_) | Value::List(_))) => Err(wrong(name, value, "text")),
        Some(value) => Ok(Some(value.to_text())),
    };
    let mut names: Vec<String> = text("ven")?.into_iter().collect();
    match own.value("targets") {
        None => {}
        Some(Value::List(list)) => names.extend(list.iter().map(|one| one.to_text())),
        Some(other) => return Err(wrong("targets", other, "a list of names")),
    }
    Ok(OpenAdrOptions {
        url: text("url")?,
        program: text("program")?,
        names,
        ghg: match (text("ghg")?.as_deref(), own.value("ghg")) {
            (None | Some("marginal"), _) => Ghg::Marginal,
            (Some("average"), _) => Ghg::Average,
            (_, value) => {
                let value = value.cloned().unwrap_or(Value::Null);
                return Err(wrong("ghg", &value, "`marginal` or `average`"));
            }
        },
        zone: fields.text("zone").ok().flatten(),
    })
}

fn electricity_maps(fields: &Fields) -> Result<ElectricityMapsOptions, String> {
    let mut options = ElectricityMapsOptions::default();
    let key = "electricity_maps";
    let map = match fields.value(key) {
        None => return Ok(options),
        Some(Value::Map(map)) => map.clone(),
        Some(other) => {
            return Err(unfit(key, other, "a map such as `{ version: 3 }`"));
        }
    };
    let own = Fields::new(map, MAPS_KEYS, "setting of `electricity_maps`")?;
    let wrong = |name: &str, value: &Value, expected: &str| {
        Err(unfit(&format!("{key}.{name}"), value, expected))
    };
    if let Some(value) = own.value("version") {
        options.version = match value.to_text().as_str() {
            "3" => ApiVersion::V3,
            "4" => ApiVersion::V4,
            _ => return wrong("version", value, "3 or 4"),
        };
    }
    if let Some(value) = own.value("emissions") {
        options.is_direct = match value.to_text().as_str() {
            "life-cycle" => false,
            "direct" => true,
            _ => return wrong("emissions", value, "`life-cycle` or `direct`"),
        };
    }
    if let Some(value) = own.value("estimates") {
        options.with_estimates = match value.to_json().as_bool() {
            Some(with) => with,
            None => return wrong("estimates", value, "true or false"),
        };
    }
    Ok(options)
}

fn places(fields: &Fields) -> Result<BTreeMap<String, Point>, String> {
    let expected = "a latitude and a longitude in degrees, such as `[52.5, 13.4]`";
    match fields.value("places") {
        None => Ok(BTreeMap::new()),
        Some(Value::Map(map)) => map
            .iter()
            .map(|(zone, value)| {
                let place = place(value)
                    .ok_or_else(|| unfit(&format!("places.{zone}"), value, expected))?;
                Ok((zone.clone(), place))
            })
            .collect(),
        Some(other) => Err(unfit("places", other, "a map from zones to places")),
    }
}

fn place(value: &Value) -> Option<Point> {
    let Value::List(list) = value else {
        return None;
    };
    let [latitude, longitude] = list.as_slice() else {
        return None;
    };
    Point::at(latitude.to_json().as_f64()?, longitude.to_json().as_f64()?)
}

#[cfg(test)]
mod tests {
    use sunward_grid::provider::{ApiVersion, Ghg, Options};
    use sunward_workflows::fields::Fields;
    use sunward_workflows::read_params;

    fn read(text: &str) -> Result<Options, String> {
        let fields = Fields::new(
            read_params(text)?,
            &["electricity_maps", "places", "openadr", "weather", "zone"],
            "setting",
        )?;
        super::options(&fields)
    }

    #[test]
    fn what_is_named_is_chosen_and_all_else_is_usual() {
        assert_eq!(read("").unwrap(), Options::default());
        let options = read(
            "electricity_maps: { version: 3, emissions: direct, estimates: false }\nplaces: { DE: [48.1, 11.6] }",
        )
        .unwrap();
        let maps = options.electricity_maps;
        assert_eq!(maps.version, ApiVersion::V3);
        assert!(maps.is_direct && !maps.with_estimates);
        let site = read(
            "zone: DE\nopenadr: { url: 'http://vtn:3000', program: site-dr, ven: lab-7, targets: [group-a], ghg: average }",
        )
        .unwrap()
        .openadr;
        assert_eq!(site.names, ["lab-7", "group-a"]);
        assert_eq!(
            (site.program.as_deref(), site.ghg),
            (Some("site-dr"), Ghg::Average)
        );
        assert_eq!(
            (site.url.as_deref(), site.zone.as_deref()),
            (Some("http://vtn:3000"), Some("DE"))
        );
        let place = options.points.of("DE").unwrap();
        assert_eq!(place.to_string(), "48.100,11.600");
        let named = read("weather: open-meteo").unwrap().weather.unwrap();
        assert!(named.points.is_empty());
        let text = "weather: { points: { DE: [[54.3, 9], [48.1, 11.6]] } }";
        let points = &read(text).unwrap().weather.unwrap().points["DE"];
        assert_eq!(points.len(), 2);
        assert_eq!(points[0].to_string(), "54.300,9.000");
    }

    #[test]
    fn what_is_not_valid_is_told_with_what_is_expected() {
        for (text, told) in [
            (
                "electricity_maps: { version: 5 }",
                "`electricity_maps.version` cannot be `5`; expected 3 or 4",
            ),
            (
                "electricity_maps: { emissions: all }",
                "`electricity_maps.emissions` cannot be `all`; expected `life-cycle` or `direct`",
            ),
            (
                "electricity_maps: { estimates: some }",
                "`electricity_maps.estimates` cannot be `some`; expected true or false",
            ),
            (
                "electricity_maps: { verison: 3 }",
                "there is no setting of `electricity_maps` `verison`",
            ),
            (
                "electricity_maps: 3",
                "`electricity_maps` cannot be `3`; expected a map",
            ),
            (
                "places: { DE: 52 }",
                "`places.DE` cannot be `52`; expected a latitude",
            ),
            (
                "places: { DE: [91, 0] }",
                "`places.DE` cannot be a list; expected a latitude",
            ),
            (
                "openadr: http://vtn",
                "`openadr` cannot be `http://vtn`; expected a map",
            ),
            (
                "openadr: { program: [a] }",
                "`openadr.program` cannot be a list; expected text",
            ),
            (
                "openadr: { targets: a }",
                "`openadr.targets` cannot be `a`; expected a list of names",
            ),
            (
                "openadr: { ghg: all }",
                "`openadr.ghg` cannot be `all`; expected `marginal` or `average`",
            ),
            (
                "openadr: { token: x }",
                "there is no setting of `openadr` `token`",
            ),
            (
                "weather: sunny",
                "`weather` cannot be `sunny`; expected `open-meteo`, or a map with `points`",
            ),
            (
                "weather: { provider: dwd }",
                "`weather.provider` cannot be `dwd`; expected `open-meteo`",
            ),
            (
                "weather: { points: [1, 2] }",
                "`weather.points` cannot be a list; expected a map from zones",
            ),
            (
                "weather: { points: { DE: [52.5, 13.4] } }",
                "`weather.points.DE` cannot be a list; expected up to 20 points",
            ),
            (
                "weather: { points: { DE: [] } }",
                "`weather.points.DE` cannot be a list; expected up to 20 points",
            ),
            (
                "weather: { point: { DE: [] } }",
                "there is no setting of `weather` `point`",
            ),
            (
                "places: [1, 2]",
                "`places` cannot be a list; expected a map from zones",
            ),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(told), "{text}: {error}");
        }
    }
}
