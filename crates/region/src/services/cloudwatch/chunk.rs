//! Series on disk and in memory: a chunk holds a stretch of one series at one resolution, encoded
//! in a few bytes a bucket, so that a measurement rewrites hundreds of bytes, not a series.

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::bucket::Bucket;
use crate::table::Key;

/// How fine the data of a chunk is. Older data is only kept coarser.
///
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html#metrics-retention>
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tier {
    Second,
    Minute,
    FiveMinutes,
    Hour,
}

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

impl Tier {
    pub(super) const ALL: [Self; 4] = [Self::Second, Self::Minute, Self::FiveMinutes, Self::Hour];

    /// The length of its buckets, in seconds.
    pub(super) fn step(self) -> i64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::FiveMinutes => 300,
            Self::Hour => HOUR,
        }
    }

    /// The stretch of time of one chunk, in seconds.
    pub(super) fn span(self) -> i64 {
        match self {
            Self::Second => 300,
            Self::Minute => HOUR,
            Self::FiveMinutes => DAY / 4,
            Self::Hour => 10 * DAY,
        }
    }

    /// For how long its data is kept so fine, in seconds.
    pub(super) fn kept(self) -> i64 {
        match self {
            Self::Second => 3 * HOUR,
            Self::Minute => 15 * DAY,
            Self::FiveMinutes => 63 * DAY,
            Self::Hour => 455 * DAY,
        }
    }

    /// What its data becomes when it is older.
    pub(super) fn coarser(self) -> Option<Self> {
        match self {
            Self::Second => Some(Self::Minute),
            Self::Minute => Some(Self::FiveMinutes),
            Self::FiveMinutes => Some(Self::Hour),
            Self::Hour => None,
        }
    }

    /// The finest in which something so old, in seconds, can still be told.
    pub(super) fn of_age(age: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|tier| age <= tier.kept())
    }

    pub(super) fn chunk_of(self, at: i64) -> i64 {
        at.div_euclid(self.span()) * self.span()
    }
}

/// Of which series, how fine, and from when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ChunkKey {
    pub(super) series: u64,
    pub(super) tier: Tier,
    /// Seconds since 1970.
    pub(super) start: i64,
}

impl Key for ChunkKey {
    fn to_text(&self) -> String {
        format!(
            "{:016x}/{:04}/{:012}",
            self.series,
            self.tier.step(),
            self.start
        )
    }

    fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split('/');
        let series = u64::from_str_radix(parts.next()?, 16).ok()?;
        let step: i64 = parts.next()?.parse().ok()?;
        let tier = Tier::ALL.into_iter().find(|tier| tier.step() == step)?;
        let start = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self {
            series,
            tier,
            start,
        })
    }
}

/// The encoded buckets of one stretch, ascending by time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Chunk(Vec<u8>);

impl Serialize for Chunk {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Chunk {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD
            .decode(text.as_bytes())
            .map_err(serde::de::Error::custom)?;
        let chunk = Self(bytes);
        let mut reader = chunk.reader();
        while reader.next().is_some() {}
        if reader.rest.is_empty() {
            Ok(chunk)
        } else {
            Err(serde::de::Error::custom("a chunk of a metric is cut off"))
        }
    }
}

const SINGLE: u8 = 0;
const SET: u8 = 1;
const VALUES: u8 = 2;

impl Chunk {
    /// The buckets by their number in the chunk: how many steps after its start.
    pub(super) fn reader(&self) -> Reader<'_> {
        self.reader_from(0)
    }

    /// The buckets from one on; those before it are passed over without being made.
    pub(super) fn reader_from(&self, first: u32) -> Reader<'_> {
        Reader {
            rest: &self.0,
            number: 0,
            first,
        }
    }

    pub(super) fn from_buckets(buckets: &[(u32, Bucket)]) -> Self {
        let mut bytes = Vec::with_capacity(buckets.len() * 8);
        let mut before = 0;
        for (number, bucket) in buckets {
            write(&mut bytes, *number - before, bucket);
            before = *number;
        }
        bytes.shrink_to_fit();
        Self(bytes)
    }

    /// Adds to what was measured in one step.
    pub(super) fn add(&mut self, number: u32, bucket: &Bucket) {
        let mut buckets: Vec<(u32, Bucket)> = self.reader().collect();
        match buckets.binary_search_by_key(&number, |(number, _)| *number) {
            Ok(at) => buckets[at].1.add(bucket),
            // By far the most: something newer than all before.
            Err(at) if at == buckets.len() => {
                let before = buckets.last().map_or(0, |(number, _)| *number);
                write(&mut self.0, number - before, bucket);
                return;
            }
            Err(at) => buckets.insert(at, (number, bucket.clone())),
        }
        *self = Self::from_buckets(&buckets);
    }
}

fn write(bytes: &mut Vec<u8>, after: u32, bucket: &Bucket) {
    whole(bytes, u64::from(after));
    #[expect(clippy::float_cmp, reason = "exactly one, or it has to be said")]
    match &bucket.values {
        Some(values) if values.len() == 1 && values[0].1 == 1.0 && values[0].0 == bucket.sum => {
            bytes.push(SINGLE);
            number(bytes, bucket.sum);
        }
        None => {
            bytes.push(SET);
            for value in [bucket.count, bucket.sum, bucket.minimum, bucket.maximum] {
                number(bytes, value);
            }
        }
        Some(values) => {
            bytes.push(VALUES);
            for value in [bucket.count, bucket.sum, bucket.minimum, bucket.maximum] {
                number(bytes, value);
            }
            whole(bytes, values.len() as u64);
            for (value, count) in values {
                number(bytes, *value);
                number(bytes, *count);
            }
        }
    }
}

/// Seven bits a byte, the lowest first.
fn whole(bytes: &mut Vec<u8>, mut value: u64) {
    loop {
        let [low, ..] = value.to_le_bytes();
        value >>= 7;
        if value == 0 {
            bytes.push(low & 0x7f);
            return;
        }
        bytes.push(low | 0x80);
    }
}

const TWO: u8 = 250;
const FOUR: u8 = 251;
const SHORT: u8 = 252;
const LONG: u8 = 253;

/// A small whole number is one byte; every number comes back as it was.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "a shorter form is taken only where it is the same number"
)]
fn number(bytes: &mut Vec<u8>, value: f64) {
    // Minus zero is no small whole number.
    let whole = value.to_bits() == (value as i64 as f64).to_bits();
    if whole && (0.0..f64::from(TWO)).contains(&value) {
        bytes.push(value as u8);
    } else if whole && f64::from(value as i16) == value {
        bytes.push(TWO);
        bytes.extend((value as i16).to_le_bytes());
    } else if whole && f64::from(value as i32) == value {
        bytes.push(FOUR);
        bytes.extend((value as i32).to_le_bytes());
    } else if f64::from(value as f32).to_bits() == value.to_bits() {
        bytes.push(SHORT);
        bytes.extend((value as f32).to_le_bytes());
    } else {
        bytes.push(LONG);
        bytes.extend(value.to_le_bytes());
    }
}

pub(super) struct Reader<'a> {
    rest: &'a [u8],
    number: u32,
    first: u32,
}

impl Reader<'_> {
    /// Passes over what is before the first bucket wanted.
    fn pass(&mut self) -> Option<()> {
        loop {
            let mut rest = self.rest;
            let after = u32::try_from(take_whole(&mut rest)?).ok()?;
            let number = self.number.checked_add(after)?;
            if number >= self.first {
                return Some(());
            }
            let (kind, tail) = rest.split_first()?;
            rest = tail;
            match *kind {
                SINGLE => pass_numbers(&mut rest, 1)?,
                SET => pass_numbers(&mut rest, 4)?,
                VALUES => {
                    pass_numbers(&mut rest, 4)?;
                    let pairs = take_whole(&mut rest)?;
                    pass_numbers(&mut rest, pairs.checked_mul(2)?)?;
                }
                _ => return None,
            }
            self.rest = rest;
            self.number = number;
        }
    }
}

impl Iterator for Reader<'_> {
    type Item = (u32, Bucket);

    fn next(&mut self) -> Option<(u32, Bucket)> {
        if self.first > 0 {
            self.pass()?;
            self.first = 0;
        }
        let mut rest = self.rest;
        let after = u32::try_from(take_whole(&mut rest)?).ok()?;
        let (kind, tail) = rest.split_first()?;
        rest = tail;
        let bucket = match *kind {
            SINGLE => {
                let value = take_number(&mut rest)?;
                Bucket {
                    count: 1.0,
                    sum: value,
                    minimum: value,
                    maximum: value,
                    values: Some(vec![(value, 1.0)]),
                }
            }
            SET | VALUES => {
                let mut bucket = Bucket {
                    count: take_number(&mut rest)?,
                    sum: take_number(&mut rest)?,
                    minimum: take_number(&mut rest)?,
                    maximum: take_number(&mut rest)?,
                    values: None,
                };
                if *kind == VALUES {
                    let count = usize::try_from(take_whole(&mut rest)?).ok()?;
                    let mut values = Vec::with_capacity(count.min(rest.len()));
                    for _ in 0..count {
                        values.push((take_number(&mut rest)?, take_number(&mut rest)?));
                    }
                    bucket.values = Some(values);
                }
                bucket
            }
            _ => return None,
        };
        self.rest = rest;
        self.number = self.number.checked_add(after)?;
        Some((self.number, bucket))
    }
}

fn take_whole(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..63).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn take_number(rest: &mut &[u8]) -> Option<f64> {
    let (kind, tail) = rest.split_first()?;
    *rest = tail;
    match *kind {
        TWO => take(rest).map(|bytes| f64::from(i16::from_le_bytes(bytes))),
        FOUR => take(rest).map(|bytes| f64::from(i32::from_le_bytes(bytes))),
        SHORT => take(rest).map(|bytes| f64::from(f32::from_le_bytes(bytes))),
        LONG => take(rest).map(f64::from_le_bytes),
        small if small < TWO => Some(f64::from(small)),
        _ => None,
    }
}

fn pass_numbers(rest: &mut &[u8], count: u64) -> Option<()> {
    for _ in 0..count {
        let (kind, tail) = rest.split_first()?;
        let length = match *kind {
            TWO => 2,
            FOUR | SHORT => 4,
            LONG => 8,
            small if small < TWO => 0,
            _ => return None,
        };
        *rest = tail.get(length..)?;
    }
    Some(())
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-300i32..70_000).prop_map(f64::from),
            any::<f32>().prop_map(f64::from),
            any::<f64>(),
        ]
        .prop_filter("measurements are numbers", |value| value.is_finite())
    }

    fn bucket() -> impl Strategy<Value = Bucket> {
        prop_oneof![
            value().prop_map(Bucket::of_value),
            proptest::collection::vec((value(), (1u8..9).prop_map(f64::from)), 1..5)
                .prop_map(|values| Bucket::of_values(&values)),
            (value(), value()).prop_map(|(low, sum)| Bucket::of_set(2.0, sum, low, low + 1.0)),
        ]
    }

    proptest! {
        #[test]
        fn what_was_added_is_read_back(added in proptest::collection::vec((0u32..60, bucket()), 0..30)) {
            let mut chunk = Chunk::default();
            let mut wanted: std::collections::BTreeMap<u32, Bucket> = std::collections::BTreeMap::new();
            for (number, bucket) in &added {
                chunk.add(*number, bucket);
                wanted
                    .entry(*number)
                    .and_modify(|old| old.add(bucket))
                    .or_insert_with(|| bucket.clone());
            }
            let stored = serde_json::to_vec(&chunk).expect("it is stored");
            let chunk: Chunk = serde_json::from_slice(&stored).expect("it is read");
            let read: Vec<(u32, Bucket)> = chunk.reader().collect();
            let late: Vec<(u32, Bucket)> = chunk.reader_from(30).collect();
            prop_assert_eq!(late, read.iter().filter(|(number, _)| *number >= 30).cloned().collect::<Vec<_>>());
            prop_assert_eq!(read, wanted.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn nothing_read_ends_in_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let chunk = Chunk(bytes);
            let _ = chunk.reader().count();
            let _ = chunk.reader_from(9).count();
        }
    }

    #[test]
    fn a_minute_is_a_few_bytes() {
        let mut chunk = Chunk::default();
        for minute in 0..60 {
            chunk.add(minute, &Bucket::of_value(f64::from(minute)));
        }
        assert_eq!(chunk.0.len(), 180);
        assert!(serde_json::from_str::<Chunk>("\"AAA\"").is_err());
    }

    #[test]
    fn keys_order_as_their_texts() {
        let key = |series, tier, start| ChunkKey {
            series,
            tier,
            start,
        };
        let keys = [
            key(1, Tier::Second, 9),
            key(1, Tier::Minute, 3_600),
            key(1, Tier::Minute, 1_700_000_000),
            key(255, Tier::Hour, 0),
        ];
        assert!(keys.is_sorted());
        let texts: Vec<String> = keys.iter().map(Key::to_text).collect();
        assert!(texts.is_sorted());
        let back: Vec<Option<ChunkKey>> = texts.iter().map(|text| Key::from_text(text)).collect();
        assert_eq!(back, keys.map(Some));
    }
}
