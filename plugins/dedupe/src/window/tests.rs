use super::*;

fn see(windows: &mut Windows, key: &str, offset: i64) -> bool {
    windows.see(key.as_bytes(), offset)
}

#[test]
fn a_record_is_compared_with_exactly_as_many_as_the_window_is_long() {
    for length in 1..5 {
        let mut windows = Windows::new(length, usize::MAX);
        windows.turn_to("t", 0, 0);
        assert!(!see(&mut windows, "again", 0));
        for between in 1..8 {
            let start = windows.windows[0].records.back().unwrap().0 + 1;
            for other in 0..between {
                assert!(!see(&mut windows, &format!("{length} {between} {other}"), start + other));
            }
            // As many others stand between as were just seen.
            let came_before = see(&mut windows, "again", start + between);
            assert_eq!(came_before, between < length as i64, "{length} {between}");
        }
    }
}

#[test]
fn what_is_held_is_what_is_there() {
    let mut windows = Windows::new(7, 7 * ENTRY);
    let mut state = 1_u64;
    for step in 0..10_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = state >> 33;
        if step % 5 == 0 {
            let partition = (random % 3) as i32;
            windows.turn_to("t", partition, step - (random % 20) as i64);
        }
        see(&mut windows, &"k".repeat((random % 9) as usize), step);
        let held = windows.windows.iter().map(|window| {
            let counted: u32 = window.keys.values().sum();
            assert_eq!(counted as usize, window.records.len());
            assert!(window.records.len() <= 7 && window.records.iter().is_sorted_by_key(|(offset, _)| *offset));
            window.records.len() * ENTRY + window.keys.keys().map(|key| key.len()).sum::<usize>()
        });
        assert_eq!(held.sum::<usize>(), windows.held);
        assert!(windows.held <= windows.memory);
    }
    assert!(windows.forgotten_early.count() > 0);
}

#[test]
fn without_memory_for_all_the_longest_window_forgets_first() {
    let mut windows = Windows::new(100, 10 * (ENTRY + 1));
    windows.turn_to("t", 0, 0);
    for (offset, key) in (0..).zip(["a", "b", "c"]) {
        see(&mut windows, key, offset);
    }
    windows.turn_to("t", 1, 0);
    for offset in 0..20 {
        see(&mut windows, &char::from(b'a' + offset as u8).to_string(), offset);
    }
    assert_eq!(windows.forgotten_early.count(), 13);
    assert!(!see(&mut windows, "a", 20) && see(&mut windows, "t", 21));
    windows.turn_to("t", 0, 3);
    assert!(see(&mut windows, "a", 3));
}
