//! Tests of `.npz`: round trips, archives that NumPy wrote, every way for one to be wrong.

use proptest::prelude::*;

use super::*;

// Written by NumPy 2.4: `savez_compressed(w=arange(6.).reshape(2, 3), labels=[1, 2])` with float32
// and int64, and `savez([2.5])`.
const COMPRESSED: &[u8] =
    b"PK\x03\x04-\0\0\0\x08\0\0\0!\0O\xe9\0*\xff\xff\xff\xff\xff\xff\xff\xff\x05\0\x14\0w.npy\x01\
    \0\x10\0\x98\0\0\0\0\0\0\0U\0\0\0\0\0\0\0\x9b\xec\x17\xea\x1b\x10\xc9\xc8P\xc6P\xad\x9e\x92Z\
    \x9c\\\xa4n\xa5\xa0n\x93f\xa2\xae\xa3\xa0\x9e\x96_TR\x94\x98\x17\x9f_\x94\x92\n\x12wK\xcc)N\
    \x05\x8a\x17g$\x16\xa4\x02\xf9\x1aF:\n\xc6\x9a:\n\xb5\nd\x03.\x060h\xb0\x07\x12\x0e@\x04\xc4\
    \x0d@\xbc\xc0\x01\0PK\x03\x04-\0\0\0\x08\0\0\0!\0\x0c\xfc\x1c\xe9\xff\xff\xff\xff\xff\xff\xff\
    \xff\n\0\x14\0labels.npy\x01\0\x10\0\x90\0\0\0\0\0\0\0J\0\0\0\0\0\0\0\x9b\xec\x17\xea\x1b\x10\
    \xc9\xc8P\xc6P\xad\x9e\x92Z\x9c\\\xa4n\xa5\xa0n\x93i\xa1\xae\xa3\xa0\x9e\x96_TR\x94\x98\x17\
    \x9f_\x94\x92\n\x12wK\xcc)N\x05\x8a\x17g$\x16\xa4\x02\xf9\x1aF:\x9a:\n\xb5\n\x14\0.F\x06\x08`\
    \x82\xd2\0PK\x01\x02-\x03-\0\0\0\x08\0\0\0!\0O\xe9\0*U\0\0\0\x98\0\0\0\x05\0\0\0\0\0\0\0\0\0\0\
    \0\x80\x01\0\0\0\0w.npyPK\x01\x02-\x03-\0\0\0\x08\0\0\0!\0\x0c\xfc\x1c\xe9J\0\0\0\x90\0\0\0\n\
    \0\0\0\0\0\0\0\0\0\0\0\x80\x01\x8c\0\0\0labels.npyPK\x05\x06\0\0\0\0\x02\0\x02\0k\0\0\0\x12\
    \x01\0\0\0\0";
const STORED: &[u8] =
    b"PK\x03\x04-\0\0\0\0\0\0\0!\0\xaf\x9f\xb1g\xff\xff\xff\xff\xff\xff\xff\xff\x09\0\x14\0arr_0.n\
    py\x01\0\x10\0\x88\0\0\0\0\0\0\0\x88\0\0\0\0\0\0\0\x93NUMPY\x01\0v\0{'descr': '<f8', 'fortran_\
    order': False, 'shape': (1,), }                                                            \n\
    \0\0\0\0\0\0\x04@PK\x01\x02-\x03-\0\0\0\0\0\0\0!\0\xaf\x9f\xb1g\x88\0\0\0\x88\0\0\0\x09\0\0\0\
    \0\0\0\0\0\0\0\0\x80\x01\0\0\0\0arr_0.npyPK\x05\x06\0\0\0\0\x01\0\x01\x007\0\0\0\xc3\0\0\0\0\0";

fn parse(bytes: &[u8]) -> Result<BTreeMap<String, Array>> {
    npz_from_bytes("x.npz", bytes)
}

fn refused(bytes: &[u8]) -> String {
    parse(bytes).expect_err("malformed").to_string()
}

/// An archive of members as given.
fn archive(members: &[(&str, &[u8])], method: CompressionMethod) -> Vec<u8> {
    let mut out = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default().compression_method(method);
        out.start_file(*name, options).expect("a free name");
        out.write_all(bytes).expect("memory");
    }
    out.finish().expect("memory").into_inner()
}

fn ones(n: usize) -> Array {
    Array::from_vec(vec![1.0f32; n], [n]).expect("filled")
}

#[test]
fn archives_of_numpy_are_read() {
    let arrays = parse(COMPRESSED).expect("valid");
    assert_eq!(arrays.keys().collect::<Vec<_>>(), ["labels", "w"]);
    assert_eq!(arrays["w"].shape().dims(), [2, 3]);
    let w = arrays["w"].to_vec::<f32>().expect("floats");
    assert_eq!(w, [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    assert_eq!(arrays["labels"].to_vec::<i32>().expect("integers"), [1, 2]);
    let arrays = parse(STORED).expect("valid");
    assert_eq!(arrays["arr_0"].to_vec::<f64>().expect("doubles"), [2.5]);
}

#[test]
fn broken_archives_are_named() {
    for bytes in [b"".as_slice(), b"PK\x03\x04", b"not a zip archive at all"] {
        let error = parse(bytes).expect_err("no archive");
        assert!(matches!(error.kind(), Kind::Format { format: "npz", .. }), "{error}");
        assert!(error.to_string().starts_with("x.npz: npz: bad zip archive: "), "{error}");
    }
    let text = refused(&archive(&[("notes.txt", b"hello")], CompressionMethod::Stored));
    assert_eq!(text, "x.npz: npz: member `notes.txt` is not a .npy file");
    let text = refused(&archive(&[("w.npy", b"hello")], CompressionMethod::Stored));
    assert_eq!(text, "x.npz: npy: does not start with \\x93NUMPY; at byte 0; in member `w.npy`");
}

#[test]
fn members_must_be_as_long_as_their_header_says() {
    let good = npy_to_bytes(&ones(100)).expect("cpu");
    for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
        for (bytes, got) in [(&good[..good.len() - 4], 396), (&[&good[..], b"more"].concat(), 404)]
        {
            let text = refused(&archive(&[("w.npy", bytes)], method));
            let expected = format!(
                "x.npz: npy: shape [100] of '<f4' needs 400 bytes of data, the file has {got}; \
                 at byte 128; in member `w.npy`"
            );
            assert_eq!(text, expected);
        }
    }
}

/// Where `needle` is, `nth` from the start.
fn find(bytes: &[u8], needle: &[u8], nth: usize) -> usize {
    let mut hits = (0..bytes.len()).filter(|&at| bytes[at..].starts_with(needle));
    hits.nth(nth).expect("present")
}

#[test]
fn a_declared_size_beyond_what_deflate_can_do_is_refused() {
    let zeros = npy_to_bytes(&ones(10)).expect("cpu");
    let mut bytes = archive(&[("w.npy", &zeros)], CompressionMethod::Deflated);
    // The central directory's record: the size before compression stands at 24.
    let record = find(&bytes, b"PK\x01\x02", 0);
    bytes[record + 24..record + 28].copy_from_slice(&0x7fff_ffffu32.to_le_bytes());
    let text = refused(&bytes);
    assert!(
        text.contains("bytes cannot unfold to the 2147483647 declared; in member `w.npy`"),
        "{text}"
    );
}

#[test]
fn zeros_that_the_header_does_not_ask_for_are_not_unfolded() {
    // 64 MB of zeros behind a header of one element pack into 64 kB.
    let mut bomb = npy_to_bytes(&ones(1)).expect("cpu");
    bomb.resize(64 << 20, 0);
    let text = refused(&archive(&[("w.npy", &bomb)], CompressionMethod::Deflated));
    assert!(text.contains("needs 4 bytes of data, the file has 67108736"), "{text}");
}

#[test]
fn members_that_share_bytes_are_refused() {
    let good = npy_to_bytes(&ones(1)).expect("cpu");
    let mut bytes = archive(&[("a.npy", &good), ("b.npy", &good)], CompressionMethod::Stored);
    // The second record of the directory points at the first member.
    let record = find(&bytes, b"PK\x01\x02", 1);
    bytes[record + 42..record + 46].copy_from_slice(&[0; 4]);
    let text = refused(&bytes);
    assert_eq!(text, "x.npz: npz: members overlap");
}

#[test]
fn a_name_that_is_there_twice_is_refused() {
    let good = npy_to_bytes(&ones(1)).expect("cpu");
    let mut bytes = archive(&[("a.npy", &good), ("b.npy", &good)], CompressionMethod::Stored);
    // In the member's own record and in the directory.
    for _ in 0..2 {
        let at = find(&bytes, b"b.npy", 0);
        bytes[at] = b'a';
    }
    assert_eq!(refused(&bytes), "x.npz: npz: two members have the same name");
}

#[test]
fn flipped_data_fails_its_checksum() {
    let good = npy_to_bytes(&ones(4)).expect("cpu");
    let mut bytes = archive(&[("a.npy", &good)], CompressionMethod::Stored);
    let data = find(&bytes, &1.0f32.to_le_bytes(), 0);
    bytes[data] ^= 1;
    let text = refused(&bytes);
    assert!(text.starts_with("x.npz: npz: the data is damaged: "), "{text}");
    assert!(text.ends_with("; in member `a.npy`"), "{text}");
}

#[test]
fn encryption_and_other_compressions_are_unsupported() {
    let good = npy_to_bytes(&ones(1)).expect("cpu");
    let bytes = archive(&[("a.npy", &good)], CompressionMethod::Stored);
    let record = find(&bytes, b"PK\x01\x02", 0);
    let mut encrypted = bytes.clone();
    encrypted[record + 8] |= 1;
    encrypted[6] |= 1;
    let mut method = bytes.clone();
    method[record + 10] = 14;
    method[8] = 14;
    for bytes in [encrypted, method] {
        let error = parse(&bytes).expect_err("unsupported");
        assert!(matches!(error.kind(), Kind::Unsupported { .. }), "{error}");
        assert!(
            error.to_string().contains("in an npz file; in x.npz; in member `a.npy`"),
            "{error}"
        );
    }
}

#[test]
fn damaged_archives_never_panic() {
    for good in [COMPRESSED, STORED] {
        for end in 0..good.len() {
            assert!(parse(&good[..end]).is_err(), "cut at {end}");
        }
        let mut bytes = good.to_vec();
        for at in 0..bytes.len() {
            for flip in (0..8).map(|bit| 1 << bit).chain([0xff]) {
                bytes[at] ^= flip;
                if let Ok(arrays) = parse(&bytes) {
                    assert!(arrays.len() <= 2);
                }
                bytes[at] ^= flip;
            }
        }
    }
}

#[test]
fn equal_arrays_make_equal_files() {
    let arrays = BTreeMap::from([("b".to_owned(), ones(2)), ("a/c".to_owned(), ones(3))]);
    let bytes = npz_to_bytes(&arrays).expect("cpu");
    assert_eq!(bytes, npz_to_bytes(&arrays).expect("cpu"));
    let dir = tempfile::tempdir().expect("directory");
    let path = dir.path().join("x.npz");
    write_npz(&path, &arrays).expect("written");
    assert_eq!(read_file(&path).expect("read"), bytes);
    assert_eq!(read_npz(&path).expect("valid").keys().collect::<Vec<_>>(), ["a/c", "b"]);
    let missing = dir.path().join("absent").join("x.npz");
    assert!(matches!(write_npz(&missing, &arrays).expect_err("absent").kind(), Kind::Io { .. }));
    assert!(matches!(read_npz(&missing).expect_err("absent").kind(), Kind::Io { .. }));
}

proptest! {
    #[test]
    fn round_trips_keep_names_and_values(
        shapes in proptest::collection::btree_map("[a-z./é ]{0,12}", (0usize..4, 0usize..4), 0..4),
        deflate in any::<bool>(),
    ) {
        let mut arrays = BTreeMap::new();
        for (name, (rows, columns)) in shapes {
            let values: Vec<i32> = (0..rows * columns).map(|i| i as i32 - 3).collect();
            arrays.insert(name, Array::from_vec(values, [rows, columns]).expect("filled"));
        }
        let bytes = if deflate {
            let members: Vec<(String, Vec<u8>)> = arrays
                .iter()
                .map(|(name, array)| (format!("{name}.npy"), npy_to_bytes(array).expect("cpu")))
                .collect();
            let members: Vec<(&str, &[u8])> =
                members.iter().map(|(name, bytes)| (&name[..], &bytes[..])).collect();
            archive(&members, CompressionMethod::Deflated)
        } else {
            npz_to_bytes(&arrays).expect("cpu")
        };
        let back = parse(&bytes).expect("valid");
        prop_assert!(back.keys().eq(arrays.keys()));
        for (name, array) in &arrays {
            prop_assert_eq!(back[name].shape(), array.shape());
            prop_assert_eq!(
                back[name].to_vec::<i32>().expect("integers"),
                array.to_vec::<i32>().expect("integers")
            );
        }
    }
}
