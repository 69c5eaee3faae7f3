//! The ring of consistent hashing (Karger et al. 1997): every server owns many points, and a key belongs to the server
//! of the first point at or after the key's own.

use crate::hash;

/// Points that a server owns. The share of keys that one more server takes deviates by about
/// `sqrt(3/64/POINTS)`, 0.34% here, so that going from 3 to 4 servers moves 23 to 27% of them with any ids.
const POINTS: u64 = 4096;

/// Whose point is where. It knows nothing of health: a walk goes past the servers that cannot take the key.
#[derive(Debug, Default)]
pub struct Ring {
    points: Vec<(u64, u32)>,
}

impl Ring {
    /// A ring of the servers with these hashes; a walk answers with their indices.
    pub fn of(servers: impl Iterator<Item = u64>) -> Self {
        let mut points: Vec<_> = (0_u32..)
            .zip(servers)
            .flat_map(|(index, server)| (0..POINTS).map(move |point| (hash::pair(server, point), index)))
            .collect();
        points.sort_unstable();
        Ring { points }
    }

    /// The owners of the points from `key` onwards, once around; servers repeat.
    pub fn walk(&self, key: u64) -> impl Iterator<Item = usize> {
        let start = self.points.partition_point(|(point, _)| *point < key);
        let (before, after) = self.points.split_at(start);
        after.iter().chain(before).map(|(_, index)| *index as usize)
    }
}
