//! Where zones are: one point of each, for providers that are asked by coordinates.

use std::collections::BTreeMap;
use std::fmt;

/// A place on Earth, in thousandths of a degree (about 100 m).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Point {
    /// Degrees north of the equator, in thousandths.
    latitude: i32,
    /// Degrees east of Greenwich, in thousandths.
    longitude: i32,
}

impl Point {
    /// The point at a latitude and longitude in degrees; `None` if there is no such place.
    #[must_use]
    pub fn at(latitude: f64, longitude: f64) -> Option<Self> {
        let is_place = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        is_place.then_some(Self {
            latitude: thousandths(latitude)?,
            longitude: thousandths(longitude)?,
        })
    }

    /// A point written as `LATITUDE,LONGITUDE` in degrees: `52.5,13.4`.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let (latitude, longitude) = text.split_once(',')?;
        Self::at(
            latitude.trim().parse().ok()?,
            longitude.trim().parse().ok()?,
        )
    }

    /// The latitude in degrees, for a request: `52.520`.
    pub(crate) fn latitude(self) -> String {
        degrees(self.latitude)
    }

    /// The longitude in degrees, for a request: `13.400`.
    pub(crate) fn longitude(self) -> String {
        degrees(self.longitude)
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.latitude(), self.longitude())
    }
}

fn thousandths(degrees: f64) -> Option<i32> {
    format!("{:.0}", degrees * 1000.0).parse().ok()
}

fn degrees(thousandths: i32) -> String {
    let sign = if thousandths < 0 { "-" } else { "" };
    let size = thousandths.unsigned_abs();
    format!("{sign}{}.{:03}", size / 1000, size % 1000)
}

/// Points of zones: those that the user names, and one for each zone that is known here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Points {
    named: BTreeMap<String, Point>,
}

impl Points {
    /// Points that the user names. They go before those that are known here.
    #[must_use]
    pub const fn new(named: BTreeMap<String, Point>) -> Self {
        Self { named }
    }

    /// The point of a zone; a zone may also be written as a point.
    #[must_use]
    pub fn of(&self, zone: &str) -> Option<Point> {
        self.named.get(zone).copied().or_else(|| {
            let known = KNOWN.iter().find(|(name, ..)| *name == zone);
            known
                .map(|(_, latitude, longitude)| Point {
                    latitude: latitude * 10,
                    longitude: longitude * 10,
                })
                .or_else(|| Point::read(zone))
        })
    }
}

/// A large city in each zone, in hundredths of a degree north and east.
const KNOWN: &[(&str, i32, i32)] = &[
    ("AT", 4821, 1637),
    ("AU-NSW", -3387, 15121),
    ("AU-QLD", -2747, 15303),
    ("AU-SA", -3493, 13860),
    ("AU-TAS", -4288, 14733),
    ("AU-VIC", -3781, 14496),
    ("BE", 5085, 435),
    ("BG", 4270, 2332),
    ("BR-CS", -2355, -4663),
    ("BR-NE", -1297, -3850),
    ("CA-AB", 5105, -11407),
    ("CA-BC", 4928, -12312),
    ("CA-ON", 4365, -7938),
    ("CA-QC", 4550, -7357),
    ("CH", 4738, 854),
    ("CZ", 5008, 1444),
    ("DE", 5252, 1341),
    ("DK-DK1", 5616, 1020),
    ("DK-DK2", 5568, 1257),
    ("EE", 5944, 2475),
    ("ES", 4042, -370),
    ("FI", 6017, 2494),
    ("FR", 4886, 235),
    ("GB", 5151, -13),
    ("GR", 3798, 2373),
    ("HR", 4582, 1598),
    ("HU", 4750, 1904),
    ("IE", 5335, -626),
    ("IN-WE", 1908, 7288),
    ("IT-NO", 4546, 919),
    ("JP-KN", 3469, 13550),
    ("JP-TK", 3568, 13969),
    ("KR", 3757, 12698),
    ("LT", 5469, 2528),
    ("LU", 4961, 613),
    ("LV", 5695, 2411),
    ("NL", 5237, 490),
    ("NO-NO1", 5991, 1075),
    ("NO-NO2", 5815, 800),
    ("NO-NO3", 6343, 1040),
    ("NO-NO4", 6965, 1896),
    ("NO-NO5", 6039, 532),
    ("NZ", -3685, 17476),
    ("PL", 5223, 2101),
    ("PT", 3872, -914),
    ("RO", 4443, 2610),
    ("RS", 4479, 2045),
    ("SE-SE1", 6558, 2216),
    ("SE-SE2", 6239, 1731),
    ("SE-SE3", 5933, 1807),
    ("SE-SE4", 5561, 1300),
    ("SG", 135, 10382),
    ("SI", 4606, 1451),
    ("SK", 4815, 1711),
    ("TW", 2503, 12157),
    ("US-CAL-CISO", 3777, -12242),
    ("US-CAR-DUK", 3523, -8084),
    ("US-CENT-SWPP", 3547, -9752),
    ("US-FLA-FPL", 2576, -8019),
    ("US-MIDA-PJM", 3995, -7517),
    ("US-MIDW-MISO", 4498, -9327),
    ("US-NE-ISNE", 4236, -7106),
    ("US-NW-BPAT", 4561, -12120),
    ("US-NW-PACW", 4233, -12287),
    ("US-NY-NYIS", 4071, -7401),
    ("US-SE-SOCO", 3375, -8439),
    ("US-SW-AZPS", 3345, -11207),
    ("US-TEX-ERCO", 3278, -9680),
    ("ZA", -2620, 2805),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{KNOWN, Point, Points};

    #[test]
    fn points_are_read_as_they_are_written() {
        for (text, shown) in [
            ("52.5,13.4", "52.500,13.400"),
            (" -33.868, 151.2093", "-33.868,151.209"),
            ("0,-0.5", "0.000,-0.500"),
        ] {
            assert_eq!(Point::read(text).unwrap().to_string(), shown, "{text}");
        }
        for text in ["DE", "91,0", "0,181", "NaN,0", "1,2,3", "1;2", ""] {
            assert_eq!(Point::read(text), None, "{text}");
        }
    }

    #[test]
    fn what_the_user_names_goes_before_what_is_known() {
        let berlin = Points::default().of("DE").unwrap();
        assert_eq!(berlin.to_string(), "52.520,13.410");
        let named = BTreeMap::from([("DE".to_owned(), Point::at(48.1, 11.6).unwrap())]);
        let munich = Points::new(named).of("DE").unwrap();
        assert_eq!(munich.to_string(), "48.100,11.600");
        assert_eq!(Points::default().of("CAISO_NORTH"), None);
    }

    #[test]
    fn each_known_zone_is_a_place_and_named_once() {
        assert!(KNOWN.is_sorted_by(|one, next| one.0 < next.0));
        for (zone, latitude, longitude) in KNOWN {
            assert!((-9000..=9000).contains(latitude), "{zone}");
            assert!((-18_000..=18_000).contains(longitude), "{zone}");
        }
    }
}
