//! `response.http.headers.config`: headers that every answer gets.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;

/// `add`, `set`, `addDate` or `setDate`, a name, a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResponseHeader {
    name: HeaderName,
    value: HeaderValue,
    /// Takes the place of one that is there.
    replaces: bool,
}

impl ResponseHeader {
    /// `add Name: value, "set Name: value, with a comma"`
    pub fn parse_list(text: &str) -> Result<Vec<ResponseHeader>, String> {
        split(text).iter().map(|item| item.trim()).filter(|item| !item.is_empty()).map(ResponseHeader::parse).collect()
    }

    fn parse(item: &str) -> Result<ResponseHeader, String> {
        let wrong = |why: &str| format!("`{item}` {why}");
        let (action, header) = item.split_once(char::is_whitespace).ok_or_else(|| wrong("is not an action and a header"))?;
        let (name, value) = header.split_once(':').ok_or_else(|| wrong("has no colon after the header's name"))?;
        let (replaces, dated) = match action {
            _ if action.eq_ignore_ascii_case("add") => (false, false),
            _ if action.eq_ignore_ascii_case("set") => (true, false),
            _ if action.eq_ignore_ascii_case("addDate") => (false, true),
            _ if action.eq_ignore_ascii_case("setDate") => (true, true),
            _ => return Err(wrong("does not begin with add, set, addDate or setDate")),
        };
        let value = if dated {
            date(value.trim()).ok_or_else(|| wrong("has no milliseconds for its date"))?
        } else {
            value.trim().to_owned()
        };
        Ok(ResponseHeader {
            name: name.trim().parse().map_err(|_| wrong("has a name that no header can have"))?,
            value: value.parse().map_err(|_| wrong("has a value that no header can have"))?,
            replaces,
        })
    }

    pub(super) fn apply(&self, headers: &mut HeaderMap) {
        if self.replaces {
            headers.insert(self.name.clone(), self.value.clone());
        } else {
            headers.append(self.name.clone(), self.value.clone());
        }
    }
}

fn date(millis: &str) -> Option<String> {
    let at = Timestamp::from_millisecond(millis.parse().ok()?).ok()?;
    Some(at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string())
}

/// At the commas that are not in quotes; the quotes come off.
fn split(text: &str) -> Vec<String> {
    let mut items = vec![String::new()];
    let mut quoted = false;
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => items.push(String::new()),
            _ => items.last_mut().expect("there is always an item").push(c),
        }
    }
    items
}
