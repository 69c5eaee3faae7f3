//! Chance with a fixed seed, so that the same trials give the same interval, byte for byte.

/// SplitMix64 (Steele, Lea and Flood, 2014): small, and good enough to choose pairs.
#[derive(Clone, Debug)]
pub(crate) struct Chance(u64);

impl Chance {
    /// A stream of its own for each purpose, so that no result depends on what else was computed before it.
    pub(crate) fn new(purpose: u64) -> Self {
        Self(0x5e55_1071_ab00_0000 ^ purpose)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`, by Lemire's multiplication; its bias is below `n / 2^64`.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next()) * n as u128) >> 64) as usize
    }

    pub(crate) fn coin(&mut self) -> bool {
        self.next() >> 63 == 1
    }
}
