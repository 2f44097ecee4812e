//! Sixteen bytes as one vector of the machine: simd128 in a component, SSE2 on x86-64. Elsewhere they are an array.
//!
//! So what is measured natively scans as the component does.

use super::BLOCK;

/// Sixteen bytes. A comparison leaves bytes of which all bits are set, or none.
#[derive(Clone, Copy)]
pub(super) struct Vector(machine::Bytes);

impl Vector {
    #[inline(always)]
    pub(super) fn of(block: &[u8; BLOCK]) -> Vector {
        Vector(machine::load(block))
    }

    /// This byte sixteen times.
    #[inline(always)]
    pub(super) fn all(byte: u8) -> Vector {
        Vector(machine::splat(byte))
    }

    #[inline(always)]
    pub(super) fn equal(self, byte: u8) -> Vector {
        Vector(machine::equal(self.0, machine::splat(byte)))
    }

    #[inline(always)]
    pub(super) fn below(self, byte: u8) -> Vector {
        Vector(machine::below(self.0, machine::splat(byte)))
    }

    /// What falls below zero comes in again at the top.
    #[inline(always)]
    pub(super) fn minus(self, byte: u8) -> Vector {
        Vector(machine::minus(self.0, machine::splat(byte)))
    }

    #[inline(always)]
    pub(super) fn or(self, other: Vector) -> Vector {
        Vector(machine::or(self.0, other.0))
    }

    /// Bit `i` set: the highest bit of byte `i` is.
    #[inline(always)]
    pub(super) fn bits(self) -> u32 {
        machine::bits(self.0)
    }
}

#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod machine {
    use std::arch::wasm32::{u8x16_bitmask, u64x2};
    pub(super) use std::arch::wasm32::{
        u8x16_eq as equal, u8x16_lt as below, u8x16_splat as splat, u8x16_sub as minus, v128 as Bytes, v128_or as or,
    };

    /// A single load.
    #[inline(always)]
    pub(super) fn load(block: &[u8; 16]) -> Bytes {
        let half = |at: usize| u64::from_le_bytes(block[at..at + 8].try_into().expect("a half is eight bytes"));
        u64x2(half(0), half(8))
    }

    #[inline(always)]
    pub(super) fn bits(bytes: Bytes) -> u32 {
        u32::from(u8x16_bitmask(bytes))
    }
}

#[cfg(target_arch = "x86_64")]
mod machine {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_min_epu8, _mm_movemask_epi8, _mm_or_si128, _mm_set1_epi8, _mm_setzero_si128,
        _mm_sub_epi8,
    };

    pub(super) type Bytes = __m128i;

    #[inline(always)]
    pub(super) fn load(block: &[u8; 16]) -> Bytes {
        // SAFETY: each x86-64 has SSE2; the block is as long as what is read, and may lie anywhere.
        unsafe { _mm_loadu_si128(block.as_ptr().cast()) }
    }

    #[inline(always)]
    pub(super) fn splat(byte: u8) -> Bytes {
        // SAFETY: each x86-64 has SSE2.
        unsafe { _mm_set1_epi8(byte.cast_signed()) }
    }

    #[inline(always)]
    pub(super) fn equal(one: Bytes, other: Bytes) -> Bytes {
        // SAFETY: each x86-64 has SSE2.
        unsafe { _mm_cmpeq_epi8(one, other) }
    }

    /// SSE2 compares with signs only: what is not below the other is the greater of both, and so not the smaller.
    #[inline(always)]
    pub(super) fn below(one: Bytes, other: Bytes) -> Bytes {
        // SAFETY: each x86-64 has SSE2.
        unsafe { _mm_cmpeq_epi8(_mm_cmpeq_epi8(_mm_min_epu8(one, other), other), _mm_setzero_si128()) }
    }

    #[inline(always)]
    pub(super) fn minus(one: Bytes, other: Bytes) -> Bytes {
        // SAFETY: each x86-64 has SSE2.
        unsafe { _mm_sub_epi8(one, other) }
    }

    #[inline(always)]
    pub(super) fn or(one: Bytes, other: Bytes) -> Bytes {
        // SAFETY: each x86-64 has SSE2.
        unsafe { _mm_or_si128(one, other) }
    }

    #[inline(always)]
    pub(super) fn bits(bytes: Bytes) -> u32 {
        // SAFETY: each x86-64 has SSE2.
        unsafe { _mm_movemask_epi8(bytes).cast_unsigned() }
    }
}

#[cfg(not(any(all(target_arch = "wasm32", target_feature = "simd128"), target_arch = "x86_64")))]
mod machine {
    pub(super) type Bytes = [u8; 16];

    pub(super) fn load(block: &[u8; 16]) -> Bytes {
        *block
    }

    pub(super) fn splat(byte: u8) -> Bytes {
        [byte; 16]
    }

    pub(super) fn equal(one: Bytes, other: Bytes) -> Bytes {
        each(one, other, |one, other| if one == other { u8::MAX } else { 0 })
    }

    pub(super) fn below(one: Bytes, other: Bytes) -> Bytes {
        each(one, other, |one, other| if one < other { u8::MAX } else { 0 })
    }

    pub(super) fn minus(one: Bytes, other: Bytes) -> Bytes {
        each(one, other, u8::wrapping_sub)
    }

    pub(super) fn or(one: Bytes, other: Bytes) -> Bytes {
        each(one, other, |one, other| one | other)
    }

    pub(super) fn bits(bytes: Bytes) -> u32 {
        bytes.iter().rev().fold(0, |bits, byte| bits << 1 | u32::from(byte >> 7))
    }

    fn each(one: Bytes, other: Bytes, of: impl Fn(u8, u8) -> u8) -> Bytes {
        std::array::from_fn(|index| of(one[index], other[index]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is asked of each byte of a block, answered one by one.
    fn bits(block: &[u8; BLOCK], is_so: impl Fn(u8) -> bool) -> u32 {
        (0..BLOCK).filter(|index| is_so(block[*index])).map(|index| 1 << index).sum()
    }

    #[test]
    fn a_vector_answers_as_its_bytes_would() {
        // Each byte comes at each place.
        for shift in 0..=255_u8 {
            let block: [u8; BLOCK] = std::array::from_fn(|index| (index as u8).wrapping_mul(17).wrapping_add(shift));
            let bytes = Vector::of(&block);
            for other in [0, 1, 10, b'"', b'0', b'\\', 127, 128, 200, 255] {
                assert_eq!(bytes.equal(other).bits(), bits(&block, |byte| byte == other), "{block:?} {other}");
                assert_eq!(bytes.below(other).bits(), bits(&block, |byte| byte < other), "{block:?} {other}");
                assert_eq!(bytes.minus(other).equal(7).bits(), bits(&block, |byte| byte.wrapping_sub(other) == 7));
                let either = bytes.equal(other).or(bytes.equal(7)).bits();
                assert_eq!(either, bits(&block, |byte| byte == other || byte == 7), "{block:?} {other}");
            }
            assert_eq!(bytes.or(Vector::all(0x20)).equal(b'{').bits(), bits(&block, |byte| byte | 0x20 == b'{'));
        }
    }
}
