//! Tests of `.safetensors`: round trips, files of other programs, every way for one to be wrong.

use proptest::prelude::*;
use safetensors::tensor::TensorView;

use super::*;

// Written by the Python package safetensors 0.8 with PyTorch tensors of seven types.
const PYTHON: &[u8] =
    b"\xb0\x01\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"},\"label\":{\"dtype\":\"I64\",\"sha\
    pe\":[2],\"data_offsets\":[0,16]},\"s\":{\"dtype\":\"F64\",\"shape\":[],\"data_offsets\":[16,2\
    4]},\"e\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[24,24]},\"w\":{\"dtype\":\"F32\
    \",\"shape\":[2,2],\"data_offsets\":[24,40]},\"bf\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_o\
    ffsets\":[40,42]},\"h\":{\"dtype\":\"F16\",\"shape\":[2],\"data_offsets\":[42,46]},\"mask\":{\
    \"dtype\":\"BOOL\",\"shape\":[2],\"data_offsets\":[46,48]}}   \x03\0\0\0\0\0\0\0\xfc\xff\xff\
    \xff\xff\xff\xff\xff\0\0\0\0\0\0\x04@\0\0\x80?\0\0\0@\0\0@@\0\0\x80@\xc0?\x008\0\xc0\x01\0";

fn parse(bytes: &[u8]) -> Result<SafeTensorsFile> {
    SafeTensorsFile::from_bytes("x.safetensors", bytes)
}

/// The message after `x.safetensors: safetensors: `.
fn refused(bytes: &[u8]) -> String {
    let error = parse(bytes).expect_err("malformed");
    assert!(matches!(error.kind(), Kind::Format { format: "safetensors", .. }), "{error}");
    let text = error.to_string();
    let prefix = "x.safetensors: safetensors: ";
    text.strip_prefix(prefix).expect("the file is named first").to_owned()
}

fn file(header: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(header.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn entry(name: &str, dtype: &str, shape: &str, offsets: &str) -> String {
    format!("\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":{shape},\"data_offsets\":{offsets}}}")
}

#[test]
fn a_file_of_python_is_read() {
    let file = parse(PYTHON).expect("valid");
    assert_eq!(file.metadata, BTreeMap::from([("format".to_owned(), "pt".to_owned())]));
    let t = &file.tensors;
    let names = ["bf", "e", "h", "label", "mask", "s", "w"];
    assert_eq!(t.keys().collect::<Vec<_>>(), names);
    assert_eq!(t["w"].shape().dims(), [2, 2]);
    assert_eq!(t["w"].to_vec::<f32>().expect("floats"), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(t["h"].to_vec::<f32>().expect("floats"), [0.5, -2.0]);
    assert_eq!(t["bf"].to_vec::<f32>().expect("floats"), [1.5]);
    assert_eq!(t["label"].dtype(), DType::I32);
    assert_eq!(t["label"].to_vec::<i64>().expect("integers"), [3, -4]);
    assert_eq!(t["mask"].to_vec::<bool>().expect("bools"), [true, false]);
    assert_eq!((t["s"].shape().rank(), t["s"].to_vec::<f64>().expect("doubles")), (0, vec![2.5]));
    assert_eq!(t["e"].shape().dims(), [0, 3]);
}

#[test]
fn broken_lengths_are_named() {
    assert_eq!(refused(b""), "0 bytes are too few for the header's length; at byte 0");
    assert_eq!(refused(b"1234567"), "7 bytes are too few for the header's length; at byte 0");
    let text = "truncated: a header of 3 bytes, the file has 2 more; at byte 0";
    assert_eq!(refused(b"\x03\0\0\0\0\0\0\0{}"), text);
    let text = "a header of 100000001 bytes, 100000000 is the limit; at byte 0";
    assert_eq!(refused(&100_000_001u64.to_le_bytes()), text);
    let text = "a header of 18446744073709551615 bytes, 100000000 is the limit; at byte 0";
    assert_eq!(refused(&[0xff; 20]), text);
    let text = "the header is not valid UTF-8; at byte 9";
    assert_eq!(refused(b"\x02\0\0\0\0\0\0\0{\xff"), text);
}

#[test]
fn broken_json_is_named() {
    let good = entry("a", "U8", "[2]", "[0,2]");
    for header in [
        "",
        "{",
        "[]",
        "nonsense",
        "{\"a\":NaN}",
        "{\"a\":null}",
        "{\"__metadata__\":{\"a\":NaN}}",
        "{\"__metadata__\":{\"a\":1}}",
        "{\"__metadata__\":[]}",
        "{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}",
        "{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}",
        &format!("{{{good}}} x"),
        &format!("{{{good},}}"),
        &format!("{{{}}}", entry("a", "F33", "[2]", "[0,2]")),
        &format!("{{{}}}", entry("a", "U8", "[NaN]", "[0,2]")),
        &format!("{{{}}}", entry("a", "U8", "[-2]", "[0,2]")),
        &format!("{{{}}}", entry("a", "U8", "[2.0]", "[0,2]")),
        &format!("{{{}}}", entry("a", "U8", "[99999999999999999999]", "[0,2]")),
        &format!("{{{}}}", entry("a", "U8", "2", "[0,2]")),
        &format!("{{{}}}", entry("a", "U8", "[2]", "[0]")),
        &format!("{{{}}}", entry("a", "U8", "[2]", "[0,2,4]")),
        &format!("{{{}}}", entry("a", "U8", "[2]", "[-1,1]")),
        &format!("{{\"a\":{}1{}}}", "[".repeat(5000), "]".repeat(5000)),
    ] {
        let text = refused(&file(header, &[0, 0]));
        let expected = "the header is not a valid description of tensors: ";
        assert!(text.starts_with(expected) && text.ends_with("; at byte 8"), "{header}: {text}");
    }
    // The crate would take a list of the three values.
    let text = refused(&file("{\"a\":[\"U8\",[2],[0,2]]}", &[0, 0]));
    assert!(
        text.starts_with("an entry is not an object with dtype, shape and data_offsets"),
        "{text}"
    );
}

#[test]
fn broken_entries_are_named() {
    let a = entry("a", "U8", "[2]", "[0,2]");
    let huge = usize::MAX;
    for (header, data, problem) in [
        (
            entry("a", "F32", "[2,3]", "[0,20]"),
            20,
            "tensor `a`: shape [2, 3] of F32 needs 24 bytes, its offsets span 20; at byte 9",
        ),
        (
            entry("a", "F4", "[3]", "[0,1]"),
            1,
            "tensor `a`: shape [3] of F4 needs 2 bytes, its offsets span 1; at byte 9",
        ),
        (
            entry("a", "U8", "[2]", "[2,0]"),
            2,
            "tensor `a` ends at 0, before its start 2; at byte 9",
        ),
        (a.clone(), 1, "truncated: tensor `a` ends at data byte 2, the file has 1; at byte 9"),
        (a.clone(), 5, "3 bytes after the last tensor belong to none; at byte 63"),
        (String::new(), 5, "5 bytes after the last tensor belong to none; at byte 10"),
        (
            entry("a", "U8", "[2]", "[1,3]"),
            3,
            "1 bytes before tensor `a` belong to none; at byte 9",
        ),
        (
            format!("{a},{}", entry("b", "U8", "[2]", "[1,3]")),
            3,
            "tensor `b` at 1..3 overlaps another; at byte 61",
        ),
        (
            format!("{a},{}", entry("b", "U8", "[2]", "[3,5]")),
            5,
            "1 bytes before tensor `b` belong to none; at byte 61",
        ),
        (format!("{a},{a}"), 2, "tensor `a` is there twice; at byte 61"),
        (
            format!("{a},{}", a.replace("\"a\"", "\"\\u0061\"")),
            2,
            "tensor `a` is there twice; at byte 61",
        ),
        (
            "\"__metadata__\":{\"k\":\"1\",\"k\":\"2\"}".into(),
            0,
            "metadata `k` is there twice; at byte 33",
        ),
        (
            entry("a", "F32", &format!("[{huge},{huge}]"), "[0,4]"),
            4,
            &format!("tensor `a`: shape [{huge}, {huge}] overflows the address space; at byte 9"),
        ),
        (
            entry("a", "F32", &format!("[0,{huge},{huge}]"), "[0,0]"),
            0,
            &format!(
                "tensor `a`: shape [0, {huge}, {huge}] overflows the address space; at byte 9"
            ),
        ),
        (
            entry("a", "U8", &format!("[1{}]", ",1".repeat(64)), "[0,1]"),
            1,
            "tensor `a` has 65 dimensions, 64 is the limit; at byte 9",
        ),
    ] {
        assert_eq!(refused(&file(&format!("{{{header}}}"), &vec![0; data])), problem, "{header}");
    }
}

#[test]
fn values_that_do_not_fit_are_named() {
    let header = format!("{{{}}}", entry("m", "BOOL", "[3]", "[0,3]"));
    let text = refused(&file(&header, &[0, 1, 7]));
    let at = 8 + header.len() + 2;
    let expected = format!("tensor `m`: byte 7 is not a bool: only 0 and 1 are; at byte {at}");
    assert_eq!(text, expected);

    let bytes =
        file(&format!("{{{}}}", entry("label", "I64", "[1]", "[0,8]")), &i64::MIN.to_le_bytes());
    let error = parse(&bytes).expect_err("beyond int32");
    let text = "value -9223372036854775808 at position 0 does not fit int32; \
                in tensor `label` of x.safetensors";
    assert_eq!(error.to_string(), text);
    assert!(matches!(error.kind(), Kind::Range { .. }));

    for dtype in ["I8", "I16", "U16", "U64", "F8_E5M2", "F8_E4M3", "C64", "F4"] {
        let bytes = file(&format!("{{{}}}", entry("a", dtype, "[0]", "[0,0]")), &[]);
        let error = parse(&bytes).expect_err("unsupported");
        let text = format!(
            "read_safetensors: element type {dtype} of tensor `a` is not supported in a \
             safetensors file; in x.safetensors"
        );
        assert_eq!(error.to_string(), text);
        assert!(matches!(error.kind(), Kind::Unsupported { .. }));
    }
}

#[test]
fn valid_oddities_are_read() {
    let a = entry("a", "U8", "[2]", "[0,2]");
    for header in [
        "{}".to_owned(),
        "  {\t\"__metadata__\" : null }  ".to_owned(),
        "{\"__metadata__\":{}}".to_owned(),
    ] {
        assert!(parse(&file(&header, &[])).expect(&header).tensors.is_empty());
    }
    // Tensors in any order, unknown fields, escapes.
    let odd = "\"\\u00e9\\ud83d\\ude00\\n\\\"\":{\"extra\":[{\"x\":[1e3,true,\"]\"]},{}],\
               \"shape\":[ 1 , 1 ],\"data_offsets\":[2,3],\"dtype\":\"U8\"}";
    let file = parse(&file(&format!("{{{odd} , {a}}}"), &[1, 2, 3])).expect("valid");
    assert_eq!(file.tensors["a"].to_vec::<u8>().expect("bytes"), [1, 2]);
    assert_eq!(file.tensors["é😀\n\""].to_vec::<u8>().expect("bytes"), [3]);
}

#[test]
fn damaged_files_never_panic() {
    let written = parse(PYTHON).expect("valid").to_bytes().expect("cpu");
    for good in [PYTHON, &written] {
        for end in 0..good.len() {
            let error = parse(&good[..end]).expect_err("cut short");
            assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
        }
        let mut bytes = good.to_vec();
        for at in 0..bytes.len() {
            for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
                bytes[at] ^= flip;
                let _ = parse(&bytes);
                bytes[at] ^= flip;
            }
        }
    }
}

#[test]
fn the_crate_reads_and_writes_the_same_bytes() {
    let file = parse(PYTHON).expect("valid");
    let bytes = file.to_bytes().expect("cpu");
    let views = file.tensors.iter().map(|(name, array)| {
        let data: &'static [u8] = array.to_bytes().expect("cpu").leak();
        let dtype = file_dtype(array.dtype());
        (
            name,
            TensorView::new(dtype.expect("known"), array.shape().to_vec(), data).expect("filled"),
        )
    });
    let metadata = file.metadata.clone().into_iter().collect();
    assert_eq!(safetensors::serialize(views, Some(metadata)).expect("valid"), bytes);
}

#[test]
fn names_that_the_format_keeps_are_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("x.safetensors");
    let x = Array::from_vec(vec![1u8], [1]).expect("filled");
    let tensors = BTreeMap::from([("__metadata__".to_owned(), x)]);
    let error = write_safetensors(&path, &tensors, &BTreeMap::new()).expect_err("a kept name");
    let text = "write_safetensors: tensor name is __metadata__, expected another name: \
                the format keeps this one for its metadata";
    assert_eq!(error.to_string(), text);
    assert_eq!(std::fs::read_dir(dir.path()).expect("directory").count(), 0);
    let absent = dir.path().join("absent").join("x.safetensors");
    let error = write_safetensors(&absent, &BTreeMap::new(), &BTreeMap::new()).expect_err("absent");
    assert!(matches!(error.kind(), Kind::Io { .. }));
    assert!(matches!(read_safetensors(&absent).expect_err("absent").kind(), Kind::Io { .. }));
}

/// An array of any type and a small shape, seen as it is, transposed or reversed.
fn any_array() -> impl Strategy<Value = Array> {
    let dtypes = [DType::Bool, DType::U8, DType::U32, DType::I32, DType::F32, DType::F64];
    let parts = (proptest::collection::vec(0usize..4, 0..5), 0..dtypes.len(), 0..3, any::<u8>());
    parts.prop_map(move |(shape, dtype, view, seed)| {
        let dtype = dtypes[dtype];
        let n = shape.iter().product::<usize>() * dtype.size();
        let byte = |i: usize| (i as u8).wrapping_mul(37).wrapping_add(seed);
        let bytes: Vec<u8> =
            (0..n).map(|i| if dtype == DType::Bool { byte(i) & 1 } else { byte(i) }).collect();
        let array = Array::from_bytes(&bytes, shape.as_slice(), dtype).expect("filled");
        let layout = array.layout().clone();
        let order: Vec<usize> = (0..shape.len()).rev().collect();
        array.with_layout(match (view, shape.first()) {
            (1, _) => layout.permute(&order),
            (2, Some(&n)) if n > 0 => layout.slice(0, n - 1, n, -1),
            _ => layout,
        })
    })
}

proptest! {
    #[test]
    fn round_trips_keep_everything(
        tensors in proptest::collection::btree_map(".{0,8}", any_array(), 0..5),
        metadata in proptest::collection::btree_map(".{0,8}", ".{0,8}", 0..4),
    ) {
        let file = SafeTensorsFile { tensors, metadata };
        let bytes = file.to_bytes().expect("cpu");
        prop_assert_eq!(&bytes, &file.to_bytes().expect("cpu"));
        let back = parse(&bytes).expect("valid");
        prop_assert_eq!(&back.metadata, &file.metadata);
        prop_assert!(back.tensors.keys().eq(file.tensors.keys()));
        for (name, array) in &file.tensors {
            let read = &back.tensors[name];
            prop_assert_eq!((read.shape(), read.dtype()), (array.shape(), array.dtype()));
            prop_assert_eq!(little_endian(read).expect("cpu"), little_endian(array).expect("cpu"));
        }
    }

    #[test]
    fn any_header_gives_an_answer(
        text in "[{}\\[\\]:,\"a0-9 \\\\u]{0,40}",
        data in proptest::collection::vec(any::<u8>(), 0..20),
    ) {
        let _ = parse(&file(&text, &data));
        let _ = header::check(&text, data.len());
    }
}
