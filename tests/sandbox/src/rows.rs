//! From the body of an append to rows: takes the encoding off, tells the lines apart, checks each one and says where it came from.
//!
//! A line that is not one JSON object, or that does not fit the table, is an error row: it is counted, the others load, and the
//! offset moves on, as `ON_ERROR = CONTINUE` has it. Only a body whose lines cannot be told apart is refused as a whole.
//!
//! This runs outside every lock and once per row, so it keeps to one walk over the bytes and remembers the previous row's keys:
//! rows of one body look alike, and then a key costs one comparison.

use std::io::Read;

use crate::catalog::{Column, Shape};
use crate::json;
use crate::ledger::Origin;
use crate::sql::types::SqlType;

/// What a body may unpack to; more is a decompression bomb, not rows.
const MAX_BODY: u64 = 512 * 1024 * 1024;

/// Memory taken before a body has shown its size: a body of the usual size fits without growing.
const TYPICAL_BODY: u64 = 16 * 1024 * 1024;

/// The column that says where a row came from.
const METADATA: &str = "RECORD_METADATA";

/// Rows as they came, with the lines that were accepted.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    bytes: Vec<u8>,
    lines: Vec<(u32, u32)>,
}

impl Batch {
    pub(crate) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(|&(start, end)| &self.bytes[start as usize..end as usize])
    }
}

/// What one body holds.
#[derive(Debug, Default)]
pub(crate) struct Scan {
    pub(crate) accepted: u64,
    pub(crate) rejected: u64,
    pub(crate) first_error: Option<String>,
    pub(crate) topics: Vec<String>,
    pub(crate) origins: Vec<Origin>,
    /// Columns that evolution must add, and those that must become nullable.
    pub(crate) added: Vec<Column>,
    pub(crate) loosened: Vec<String>,
    /// The accepted rows, when they are kept.
    pub(crate) batch: Option<Batch>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum BodyError {
    #[error("the body is not valid {0}")]
    Encoding(&'static str),
    #[error("content encoding `{0}` is not supported")]
    UnknownEncoding(String),
    #[error("the body unpacks to more than {MAX_BODY} bytes")]
    TooLarge,
    #[error("the last row does not end with a line feed")]
    Unterminated,
}

/// Takes the content encoding off a body.
pub(crate) fn decode(body: Vec<u8>, encoding: Option<&str>) -> Result<Vec<u8>, BodyError> {
    match encoding.map(str::trim) {
        None | Some("" | "identity") => Ok(body),
        Some("zstd") => {
            let decoder = zstd::stream::read::Decoder::new(body.as_slice()).map_err(|_| BodyError::Encoding("zstd"))?;
            // The frame mostly says how long its content is; a lie must not cost memory.
            let told = zstd::zstd_safe::get_frame_content_size(&body).ok().flatten().unwrap_or(0);
            read_bounded(decoder, "zstd", told.clamp(body.len() as u64, TYPICAL_BODY) as usize)
        }
        Some("gzip") => read_bounded(flate2::read::MultiGzDecoder::new(body.as_slice()), "gzip", body.len() * 8),
        Some(other) => Err(BodyError::UnknownEncoding(other.to_owned())),
    }
}

fn read_bounded(reader: impl Read, name: &'static str, guess: usize) -> Result<Vec<u8>, BodyError> {
    let mut plain = Vec::with_capacity(guess);
    reader.take(MAX_BODY + 1).read_to_end(&mut plain).map_err(|_| BodyError::Encoding(name))?;
    if plain.len() as u64 > MAX_BODY { Err(BodyError::TooLarge) } else { Ok(plain) }
}

/// Checks every line of a body against the table.
pub(crate) fn scan(body: Vec<u8>, shape: &Shape, keep: bool) -> Result<Scan, BodyError> {
    if body.last().is_some_and(|last| *last != b'\n') {
        return Err(BodyError::Unterminated);
    }
    let utf8 = std::str::from_utf8(&body).is_ok();
    let mut loader = Loader::new(shape);
    let mut lines = Vec::new();
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', &body) {
        let line = body[start..end].strip_suffix(b"\r").unwrap_or(&body[start..end]);
        if line.iter().any(|byte| !matches!(byte, b' ' | b'\t')) && loader.row(line, utf8) && keep {
            lines.push((start as u32, (start + line.len()) as u32));
        }
        start = end + 1;
    }
    let mut scan = loader.scan;
    if keep {
        scan.batch = Some(Batch { bytes: body, lines });
    }
    Ok(scan)
}

/// Where a row's key leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Column(usize),
    /// A column that this body adds.
    Added(usize),
    Metadata(usize),
    Nowhere,
}

struct Loader<'s> {
    shape: &'s Shape,
    required: Vec<usize>,
    /// The keys of the previous row, in order, and where they led.
    previous: Vec<(Vec<u8>, Place)>,
    /// For each column, then for each that is added, the last row that filled it.
    filled_by: Vec<u64>,
    row: u64,
    scan: Scan,
}

impl<'s> Loader<'s> {
    fn new(shape: &'s Shape) -> Self {
        let required =
            shape.columns.iter().enumerate().filter(|(_, c)| !c.nullable && c.default.is_none()).map(|(i, _)| i).collect();
        Self { shape, required, previous: Vec::new(), filled_by: vec![0; shape.columns.len()], row: 0, scan: Scan::default() }
    }

    /// Takes one line; says whether it loads.
    fn row(&mut self, line: &[u8], utf8: bool) -> bool {
        let mut error = None;
        let mut origin = None;
        let mut filled = Vec::new();
        self.row += 1;
        let (shape, required, row) = (self.shape, &self.required, self.row);
        let (previous, filled_by, scan) = (&mut self.previous, &mut self.filled_by, &mut self.scan);
        let mut nth = 0;
        let outcome = json::members(line, json::ROW_DEPTH, utf8, |key, value| {
            let place = match (previous.get(nth), key.plain()) {
                (Some((known, place)), Some(raw)) if known == raw && *place != Place::Nowhere => *place,
                _ => {
                    let name = key.name();
                    let place = place_of(&String::from_utf8_lossy(&name), value, shape, &mut scan.added);
                    if let Some(raw) = key.plain() {
                        previous.truncate(nth);
                        previous.push((raw.to_vec(), place));
                    }
                    place
                }
            };
            nth += 1;
            let sql_type = match place {
                Place::Column(index) | Place::Metadata(index) => shape.columns[index].sql_type,
                Place::Added(index) => scan.added[index].sql_type,
                Place::Nowhere => {
                    if !(shape.evolves && value == b"null") {
                        error.get_or_insert("the table has no column for a key");
                    }
                    return;
                }
            };
            let column = match place {
                Place::Added(index) => shape.columns.len() + index,
                Place::Column(index) | Place::Metadata(index) => index,
                Place::Nowhere => return,
            };
            if column >= filled_by.len() {
                filled_by.resize(column + 1, 0);
            }
            // Names match without regard to case, so `price` and `Price` would both fill one column.
            if std::mem::replace(&mut filled_by[column], row) == row {
                error.get_or_insert("two keys lead to one column");
            }
            if value != b"null" {
                if let Err(misfit) = sql_type.takes(value) {
                    error.get_or_insert(misfit);
                }
                if let (false, Place::Column(index) | Place::Metadata(index)) = (required.is_empty(), place) {
                    filled.push(index);
                }
            }
            if let (Place::Metadata(_), b'{') = (place, value[0]) {
                origin = Some(value);
            }
        });
        if let Err(fault) = outcome {
            return self.reject(&fault.to_string());
        }
        if let Some(error) = error {
            return self.reject(error);
        }
        for &index in &self.required {
            if !filled.contains(&index) {
                if !self.shape.evolves {
                    return self.reject("a column that may not be null got no value");
                }
                let name = &self.shape.columns[index].name;
                if !self.scan.loosened.contains(name) {
                    self.scan.loosened.push(name.clone());
                }
            }
        }
        if let Some(metadata) = origin {
            self.note_origin(metadata);
        }
        self.scan.accepted += 1;
        true
    }

    fn reject(&mut self, error: &str) -> bool {
        self.scan.rejected += 1;
        self.scan.first_error.get_or_insert_with(|| error.to_owned());
        false
    }

    fn note_origin(&mut self, metadata: &[u8]) {
        let (mut topic, mut partition, mut offset, mut emit_index) = (None, None, None, Some(0));
        // The metadata was checked as part of its row.
        let checked = json::members(metadata, json::ROW_DEPTH, true, |key, value| match key.plain() {
            Some(b"topic") => topic = Some(value),
            Some(b"partition") => partition = integer(value),
            Some(b"offset") => offset = integer(value),
            Some(b"emit_index") => emit_index = integer(value),
            _ => {}
        });
        let (Ok(()), Some(topic), Some(partition), Some(offset), Some(emit_index)) =
            (checked, topic, partition, offset, emit_index)
        else {
            return;
        };
        let Some(topic) = json::string(topic) else { return };
        let (Ok(partition), Ok(emit_index)) = (i32::try_from(partition), u32::try_from(emit_index)) else { return };
        let topics = &mut self.scan.topics;
        let index = topics.iter().rposition(|known| *known == *topic).unwrap_or_else(|| {
            topics.push(topic.into_owned());
            topics.len() - 1
        });
        self.scan.origins.push(Origin { topic: index as u32, partition, offset, emit_index });
    }
}

fn integer(value: &[u8]) -> Option<i64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Finds the column of a key without regard to case, or plans one when the table evolves.
fn place_of(name: &str, value: &[u8], shape: &Shape, added: &mut Vec<Column>) -> Place {
    let exact = shape.columns.iter().position(|column| column.name == name);
    if let Some(index) = exact.or_else(|| shape.columns.iter().position(|column| column.name.eq_ignore_ascii_case(name))) {
        return if shape.columns[index].name == METADATA { Place::Metadata(index) } else { Place::Column(index) };
    }
    if !shape.evolves {
        return Place::Nowhere;
    }
    if let Some(index) = added.iter().position(|column| column.name.eq_ignore_ascii_case(name)) {
        return Place::Added(index);
    }
    match SqlType::infer(value) {
        Some(sql_type) => {
            added.push(Column::new(name.to_uppercase(), sql_type));
            Place::Added(added.len() - 1)
        }
        None => Place::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::types::{NUMBER, TEXT};

    fn shape(evolves: bool) -> Shape {
        let columns = vec![Column::new(METADATA, SqlType::Variant), Column::new("ID", NUMBER), Column::new("NAME", TEXT)];
        Shape { columns, evolves }
    }

    fn scanned(body: &str, shape: &Shape) -> Scan {
        scan(body.as_bytes().to_vec(), shape, true).unwrap()
    }

    #[test]
    fn blank_lines_and_carriage_returns_are_not_rows() {
        let scan = scanned("{\"id\":1}\n\n{\"Name\":\"x\"}\r\n \n", &shape(false));
        assert_eq!((scan.accepted, scan.rejected), (2, 0));
        let batch = scan.batch.unwrap();
        assert_eq!(batch.lines().collect::<Vec<_>>(), [&b"{\"id\":1}"[..], b"{\"Name\":\"x\"}"]);
    }

    #[test]
    fn a_bad_row_is_counted_and_the_others_load() {
        let scan =
            scanned("{\"id\":1}\n{\"id\":\n[1]\n{\"id\":\"abc\"}\n{\"other\":1}\n{\"id\":1,\"id\":2}\n{\"id\":2}\n", &shape(false));
        assert_eq!((scan.accepted, scan.rejected), (2, 5));
        assert_eq!(scan.first_error.as_deref(), Some("not JSON"));
    }

    #[test]
    fn two_keys_of_one_column_are_an_error_of_the_row() {
        let scan = scanned("{\"name\":\"x\",\"NAME\":\"y\"}\n{\"name\":\"x\"}\n", &shape(false));
        assert_eq!((scan.accepted, scan.rejected), (1, 1));
        assert_eq!(scanned("{\"new\":1,\"New\":2}\n{\"New\":2}\n", &shape(true)).rejected, 1);
    }

    #[test]
    fn a_body_cut_short_is_refused_as_a_whole() {
        assert!(matches!(scan(b"{\"id\":1}\n{\"id\":2}".to_vec(), &shape(false), true), Err(BodyError::Unterminated)));
    }

    #[test]
    fn a_table_that_evolves_gets_the_columns_a_row_brings() {
        let scan = scanned("{\"id\":1,\"price\":1.5}\n{\"price\":2,\"none\":null}\n{\"none\":{\"a\":1}}\n", &shape(true));
        assert_eq!((scan.accepted, scan.rejected), (3, 0));
        let added: Vec<_> = scan.added.iter().map(|column| (column.name.as_str(), column.sql_type)).collect();
        assert_eq!(added, [("PRICE", SqlType::Float), ("NONE", SqlType::Variant)]);
    }

    #[test]
    fn a_required_column_rejects_the_row_or_is_loosened() {
        let mut shape = shape(false);
        shape.columns[1].nullable = false;
        assert_eq!(scanned("{\"name\":\"x\"}\n{\"id\":null}\n{\"id\":3}\n", &shape).rejected, 2);
        shape.evolves = true;
        let scan = scanned("{\"name\":\"x\"}\n", &shape);
        assert_eq!((scan.rejected, scan.loosened), (0, vec!["ID".to_owned()]));
    }

    #[test]
    fn the_origin_of_a_row_is_read_from_its_metadata() {
        let body = "{\"RECORD_METADATA\":{\"topic\":\"a\",\"partition\":3,\"offset\":7},\"id\":1}\n\
                    {\"record_metadata\":{\"offset\":7,\"emit_index\":1,\"topic\":\"a\",\"partition\":3}}\n\
                    {\"RECORD_METADATA\":{\"topic\":\"b\",\"partition\":0,\"offset\":1}}\n{\"id\":4}\n";
        let scan = scanned(body, &shape(false));
        assert_eq!(scan.topics, ["a", "b"]);
        let expected = [(0, 3, 7, 0), (0, 3, 7, 1), (1, 0, 1, 0)].map(|(topic, partition, offset, emit_index)| Origin {
            topic,
            partition,
            offset,
            emit_index,
        });
        assert_eq!(scan.origins, expected);
        assert_eq!(scan.accepted, 4);
    }

    #[test]
    fn the_encodings_of_a_body_come_off() {
        let plain = b"{\"id\":1}\n".to_vec();
        assert_eq!(decode(zstd::encode_all(plain.as_slice(), 1).unwrap(), Some("zstd")).unwrap(), plain);
        assert_eq!(decode(plain.clone(), None).unwrap(), plain);
        assert!(matches!(decode(plain.clone(), Some("zstd")), Err(BodyError::Encoding("zstd"))));
        assert!(matches!(decode(plain, Some("br")), Err(BodyError::UnknownEncoding(_))));
    }
}
