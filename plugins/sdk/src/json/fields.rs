//! Several fields of a record, found in one walk over it.

use std::ops::Range;

use super::{Malformed, Scanner, same};

/// Finds fields, each by its path, without a copy. Where a single one is looked for, or changed, see [`Object`](super::Object).
///
/// ```
/// use snowgate_plugin::json::{Fields, Found};
///
/// let mut fields = Fields::default();
/// let price = fields.add(&["data".into(), "p".into()]);
/// let symbol = fields.add(&["data".into(), "s".into()]);
/// let mut found = Found::default();
/// let record = br#"{"data": {"s": "BTCUSDT", "p": 0.10, "more": [1, 2]}}"#;
/// fields.find(record, &mut found)?;
/// assert_eq!(found.get(price, record), Some(&b"0.10"[..]));
/// assert_eq!(found.get(symbol, record), Some(&br#""BTCUSDT""#[..]));
/// # Ok::<(), snowgate_plugin::json::Malformed>(())
/// ```
#[derive(Default)]
pub struct Fields {
    root: Node,
    count: usize,
}

#[derive(Default)]
struct Node {
    children: Vec<(Vec<u8>, Node)>,
    /// The number of the field that lies here.
    field: Option<usize>,
}

/// Where the fields of one record are written. Keep it: its buffer is used again and again.
#[derive(Default)]
pub struct Found(Vec<Option<Range<usize>>>);

impl Fields {
    /// The number by which the field at this path is asked for: one for each path, from 0.
    pub fn add(&mut self, path: &[String]) -> usize {
        let mut node = &mut self.root;
        for name in path {
            let index = match node.children.iter().position(|(child, _)| child == name.as_bytes()) {
                Some(index) => index,
                None => {
                    node.children.push((name.clone().into_bytes(), Node::default()));
                    node.children.len() - 1
                }
            };
            node = &mut node.children[index].1;
        }
        *node.field.get_or_insert_with(|| {
            self.count += 1;
            self.count - 1
        })
    }

    /// Walks `value` until all fields are found, or to its end. After an error, what was found before it is there.
    ///
    /// Of a name that comes twice the first counts; the gateway does not load such a record.
    pub fn find(&self, value: &[u8], found: &mut Found) -> Result<(), Malformed> {
        found.0.clear();
        found.0.resize(self.count, None);
        if self.count > 0 {
            walk(Scanner::new(value), &self.root, &mut found.0, &mut self.count.clone())?;
        }
        Ok(())
    }
}

impl Found {
    /// The field's value as it is written in `value`, which was searched.
    pub fn get<'a>(&self, field: usize, value: &'a [u8]) -> Option<&'a [u8]> {
        let range = self.0.get(field)?.clone()?;
        value.get(range)
    }
}

/// Walks the object that stands next.
fn walk<'a>(
    mut scan: Scanner<'a>,
    node: &Node,
    found: &mut [Option<Range<usize>>],
    left: &mut usize,
) -> Result<Scanner<'a>, Malformed> {
    scan.enter()?;
    while let Some(key) = scan.key()? {
        let Some((_, child)) = node.children.iter().find(|(name, _)| same(name, &key)) else {
            scan.skip()?;
            continue;
        };
        let is_object = scan.peek() == Some(b'{');
        let inside = scan.clone();
        match child.field {
            Some(field) if found[field].is_none() => {
                found[field] = Some(scan.raw_range()?);
                *left -= 1;
                if is_object && !child.children.is_empty() {
                    walk(inside, child, found, left)?;
                }
            }
            None if is_object => scan = walk(inside, child, found, left)?,
            _ => scan.skip()?,
        }
        if *left == 0 {
            break;
        }
    }
    Ok(scan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(paths: &[&[&str]], value: &str) -> (Vec<Option<String>>, bool) {
        let mut fields = Fields::default();
        let numbers: Vec<usize> =
            paths.iter().map(|path| fields.add(&path.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>())).collect();
        let mut found = Found::default();
        let whole = fields.find(value.as_bytes(), &mut found).is_ok();
        let text = |number: &usize| found.get(*number, value.as_bytes()).map(|text| String::from_utf8(text.to_vec()).unwrap());
        (numbers.iter().map(text).collect(), whole)
    }

    #[test]
    fn fields_are_found_wherever_they_lie() {
        let value = r#"{"a": {"b": {"c": 1.50}, "d": "x"}, "e": [1, {"f": 2}], "g": null, "a": 7}"#;
        let paths: &[&[&str]] = &[&["a", "b", "c"], &["a", "b"], &["g"], &["e"], &["a", "d"], &["a", "b", "c"]];
        let expected = ["1.50", r#"{"c": 1.50}"#, "null", r#"[1, {"f": 2}]"#, r#""x""#, "1.50"];
        assert_eq!(found(paths, value), (expected.map(|text| Some(text.to_owned())).to_vec(), true));
        assert_eq!(found(&[&["e", "f"], &["g", "x"], &["c"]], value), (vec![None, None, None], true));
    }

    #[test]
    fn a_record_is_walked_no_further_than_its_last_field() {
        assert_eq!(found(&[&["a", "b"]], r#"{"a": {"b": 1}, broken"#), (vec![Some("1".into())], true));
        assert_eq!(found(&[&["a"], &["c"]], r#"{"a": {"b": 1}, broken"#), (vec![Some(r#"{"b": 1}"#.into()), None], false));
        assert_eq!(found(&[], "broken"), (vec![], true));
    }
}
