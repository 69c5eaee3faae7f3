//! The one hash of all hashing policies: FNV-1a, then murmur3's finaliser, because FNV alone spreads short, similar keys
//! (`s1`, `s2`) badly over the high bits, which are what the ring sorts by.
//!
//! It is the same in every process and every release, so that a key's server can be worked out elsewhere. It is not a
//! secret: who chooses their own session cookie chooses their server, as with every affinity that hashes what clients send.

/// Hash of some bytes.
pub fn bytes(input: &[u8]) -> u64 {
    let fnv = input.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    finish(fnv)
}

/// Hash of two hashes, in that order.
pub fn pair(first: u64, second: u64) -> u64 {
    finish(first.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31) ^ second)
}

fn finish(mut hash: u64) -> u64 {
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash ^= hash >> 33;
    hash = hash.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
