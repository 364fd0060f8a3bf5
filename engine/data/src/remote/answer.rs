//! What a bucket's client reports, in few words. The client leads with the request and its address,
//! and ends with the server's answer, often in XML.

/// The most characters of an answer that are told.
const MOST: usize = 160;

/// The cause of an error on one line: the code and message of S3's answer, if there is one, else
/// what follows the description of the request.
pub(super) fn in_short(why: &str) -> String {
    let code = element(why, "Code");
    let text = match (code, element(why, "Message")) {
        (Some(code), Some(message)) => format!("{code}: {message}"),
        (Some(code), None) => code.to_owned(),
        _ => without_request(why).to_owned(),
    };
    cut(&text)
}

/// The content of the first XML element of this name.
fn element<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inner, _) = rest.split_once(&format!("</{name}>"))?;
    Some(inner.trim()).filter(|inner| !inner.is_empty())
}

/// Drops `Generic S3 error: ` and `Error performing GET <address> in 1.2ms - `.
fn without_request(why: &str) -> &str {
    let why = match why.split_once("error: ") {
        Some((kind, rest)) if kind.starts_with("Generic ") => rest,
        _ => why,
    };
    if !why.starts_with("Error performing ") {
        return why;
    }
    match why.split_once(" - ") {
        Some((_, answer)) if !answer.is_empty() => answer,
        _ => why,
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((at, _)) => format!("{}…", text[..at].trim_end()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_told_without_its_request() {
        let request = "Generic S3 error: Error performing GET http://h/b?prefix=p in 1.2ms - ";
        let table = [
            ("connection refused", "connection refused".to_owned()),
            (
                "Server returned non-2xx status code: 404: <?xml?><Error><Code>NoSuchBucket</Code><Message>It does not exist</Message><Resource>/b</Resource></Error>",
                "NoSuchBucket: It does not exist".to_owned(),
            ),
            (
                "<Error><Code>SlowDown</Code></Error>",
                "SlowDown".to_owned(),
            ),
            (&"x".repeat(1000), format!("{}…", "x".repeat(MOST))),
            (&"ü".repeat(1000), format!("{}…", "ü".repeat(MOST))),
        ];
        for (answer, told) in table {
            assert_eq!(in_short(&format!("{request}{answer}")), told);
        }
        assert_eq!(in_short("anything else"), "anything else");
        assert_eq!(in_short(""), "");
    }
}
