//! Uploads and read-backs of every alignment.

use super::super::*;
use super::support::default;
use crate::device::{AdapterKind, Device};
use crate::error::Kind;
use crate::{Array, DType};

#[test]
fn bytes_of_any_length_and_offset_come_back() {
    let Some(gpu) = default() else { return };
    let bytes: Vec<u8> = (0..1031u32).map(|i| (i * 7 % 251) as u8).collect();
    for len in [0, 1, 2, 3, 4, 5, 7, 255, 256, 257, 1031] {
        let buffer = gpu.upload_bytes(&bytes[..len]).expect("memory");
        for start in [0, 1, 2, 3, 4, 5, 254].into_iter().filter(|&start| start <= len) {
            for count in [0, 1, 3, 4, len - start].into_iter().filter(|c| start + c <= len) {
                let got = gpu.read(&buffer, start, count).expect("read");
                assert_eq!(got, bytes[start..start + count], "{count} at {start} of {len}");
                let got = pollster::block_on(gpu.read_async(&buffer, start, count));
                assert_eq!(got.expect("read"), bytes[start..start + count]);
            }
        }
    }
}

#[test]
fn a_transfer_larger_than_a_chunk_comes_back() {
    let Some(gpu) = default() else { return };
    let bytes: Vec<u8> = (0..(33 << 20) + 5u32).map(|i| (i % 253) as u8).collect();
    let buffer = gpu.upload_bytes(&bytes).expect("memory");
    let got = gpu.read(&buffer, 3, bytes.len() - 3).expect("read");
    assert!(got == bytes[3..], "values differ");
}

#[test]
fn arrays_go_there_and_back_views_included() {
    let Some(gpu) = default() else { return };
    let device = Device::from_gpu(gpu.clone());
    let host = Array::from_vec((0..24).collect::<Vec<i32>>(), [2, 3, 4]).expect("fits");
    let there = host.to(&device).expect("upload");
    assert_eq!((there.device(), there.dtype()), (device.clone(), DType::I32));
    assert_eq!(there.to_vec::<i32>().expect("read"), (0..24).collect::<Vec<_>>());
    let row = host.narrow(2, 1, 2).expect("view").narrow(0, 1, 1).expect("view");
    let expected = row.to_vec::<i32>().expect("host");
    assert_eq!(row.to(&device).expect("upload").to_vec::<i32>().expect("read"), expected);
    let there = there.narrow(2, 1, 2).expect("view").narrow(0, 1, 1).expect("view");
    assert_eq!(there.to_vec::<i32>().expect("read"), expected);
    let read = pollster::block_on(there.to_vec_async::<i32>());
    assert_eq!(read.expect("read"), expected);
    let flags = Array::from_vec(vec![true, false, true], [3]).expect("fits");
    let back = flags.to(&device).expect("upload").narrow(0, 1, 2).expect("view");
    assert_eq!(back.to_vec::<bool>().expect("read"), [false, true]);
    let none = Array::from_vec(Vec::<f32>::new(), [0, 3]).expect("fits");
    assert!(none.to(&device).expect("upload").to_vec::<f32>().expect("read").is_empty());
}

#[test]
fn what_a_gpu_cannot_hold_or_read_is_an_error() {
    let Some(gpu) = default() else { return };
    let doubles = Array::from_vec(vec![1.0f64], [1]).expect("fits");
    let error = gpu.upload(&doubles).map(|_| ()).expect_err("no float64");
    let message = "to: float64 is not supported on a GPU; cast to float32 first";
    assert_eq!(error.to_string(), message);
    let buffer = gpu.alloc(16).expect("memory");
    for (offset, len) in [(0, buffer.size() as usize + 1), (usize::MAX, 2), (300, 1)] {
        let error = gpu.read(&buffer, offset, len).expect_err("outside");
        assert!(matches!(error.kind(), Kind::Argument { .. }), "{error}");
    }
}

#[test]
fn adapters_are_listed_hardware_first_and_named_in_errors() {
    let Some(gpu) = default() else { return };
    let all = Gpu::adapters();
    let software = |info: &crate::AdapterInfo| info.kind == AdapterKind::Software;
    assert!(all.is_sorted_by_key(software));
    assert_eq!(gpu.info(), &all[0]);
    assert_eq!(gpu.profile().software, software(gpu.info()));
    let name = gpu.info().name.clone();
    let options = |part: &str| GpuOptions { adapter: Some(part.into()), ..Default::default() };
    let picked = Gpu::open(&options(&name.to_uppercase())).expect("any case");
    assert_eq!(picked.info().name, name);
    let error = Gpu::open(&options("no such card")).expect_err("no such card");
    let message = error.to_string();
    assert!(message.contains("no such card") && message.contains(&name), "{message}");
}

#[test]
fn counters_count_transfers() {
    let Some(gpu) = default() else { return };
    let buffer = gpu.upload_bytes(&[7; 10]).expect("memory");
    gpu.read(&buffer, 2, 5).expect("read");
    let stats = gpu.stats();
    assert_eq!((stats.upload_bytes, stats.read_bytes), (10, 5));
    assert_eq!((stats.submits, stats.copies, stats.dispatches), (1, 1, 0));
}
