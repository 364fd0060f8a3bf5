//! Quantities for people. JSON has plain numbers in fields whose names end in the unit.

pub(crate) use sunward_workflows::units::size_text as bytes;

/// `0.004 s`, `12.3 s`, `3 min 20 s`, `2 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    if !seconds.is_finite() {
        return "-".to_owned();
    }
    if seconds < 0.1 {
        return format!("{seconds:.3} s");
    }
    if seconds < 10.0 {
        return format!("{seconds:.2} s");
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let (minutes, rest) = ((seconds / 60.0).floor(), seconds % 60.0);
    if minutes < 60.0 {
        return format!("{minutes:.0} min {:.0} s", rest.floor());
    }
    format!(
        "{:.0} h {:.0} min",
        (minutes / 60.0).floor(),
        (minutes % 60.0).floor()
    )
}

/// The time since an event: `< 1 min`, `3 min 20 s`, `2 h 5 min`. Grid data is hourly, so an age in
/// seconds would add nothing.
pub(crate) fn age(seconds_ago: f64) -> String {
    if (0.0..60.0).contains(&seconds_ago) {
        return "< 1 min".to_owned();
    }
    seconds(seconds_ago)
}

/// `0.42 J`, `1.3 kJ`, `2.5 kWh`.
pub(crate) fn joules(joules: f64) -> String {
    const JOULES_A_KWH: f64 = 3.6e6;
    if joules >= JOULES_A_KWH / 10.0 {
        format!("{:.2} kWh", joules / JOULES_A_KWH)
    } else if joules >= 1000.0 {
        format!("{:.1} kJ", joules / 1000.0)
    } else if joules >= 10.0 {
        format!("{joules:.0} J")
    } else {
        format!("{joules:.2} J")
    }
}

/// `12 W`, `2.5 kW`, `1.25 MW`, from milliwatts.
pub(crate) fn watts(milliwatts: u64) -> String {
    let watts = float(milliwatts) / 1000.0;
    let (number, unit) = match watts {
        watts if watts >= 1e6 => (watts / 1e6, "MW"),
        watts if watts >= 1e3 => (watts / 1e3, "kW"),
        watts => (watts, "W"),
    };
    let text = format!("{number:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    format!("{text} {unit}")
}

/// `0.42 g`, `310 g`, `2.5 kg`, `1.20 t`, of CO2 equivalent.
pub(crate) fn gco2e(grams: f64) -> String {
    let size = grams.abs();
    if size >= 1e6 {
        format!("{:.2} t", grams / 1e6)
    } else if size >= 1e4 {
        format!("{:.1} kg", grams / 1e3)
    } else if size >= 1e3 {
        format!("{:.2} kg", grams / 1e3)
    } else if size >= 100.0 {
        format!("{grams:.0} g")
    } else if size >= 10.0 {
        format!("{grams:.1} g")
    } else if size >= 0.01 || size == 0.0 {
        format!("{grams:.2} g")
    } else if size >= 1e-5 {
        format!("{:.2} mg", grams * 1e3)
    } else {
        format!("{:.2} ug", grams * 1e6)
    }
}

/// `12 345`: digits in groups of three.
pub(crate) fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) && digits.len() > 4 {
            text.push(' ');
        }
        text.push(digit);
    }
    text
}

/// `1 task`, `12 tasks`.
pub(crate) fn plural(number: u64, one: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {one}{ending}", count(number))
}

/// A count as a float, for display only: beyond 2^53 the last digits are not shown.
pub(crate) fn float(count: u64) -> f64 {
    let high = u32::try_from(count >> 32).unwrap_or(u32::MAX);
    let low = u32::try_from(count & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    f64::from(high) * 4_294_967_296.0 + f64::from(low)
}

#[cfg(test)]
mod tests {
    use super::{age, count, gco2e, joules, seconds};

    #[test]
    fn quantities_read_well() {
        assert_eq!(seconds(0.0123), "0.012 s");
        assert_eq!(seconds(61.5), "1 min 1 s");
        assert_eq!(seconds(7500.0), "2 h 5 min");
        assert_eq!(age(0.0), "< 1 min");
        assert_eq!(age(7500.0), "2 h 5 min");
        assert_eq!(joules(4.2e6), "1.17 kWh");
        assert_eq!(joules(0.5), "0.50 J");
        assert_eq!(gco2e(0.0042), "4.20 mg");
        assert_eq!(gco2e(310.4), "310 g");
        assert_eq!(gco2e(2_500.0), "2.50 kg");
        assert_eq!(count(1234), "1234");
        assert_eq!(count(1_234_567), "1 234 567");
    }
}
