//! The results of tests in the form of JUnit, which CI systems read.

use super::outcome::Outcome;

/// One suite of tests, as XML.
pub(crate) fn render(suite: &str, tests: &[Outcome]) -> String {
    let failed = tests.iter().filter(|test| !test.passed).count();
    let seconds: f64 = tests.iter().map(|test| test.seconds).sum();
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let suite = escaped(suite);
    text.push_str(&format!(
        "<testsuites>\n  <testsuite name=\"{suite}\" tests=\"{}\" failures=\"{failed}\" time=\"{seconds:.3}\">\n",
        tests.len()
    ));
    for test in tests {
        let name = escaped(&test.name);
        text.push_str(&format!(
            "    <testcase classname=\"{suite}\" name=\"{name}\" time=\"{:.3}\"",
            test.seconds
        ));
        match test.problems.first() {
            None => text.push_str("/>\n"),
            Some(first) => text.push_str(&format!(
                ">\n      <failure message=\"{}\">{}</failure>\n    </testcase>\n",
                escaped(first.lines().next().unwrap_or_default()),
                escaped(&test.problems.join("\n"))
            )),
        }
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

/// Text in XML, without the characters that it cannot hold.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(c),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}
