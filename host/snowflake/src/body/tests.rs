use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

fn offset(value: i64) -> Offset {
    Offset::new(value).unwrap()
}

fn range(first: i64, last: i64) -> OffsetRange {
    OffsetRange::new(offset(first), offset(last))
}

/// Letters that do not compress to much less than six bits each.
fn noise(len: usize, seed: &mut u64) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut letter = || {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        LETTERS[(*seed >> 58) as usize]
    };
    (0..len).map(|_| letter()).collect()
}

fn unpacked(sealed: &SealedBody) -> Vec<u8> {
    let mut raw = Vec::with_capacity(sealed.raw_bytes as usize);
    zstd_safe::decompress(&mut raw, &sealed.bytes).unwrap();
    raw
}

fn add(body: &mut OpenBody, at: i64, rows: &[&[u8]], compressor: &mut Compressor) -> Result<(), RowError> {
    for row in rows {
        body.buffer().extend_from_slice(row);
        body.buffer().push(b'\n');
    }
    body.end_record(offset(at), rows.len() as u32, compressor)
}

#[test]
fn a_sealed_body_holds_the_rows_and_every_offset_seen() {
    let mut compressor = Compressor::new();
    let mut body = OpenBody::new();
    body.cover(range(3, 4));
    add(&mut body, 5, &[b"a", b"b"], &mut compressor).unwrap();
    add(&mut body, 7, &[b"c"], &mut compressor).unwrap();
    body.cover(range(5, 9));
    assert_eq!((body.rows(), body.bytes(), body.seen()), (3, 6, Some(range(3, 9))));
    assert!(body.first_row_at().is_some());

    let sealed = body.seal(&mut compressor).unwrap();
    assert_eq!(sealed.len(), 1);
    assert_eq!((sealed[0].range, sealed[0].rows, sealed[0].raw_bytes), (range(3, 9), 3, 6));
    assert_eq!(unpacked(&sealed[0]), b"a\nb\nc\n");
    assert!(body.is_empty() && body.seen().is_none() && body.first_row_at().is_none());
    assert!(body.capacity() > 0, "the buffer is kept");
}

#[test]
fn a_body_without_rows_is_not_sealed_and_keeps_what_it_saw() {
    let mut body = OpenBody::new();
    let mut compressor = Compressor::new();
    body.cover(range(1, 5));
    body.end_record(offset(6), 0, &mut compressor).unwrap();
    assert!(body.is_empty());
    assert_eq!(body.seal(&mut compressor), Ok(vec![]));
    assert_eq!(body.seen(), Some(range(1, 5)));
}

#[test]
fn an_abandoned_record_leaves_no_bytes() {
    let mut compressor = Compressor::new();
    let mut body = OpenBody::new();
    add(&mut body, 1, &[b"kept"], &mut compressor).unwrap();
    body.buffer().extend_from_slice(b"half a record\n");
    body.abandon_record();
    add(&mut body, 3, &[b"next"], &mut compressor).unwrap();
    body.buffer().extend_from_slice(b"not ended when sealed\n");
    let sealed = body.seal(&mut compressor).unwrap();
    assert_eq!(unpacked(&sealed[0]), b"kept\nnext\n");
    assert_eq!((sealed[0].rows, sealed[0].range), (2, range(1, 3)));
    add(&mut body, 4, &[b"later"], &mut compressor).unwrap();
    assert_eq!(unpacked(&body.seal(&mut compressor).unwrap()[0]), b"later\n");
}

#[test]
fn a_record_that_no_request_could_carry_is_refused_while_it_is_at_hand() {
    let mut compressor = Compressor::new();
    let mut body = OpenBody::new();
    let mut seed = 1;
    let too_large = noise(WIRE_LIMIT * 3 / 2, &mut seed);
    add(&mut body, 1, &[b"before"], &mut compressor).unwrap();
    let error = add(&mut body, 2, &[&too_large], &mut compressor).unwrap_err();
    assert!(matches!(error, RowError::OversizeOnWire { bytes, limit: WIRE_LIMIT } if bytes > WIRE_LIMIT), "{error}");
    // The same size in two rows of one record is no better, for they travel together.
    let (one, other) = too_large.split_at(too_large.len() / 2);
    assert_eq!(add(&mut body, 3, &[one, other], &mut compressor).unwrap_err().reason(), "oversize");
    add(&mut body, 4, &[b"after"], &mut compressor).unwrap();
    let sealed = body.seal(&mut compressor).unwrap();
    assert_eq!(sealed.iter().flat_map(unpacked).collect::<Vec<_>>(), b"before\nafter\n");
}

#[test]
fn a_large_record_that_compresses_well_is_taken() {
    let mut compressor = Compressor::new();
    let mut body = OpenBody::new();
    add(&mut body, 1, &[&vec![b'x'; 3 * WIRE_LIMIT]], &mut compressor).unwrap();
    assert_eq!(body.seal(&mut compressor).unwrap().len(), 1);
}

#[test]
fn a_body_that_does_not_compress_is_sealed_in_parts_below_the_limit() {
    let mut compressor = Compressor::new();
    let mut body = OpenBody::new();
    let mut seed = 2;
    let mut all = Vec::new();
    for at in 0..1_000 {
        let row = noise(16_000, &mut seed);
        all.extend_from_slice(&row);
        all.push(b'\n');
        add(&mut body, at, &[&row], &mut compressor).unwrap();
    }
    let sealed = body.seal(&mut compressor).unwrap();
    // 16 MB that compress to three quarters of it.
    assert!((4..=6).contains(&sealed.len()), "{} parts", sealed.len());
    assert!(sealed.iter().all(|part| part.bytes.len() <= WIRE_LIMIT));
    assert_eq!(sealed.iter().flat_map(unpacked).collect::<Vec<_>>(), all);
    assert_eq!(sealed.iter().map(|part| part.rows).sum::<u64>(), 1_000);
}

#[test]
#[should_panic(expected = "records end in offset order")]
fn an_offset_cannot_come_back() {
    let mut compressor = Compressor::new();
    let mut body = OpenBody::new();
    add(&mut body, 5, &[b"a"], &mut compressor).unwrap();
    let _ = add(&mut body, 5, &[b"b"], &mut compressor);
}

#[test]
fn an_empty_body_can_lend_its_buffer() {
    let mut compressor = Compressor::new();
    let (mut idle, mut busy) = (OpenBody::new(), OpenBody::new());
    add(&mut idle, 1, &[b"row"], &mut compressor).unwrap();
    idle.seal(&mut compressor).unwrap();
    let buffer = idle.take_buffer();
    let capacity = buffer.capacity();
    busy.give_buffer(buffer);
    assert_eq!((idle.capacity(), busy.capacity()), (0, capacity));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn parts_are_whole_records_in_order_and_their_ranges_meet(
        records in proptest::collection::vec((0..4u32, 1..4i64, 1..60_000usize), 1..40),
        first in 0..1_000i64,
        unseen_tail in 0..5i64,
        limit in 20_000..200_000usize,
    ) {
        let mut compressor = Compressor::new();
        let mut body = OpenBody::new();
        let mut seed = limit as u64;
        let mut at = first;
        let mut expected = Vec::new();
        for (rows, gap, size) in records {
            at += gap;
            let texts: Vec<Vec<u8>> =
                (0..rows).map(|_| [format!("{at} ").into_bytes(), noise(size / rows as usize, &mut seed)].concat()).collect();
            add(&mut body, at, &texts.iter().map(Vec::as_slice).collect::<Vec<_>>(), &mut compressor).unwrap();
            body.cover(range(at, at));
            expected.extend(texts);
        }
        body.cover(range(at, at + unseen_tail));
        let seen = body.seen().unwrap();
        let sealed = body.seal_within(limit, &mut compressor).unwrap();

        let mut rows = Vec::new();
        let mut next = seen.first();
        for part in &sealed {
            prop_assert_eq!(part.range.first(), next, "ranges meet");
            next = part.range.last().next();
            let raw = unpacked(part);
            prop_assert_eq!(raw.len() as u64, part.raw_bytes);
            let lines: Vec<_> = raw.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect();
            prop_assert_eq!(lines.len() as u64, part.rows);
            let mut offsets = HashSet::new();
            for line in &lines {
                let text = std::str::from_utf8(line).unwrap();
                let at = offset(text.split(' ').next().unwrap().parse().unwrap());
                prop_assert!(part.range.contains(at), "a row travels with its offset");
                offsets.insert(at);
            }
            let small = part.raw_bytes as usize <= CUT_BYTES;
            prop_assert!(part.bytes.len() <= limit || small || offsets.len() == 1, "cut as far as it goes");
            rows.extend(lines);
        }
        prop_assert_eq!(rows, expected);
        if !sealed.is_empty() {
            prop_assert_eq!(next, seen.last().next(), "everything seen is covered");
        }
    }
}
