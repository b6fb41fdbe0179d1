//! Tests of `.npy`: round trips, files that NumPy wrote, every way for a file to be wrong.

use proptest::prelude::*;

use super::*;

// Written by NumPy 2.4 from `[[1.5, -2], [3, 4]]`, `[[1, 2, 3], [4, 5, 6]]`, `-7`,
// `[True, False, True]`, `[0.5, 65504, -0.0]`, `zeros((0, 3))` and `[-1, 127]`.
const FLOAT32: &[u8] =
    b"\x93NUMPY\x01\0v\0{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }               \
    \x20                                          \n\0\0\xc0?\0\0\0\xc0\0\0@@\0\0\x80@";
const FORTRAN_BIG_ENDIAN: &[u8] =
    b"\x93NUMPY\x01\0v\0{'descr': '>f8', 'fortran_order': True, 'shape': (2, 3), }                \
    \x20                                          \n?\xf0\0\0\0\0\0\0@\x10\0\0\0\0\0\0@\0\0\0\0\0\
    \0\0@\x14\0\0\0\0\0\0@\x08\0\0\0\0\0\0@\x18\0\0\0\0\0\0";
const SCALAR_INT64: &[u8] =
    b"\x93NUMPY\x01\0v\0{'descr': '<i8', 'fortran_order': False, 'shape': (), }                   \
    \x20                                          \n\xf9\xff\xff\xff\xff\xff\xff\xff";
const BOOL_V2: &[u8] =
    b"\x93NUMPY\x02\0t\0\0\0{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }             \
    \x20                                            \n\x01\0\x01";
const HALF_V3: &[u8] =
    b"\x93NUMPY\x03\0t\0\0\0{'descr': '<f2', 'fortran_order': False, 'shape': (3,), }             \
    \x20                                            \n\x008\xff{\0\x80";
const EMPTY_UINT16: &[u8] =
    b"\x93NUMPY\x01\0v\0{'descr': '<u2', 'fortran_order': False, 'shape': (0, 3), }               \
    \x20                                          \n";
const INT8: &[u8] =
    b"\x93NUMPY\x01\0v\0{'descr': '|i1', 'fortran_order': False, 'shape': (2,), }                 \
    \x20                                          \n\xff\x7f";

fn parse(bytes: &[u8]) -> Result<Array> {
    npy_from_bytes("x.npy", bytes)
}

/// A file of version 1.0 with this header.
fn file(dict: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend_from_slice(&(dict.len() as u16).to_le_bytes());
    bytes.extend_from_slice(dict.as_bytes());
    bytes.extend_from_slice(data);
    bytes
}

fn dict(descr: &str, shape: &str) -> String {
    format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}")
}

#[test]
fn files_of_numpy_are_read() {
    let x = parse(FLOAT32).expect("valid");
    assert_eq!((x.shape().dims(), x.dtype()), (&[2, 2][..], DType::F32));
    assert_eq!(x.to_vec::<f32>().expect("floats"), [1.5, -2.0, 3.0, 4.0]);
    assert_eq!(npy_to_bytes(&x).expect("cpu"), FLOAT32, "the same bytes as NumPy");

    let x = parse(FORTRAN_BIG_ENDIAN).expect("valid");
    assert_eq!((x.shape().dims(), x.dtype()), (&[2, 3][..], DType::F64));
    assert_eq!(x.to_vec::<f64>().expect("doubles"), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert!(x.layout().is_dense());

    let x = parse(SCALAR_INT64).expect("valid");
    assert_eq!((x.shape().dims(), x.dtype()), (&[][..], DType::I32));
    assert_eq!(x.to_vec::<i64>().expect("integers"), [-7]);

    let x = parse(BOOL_V2).expect("valid");
    assert_eq!(x.to_vec::<bool>().expect("bools"), [true, false, true]);
    let x = parse(HALF_V3).expect("valid");
    assert_eq!(x.to_vec::<f32>().expect("floats"), [0.5, 65504.0, -0.0]);
    let x = parse(EMPTY_UINT16).expect("valid");
    assert_eq!((x.shape().dims(), x.dtype()), (&[0, 3][..], DType::I32));
    let x = parse(INT8).expect("valid");
    assert_eq!(x.to_vec::<i32>().expect("integers"), [-1, 127]);
}

#[test]
fn unusual_but_valid_headers_are_read() {
    for header in [
        "{\"shape\": (2L,), \"fortran_order\": False, \"descr\": '|u1',}  \n",
        "{ 'descr':'=u1','fortran_order':True,'shape':( 1 , 2 , )}",
    ] {
        let x = parse(&file(header, &[5, 6])).expect(header);
        assert_eq!(x.to_vec::<u8>().expect("bytes"), [5, 6]);
    }
}

fn refused(bytes: &[u8]) -> String {
    parse(bytes).expect_err("malformed").to_string()
}

#[test]
fn malformed_preambles_are_named() {
    let good = file(&dict("|u1", "(2,)"), &[5, 6]);
    let with = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        refused(&bytes)
    };
    assert_eq!(with(0, b'P'), "x.npy: npy: does not start with \\x93NUMPY; at byte 0");
    assert_eq!(with(6, 4), "x.npy: npy: version 4.0 is not 1.0, 2.0 or 3.0; at byte 6");
    assert_eq!(with(7, 1), "x.npy: npy: version 1.1 is not 1.0, 2.0 or 3.0; at byte 6");
    let text =
        format!("x.npy: npy: truncated: the file ends in its header; at byte {}", good.len());
    assert_eq!(with(8, 250), text);
    let text = "x.npy: npy: truncated: the file ends in its header; at byte 0";
    assert_eq!(refused(b""), text);
    let long = b"\x93NUMPY\x02\0\xff\xff\xff\xff{}";
    let text = "x.npy: npy: a header of 4294967295 bytes, 1048576 is the limit; at byte 8";
    assert_eq!(refused(long), text);
    let mut bytes = good.clone();
    bytes[13] = 0xff;
    assert_eq!(refused(&bytes), "x.npy: npy: the version 1 header is not text; at byte 13");
}

/// Reads each header with 8 bytes of data and compares the message.
fn check_headers(cases: &[(&str, &str)]) {
    for (header, problem) in cases {
        let text = refused(&file(header, &[0; 8]));
        assert_eq!(text, format!("x.npy: npy: {problem}"), "{header}");
    }
}

#[test]
fn malformed_dicts_are_named() {
    check_headers(&[
        ("", "bad header: expected '{'; at byte 10"),
        ("[]", "bad header: expected '{'; at byte 10"),
        ("{}", "bad header: key 'descr' is missing; at byte 10"),
        (
            "{'descr': '<f4', 'shape': (2,)}",
            "bad header: key 'fortran_order' is missing; at byte 10",
        ),
        (
            "{'descr': '<f4', 'fortran_order': True}",
            "bad header: key 'shape' is missing; at byte 10",
        ),
        ("{'shape': (2,), 'shape': (2,)}", "bad header: key 'shape' is there twice; at byte 26"),
        ("{'shapes': (2,)}", "bad header: unknown key 'shapes'; at byte 11"),
        ("{'shape' (2,)}", "bad header: expected ':'; at byte 19"),
        ("{'shape': (2,) 'descr': '<f4'}", "bad header: expected ','; at byte 25"),
        ("{'shape': (2,)", "bad header: expected ','; at byte 24"),
        ("{'shape", "bad header: a string does not end; at byte 11"),
        ("{'sh\\ape': 1}", "bad header: a string does not end; at byte 11"),
        ("{7: 1}", "bad header: expected a string; at byte 11"),
        ("{'shape': 2}", "bad header: 'shape' is not a tuple; at byte 20"),
        ("{'shape': (2)}", "bad header: 'shape' is not a tuple; at byte 20"),
        ("{'shape': [2]}", "bad header: 'shape' is not a tuple; at byte 20"),
        ("{'shape': (2.5,)}", "bad header: a size in 'shape' is not an integer; at byte 21"),
        ("{'shape': (True,)}", "bad header: a size in 'shape' is not an integer; at byte 21"),
        ("{'shape': (1_0,)}", "bad header: expected ','; at byte 22"),
        ("{'shape': (2 3)}", "bad header: expected ','; at byte 23"),
        ("{'shape': (,)}", "bad header: a size in 'shape' is not an integer; at byte 21"),
        ("{'shape': (2,", "bad header: a size in 'shape' is not an integer; at byte 23"),
        (
            "{'fortran_order': 0}",
            "bad header: 'fortran_order' is neither True nor False; at byte 28",
        ),
        (
            "{'fortran_order': Falsehood}",
            "bad header: 'fortran_order' is neither True nor False; at byte 28",
        ),
        ("{'descr': 4}", "bad header: 'descr' is not a string; at byte 20"),
        (
            "{'descr': [('a', '<i4')]}",
            "bad header: 'descr' is a record type; only plain numbers are read; at byte 20",
        ),
    ]);
}

#[test]
fn impossible_shapes_and_types_are_named() {
    check_headers(&[
        (
            &format!("{} x", dict("<f4", "(2,)")),
            "bad header: something follows the dict; at byte 66",
        ),
        (&dict("<f4", "(-1,)"), "shape has a negative size -1; at byte 10"),
        (
            &dict("<f4", "(36893488147419103232,)"),
            "shape has a size 36893488147419103232 beyond the address space; at byte 10",
        ),
        (
            &dict("<f4", "(9223372036854775807, 2)"),
            "shape [9223372036854775807, 2] overflows the address space; at byte 10",
        ),
        (
            &dict("<f4", "(0, 9223372036854775807, 2)"),
            "shape [0, 9223372036854775807, 2] overflows the address space; at byte 10",
        ),
        (
            &dict("<f4", &format!("({})", "1, ".repeat(65))),
            "65 dimensions, 64 is the limit; at byte 10",
        ),
        (&dict("f4", "(2,)"), "'f4' is not an element type; at byte 10"),
        (&dict("", "(2,)"), "'' is not an element type; at byte 10"),
        (&dict("<x4", "(2,)"), "'<x4' is not an element type; at byte 10"),
        (&dict("é4", "(2,)"), "'é4' is not an element type; at byte 10"),
        (&dict("|f4", "(2,)"), "'|f4' has the byte order '|', expected '<' or '>'; at byte 10"),
        (&dict("?f4", "(2,)"), "'?f4' has the byte order '?', expected '<' or '>'; at byte 10"),
    ]);
}

#[test]
fn data_must_fill_the_shape_exactly() {
    let header = dict("<f4", "(2, 3)");
    for got in [0, 23, 25, 100] {
        let error = parse(&file(&header, &vec![0; got])).expect_err("wrong length");
        let text = format!(
            "x.npy: npy: shape [2, 3] of '<f4' needs 24 bytes of data, the file has {got}; \
             at byte {}",
            10 + header.len()
        );
        assert_eq!(error.to_string(), text);
        assert!(matches!(error.kind(), Kind::Format { format: "npy", offset: Some(_), .. }));
    }
    // A petabyte is refused without being asked for.
    let text = refused(&file(&dict("<f8", "(1000000, 125000000)"), &[]));
    assert!(text.contains("needs 1000000000000000 bytes of data, the file has 0"), "{text}");
}

#[test]
fn values_that_do_not_fit_are_named() {
    let mut bytes = file(&dict("<i8", "(2,)"), &1i64.to_le_bytes());
    bytes.extend_from_slice(&2_147_483_648i64.to_le_bytes());
    let text = "value 2147483648 at position 1 does not fit int32; in x.npy";
    assert_eq!(refused(&bytes), text);
    let bytes = file(&dict("|b1", "(3,)"), &[0, 1, 2]);
    let text = "x.npy: npy: byte 2 is not a bool: only 0 and 1 are; at byte 67";
    assert_eq!(refused(&bytes), text);
    for descr in ["<c8", "<u8", "<M8[D]", "<U3", "|O", "|S5", "<f16"] {
        let error = parse(&file(&dict(descr, "(1,)"), &[0; 16])).expect_err("no such dtype");
        let text =
            format!("read_npy: element type '{descr}' is not supported in an npy file; in x.npy");
        assert_eq!(error.to_string(), text);
        assert!(matches!(error.kind(), Kind::Unsupported { .. }));
    }
}

#[test]
fn damaged_files_never_panic() {
    for good in [FLOAT32, FORTRAN_BIG_ENDIAN, SCALAR_INT64, BOOL_V2, HALF_V3, EMPTY_UINT16, INT8] {
        for end in 0..good.len() {
            let error = parse(&good[..end]).expect_err("cut short");
            assert!(matches!(error.kind(), Kind::Format { .. }), "{error}");
        }
        let mut bytes = good.to_vec();
        for at in 0..bytes.len() {
            for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
                bytes[at] ^= flip;
                if let Ok(array) = parse(&bytes) {
                    assert_eq!(
                        array.to_bytes().expect("cpu").len(),
                        array.shape().numel() * array.dtype().size()
                    );
                }
                bytes[at] ^= flip;
            }
        }
    }
}

#[test]
fn missing_files_and_directories_are_io_errors() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("absent").join("x.npy");
    let x = Array::from_vec(vec![1.0f32], [1]).expect("valid");
    assert!(matches!(read_npy(&path).expect_err("absent").kind(), Kind::Io { .. }));
    let error = write_npy(&path, &x).expect_err("absent");
    assert!(matches!(error.kind(), Kind::Io { .. }));
    assert!(error.to_string().starts_with(&path.display().to_string()), "{error}");
}

#[test]
fn an_absurd_rank_is_written_as_version_2() {
    let x = Array::from_vec(vec![1u8], vec![1; 30_000]).expect("valid");
    let bytes = npy_to_bytes(&x).expect("cpu");
    assert_eq!(bytes[6..8], [2, 0]);
    assert!(refused(&bytes).contains("30000 dimensions, 64 is the limit"));
}

/// An array of any type and a small shape, seen as it is, transposed or reversed.
fn any_array() -> impl Strategy<Value = Array> {
    let dtypes = [DType::Bool, DType::U8, DType::U32, DType::I32, DType::F32, DType::F64];
    let parts = (proptest::collection::vec(0usize..4, 0..5), 0..dtypes.len(), 0..3, any::<u64>());
    parts.prop_map(move |(shape, dtype, view, seed)| {
        let dtype = dtypes[dtype];
        let n = shape.iter().product::<usize>() * dtype.size();
        let mut state = seed | 1;
        let bytes: Vec<u8> = (0..n)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let byte = (state >> 56) as u8;
                if dtype == DType::Bool { byte & 1 } else { byte }
            })
            .collect();
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
    fn round_trips_keep_every_bit(array in any_array()) {
        let back = parse(&npy_to_bytes(&array).expect("cpu")).expect("valid");
        prop_assert_eq!(back.shape(), array.shape());
        prop_assert_eq!(back.dtype(), array.dtype());
        prop_assert_eq!(little_endian(&back).expect("cpu"), little_endian(&array).expect("cpu"));
        // Column-major data of the reversed shape is the same array transposed.
        let sizes: Vec<String> = array.shape().iter().rev().map(|n| format!("{n},")).collect();
        let header = header_of(&array).expect("a known type");
        let header = String::from_utf8(header[10..].to_vec()).expect("text");
        let (before, _) = header.split_once("False").expect("C order");
        let header = format!("{before}True, 'shape': ({})}}", sizes.concat());
        let bytes = file(&header, &little_endian(&array).expect("cpu"));
        let order: Vec<usize> = (0..array.shape().rank()).rev().collect();
        let expected = array.with_layout(array.layout().permute(&order));
        let back = parse(&bytes).expect("valid");
        prop_assert_eq!(back.shape(), expected.shape());
        let (back, expected) = (little_endian(&back), little_endian(&expected));
        prop_assert_eq!(back.expect("cpu"), expected.expect("cpu"));
    }

    #[test]
    fn any_bytes_after_the_magic_give_an_answer(
        tail in proptest::collection::vec(any::<u8>(), 0..80),
    ) {
        let mut bytes = b"\x93NUMPY\x01\0\x40\0{'descr': '<f4', 'shape':".to_vec();
        bytes.extend_from_slice(&tail);
        let _ = parse(&bytes);
    }
}

#[test]
fn files_round_trip_on_disk() {
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("x.npy");
    let x = Array::from_vec(vec![1.0f64, 2.0, 3.0], [3, 1]).expect("valid");
    write_npy(&path, &x).expect("written");
    assert_eq!(read_npy(&path).expect("valid").to_vec::<f64>().expect("doubles"), [1.0, 2.0, 3.0]);
}
