//! The records of the transforms' vectors, as far as they are JSON without a schema.

use super::*;
use crate::smt::Transform;
use crate::smt::tests::vectors::{File, Vector};

/// The value as JSON, where that says all of it.
fn document(vector: &Vector) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    if vector.input.value.schema.is_some() {
        return None;
    }
    rows::write(Line::V4, &vector.input.value, &mut text).ok()?;
    (read_json(&text, Reading::PLAIN).ok()?? == vector.input.value.value).then_some(text)
}

fn records(vector: &Vector, document: &[u8]) -> RecordBatch {
    let input = &vector.input;
    let mut records = RecordBatch::new(snowgate_record::TopicPartition::new(&*input.topic, input.partition));
    for (name, value) in &input.headers {
        let mut text = Vec::new();
        rows::write(Line::V4, value, &mut text).unwrap();
        records.push_header(name.as_bytes(), Some(&text));
    }
    let offset = snowgate_record::Offset::new(input.offset).unwrap();
    records.push(offset, input.timestamp.unwrap_or(-1), input.timestamp_type, None, Some(document));
    records
}

#[test]
fn the_vectors_end_as_they_do_on_the_full_road() {
    let mut counts = Vec::new();
    for name in ["Cast", "ExtractField", "Flatten", "HoistField", "InsertField", "MaskField", "ReplaceField"] {
        let (mut taken, mut failed, mut others) = (0, 0, Vec::new());
        for vector in File::read(name).vectors {
            let (Some(document), Ok(transform)) = (document(&vector), Transform::configure(&vector.class, &vector.config)) else {
                continue;
            };
            if !transform.reshapes() || document.first() != Some(&b'{') {
                continue;
            }
            let step = Step { name: "step".into(), class: vector.class.as_str().into(), transform, predicate: None, negate: false };
            match super::taken(vec![step.clone()], &records(&vector, &document)) {
                1 => taken += 1,
                _ => {
                    let mut road = Road::new(Arc::new(settings(vec![step])));
                    let (full, _) = by_both(&mut road, records(&vector, &document).record(0));
                    if full.rejected.is_empty() { others.push(vector.id) } else { failed += 1 }
                }
            }
        }
        counts.push((name, taken, failed, others.join(", ")));
    }
    // Taken in the text, rejected by the full road, and those that the full road takes alone.
    let expected = [
        ("Cast", 219, 57, ""),
        // The field on the way is null, which only this one record tells.
        ("ExtractField", 21, 3, "v2-through-null"),
        ("Flatten", 13, 0, ""),
        ("HoistField", 3, 0, ""),
        ("InsertField", 19, 0, ""),
        ("MaskField", 16, 4, ""),
        ("ReplaceField", 19, 0, ""),
    ];
    let expected = expected.map(|(name, taken, failed, others)| (name, taken, failed, others.to_owned()));
    assert_eq!(counts, expected);
}
