//! The few protocol buffer messages of an event file, written and read by hand.
//!
//! Source: `tensorboard/compat/proto/{event,summary,histogram}.proto`. A field is a key, number
//! times 8 plus its wire type, and a value: 0 a varint, 1 eight bytes, 2 a length and bytes, 5
//! four bytes.

/// Something that happened at a step of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Seconds since 1970.
    pub wall_time: f64,
    /// The step, such as an epoch.
    pub step: i64,
    /// In the first event of a file, the version of the format.
    pub file_version: Option<String>,
    /// Tags and what was measured.
    pub values: Vec<(String, EventValue)>,
}

/// What an event measured.
#[derive(Clone, Debug, PartialEq)]
pub enum EventValue {
    /// A number.
    Scalar(f32),
    /// How often which values occur.
    Histogram(Histogram),
}

/// How often which values occur.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Number of values.
    pub num: f64,
    /// Their sum.
    pub sum: f64,
    /// The sum of their squares.
    pub sum_squares: f64,
    /// The upper ends of the buckets.
    pub limits: Vec<f64>,
    /// The number of values in each bucket.
    pub counts: Vec<f64>,
}

impl Histogram {
    /// Of finite values, in equal buckets; others are left out.
    pub(super) fn of(values: &[f32]) -> Self {
        const BUCKETS: usize = 30;
        let finite = || values.iter().filter(|v| v.is_finite()).map(|&v| f64::from(v));
        let mut all = Histogram { min: f64::MAX, max: f64::MIN, ..Histogram::default() };
        for v in finite() {
            (all.min, all.max) = (all.min.min(v), all.max.max(v));
            (all.num, all.sum, all.sum_squares) =
                (all.num + 1.0, all.sum + v, all.sum_squares + v * v);
        }
        if all.num == 0.0 {
            return Histogram { limits: vec![0.0], counts: vec![0.0], ..Histogram::default() };
        }
        let width = (all.max - all.min).max(f64::MIN_POSITIVE) / BUCKETS as f64;
        all.limits = (1..=BUCKETS).map(|i| all.min + width * i as f64).collect();
        all.counts = vec![0.0; BUCKETS];
        for v in finite() {
            let bucket = ((v - all.min) / width) as usize;
            all.counts[bucket.min(BUCKETS - 1)] += 1.0;
        }
        all
    }
}

const VARINT: u64 = 0;
const EIGHT: u64 = 1;
const BYTES: u64 = 2;
const FOUR: u64 = 5;

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn key(out: &mut Vec<u8>, field: u64, wire: u64) {
    varint(out, field << 3 | wire);
}

fn double(out: &mut Vec<u8>, field: u64, value: f64) {
    key(out, field, EIGHT);
    out.extend(value.to_le_bytes());
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    key(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend(value);
}

impl Event {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        double(&mut out, 1, self.wall_time);
        key(&mut out, 2, VARINT);
        // A negative number is a varint of its 64 bits.
        varint(&mut out, self.step as u64);
        if let Some(version) = &self.file_version {
            bytes(&mut out, 3, version.as_bytes());
        }
        if !self.values.is_empty() {
            let mut summary = Vec::new();
            for (tag, value) in &self.values {
                bytes(&mut summary, 1, &encode_value(tag, value));
            }
            bytes(&mut out, 5, &summary);
        }
        out
    }

    /// `None` for bytes that are no event.
    pub(super) fn decode(data: &[u8]) -> Option<Self> {
        let mut event = Event::default();
        for field in fields(data)? {
            match field {
                (1, Field::Eight(bits)) => event.wall_time = f64::from_bits(bits),
                (2, Field::Varint(step)) => event.step = step as i64,
                (3, Field::Bytes(text)) => {
                    event.file_version = Some(String::from_utf8(text.to_vec()).ok()?);
                }
                (5, Field::Bytes(summary)) => {
                    for field in fields(summary)? {
                        if let (1, Field::Bytes(value)) = field {
                            event.values.extend(decode_value(value)?);
                        }
                    }
                }
                _ => {}
            }
        }
        Some(event)
    }
}

fn encode_value(tag: &str, value: &EventValue) -> Vec<u8> {
    let mut out = Vec::new();
    bytes(&mut out, 1, tag.as_bytes());
    match value {
        EventValue::Scalar(value) => {
            key(&mut out, 2, FOUR);
            out.extend(value.to_le_bytes());
        }
        EventValue::Histogram(h) => {
            let mut inner = Vec::new();
            for (field, value) in (1..).zip([h.min, h.max, h.num, h.sum, h.sum_squares]) {
                double(&mut inner, field, value);
            }
            for (field, list) in [(6, &h.limits), (7, &h.counts)] {
                let packed: Vec<u8> = list.iter().flat_map(|v| v.to_le_bytes()).collect();
                bytes(&mut inner, field, &packed);
            }
            bytes(&mut out, 5, &inner);
        }
    }
    out
}

/// Tag and value; an empty list for a kind of value that is not known here.
fn decode_value(data: &[u8]) -> Option<Option<(String, EventValue)>> {
    let (mut tag, mut value) = (String::new(), None);
    for field in fields(data)? {
        match field {
            (1, Field::Bytes(text)) => tag = String::from_utf8(text.to_vec()).ok()?,
            (2, Field::Four(bits)) => value = Some(EventValue::Scalar(f32::from_bits(bits))),
            (5, Field::Bytes(inner)) => {
                value = Some(EventValue::Histogram(decode_histogram(inner)?));
            }
            _ => {}
        }
    }
    Some(value.map(|value| (tag, value)))
}

fn decode_histogram(data: &[u8]) -> Option<Histogram> {
    let mut h = Histogram::default();
    let doubles = |data: &[u8]| -> Vec<f64> {
        let eight = |chunk: &[u8]| chunk.try_into().map(f64::from_le_bytes).unwrap_or(f64::NAN);
        data.chunks(8).map(eight).collect()
    };
    for field in fields(data)? {
        match field {
            (1, Field::Eight(bits)) => h.min = f64::from_bits(bits),
            (2, Field::Eight(bits)) => h.max = f64::from_bits(bits),
            (3, Field::Eight(bits)) => h.num = f64::from_bits(bits),
            (4, Field::Eight(bits)) => h.sum = f64::from_bits(bits),
            (5, Field::Eight(bits)) => h.sum_squares = f64::from_bits(bits),
            (6, Field::Bytes(list)) => h.limits = doubles(list),
            (7, Field::Bytes(list)) => h.counts = doubles(list),
            _ => {}
        }
    }
    Some(h)
}

enum Field<'a> {
    Varint(u64),
    Eight(u64),
    Bytes(&'a [u8]),
    Four(u32),
}

/// The fields of a message in order; `None` when it is cut off or not a message.
fn fields(mut data: &[u8]) -> Option<Vec<(u64, Field<'_>)>> {
    let mut all = Vec::new();
    while !data.is_empty() {
        let key = read_varint(&mut data)?;
        let value = match key & 7 {
            VARINT => Field::Varint(read_varint(&mut data)?),
            EIGHT => Field::Eight(u64::from_le_bytes(take(&mut data, 8)?.try_into().ok()?)),
            BYTES => {
                let length = usize::try_from(read_varint(&mut data)?).ok()?;
                Field::Bytes(take(&mut data, length)?)
            }
            FOUR => Field::Four(u32::from_le_bytes(take(&mut data, 4)?.try_into().ok()?)),
            _ => return None,
        };
        all.push((key >> 3, value));
    }
    Some(all)
}

fn take<'a>(data: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (head, rest) = data.split_at_checked(length)?;
    *data = rest;
    Some(head)
}

fn read_varint(data: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let byte = take(data, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_has_the_bytes_of_the_protocol() {
        // Right: tensorboard.compat.proto.event_pb2.Event(wall_time=1.5, step=300,
        // summary=Summary(value=[Summary.Value(tag="a", simple_value=2.0)])).SerializeToString().
        let values = vec![("a".to_owned(), EventValue::Scalar(2.0))];
        let event = Event { wall_time: 1.5, step: 300, file_version: None, values };
        let hex: String = event.encode().iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "09000000000000f83f10ac022a0a0a080a01611500000040");
        assert_eq!(Event::decode(&event.encode()), Some(event));
    }

    #[test]
    fn histograms_count_every_finite_value() {
        let h = Histogram::of(&[0.0, 1.0, 1.0, 3.0, f32::NAN, f32::INFINITY]);
        assert_eq!((h.min, h.max, h.num, h.sum, h.sum_squares), (0.0, 3.0, 4.0, 5.0, 11.0));
        assert_eq!(h.counts.iter().sum::<f64>(), 4.0);
        assert_eq!((h.counts[0], h.counts[29], h.limits[29]), (1.0, 1.0, 3.0));
        assert_eq!(Histogram::of(&[2.0; 5]).counts.iter().sum::<f64>(), 5.0);
        assert_eq!(Histogram::of(&[]).num, 0.0);
        let values = vec![("h".to_owned(), EventValue::Histogram(h))];
        let event = Event { step: -1, values, ..Event::default() };
        assert_eq!(Event::decode(&event.encode()), Some(event));
    }

    #[test]
    fn what_is_cut_off_is_no_event() {
        let values = vec![("tag".to_owned(), EventValue::Scalar(2.0))];
        let bytes = Event { values, ..Event::default() }.encode();
        assert!((12..bytes.len()).all(|n| Event::decode(&bytes[..n]).is_none()));
    }
}
