//! Printing compared with `torch.txt`: what PyTorch 2.15 printed for the same values, `torch.`
//! taken out.

use super::*;
use crate::dtype::Element;

fn array<T: Element>(values: &[T], shape: &[usize]) -> Array {
    Array::from_slice(values, shape).expect("the values fill the shape")
}

fn f(values: &[f32], shape: &[usize]) -> Array {
    array(values, shape)
}

fn d(values: &[f64], shape: &[usize]) -> Array {
    array(values, shape)
}

fn b(values: &[bool], shape: &[usize]) -> Array {
    array(values, shape)
}

fn i(values: &[i32], shape: &[usize]) -> Array {
    array(values, shape)
}

fn u(values: &[u8], shape: &[usize]) -> Array {
    array(values, shape)
}

fn range(n: usize, shape: &[usize]) -> Array {
    f(&(0..n).map(|i| i as f32).collect::<Vec<f32>>(), shape)
}

/// The arrays of `torch.txt`, in its order.
fn arrays() -> Vec<(&'static str, Array)> {
    vec![
        ("a row", f(&[3.15159, -2.0, 0.5], &[3])),
        ("whole", f(&[1.0, 2.0, 3.0, 4.0], &[2, 2])),
        ("signs", f(&[1.0, 2.5, -3.0, 4.0], &[2, 2])),
        ("scalar", f(&[3.5], &[])),
        ("whole scalar", f(&[-7.0], &[])),
        ("zeros", f(&[0.0, -0.0, 0.0], &[3])),
        ("nan with zero", f(&[f32::NAN, 0.0, f32::INFINITY], &[3])),
        ("inf in whole", f(&[f32::NEG_INFINITY, 12.0, f32::NAN, f32::INFINITY], &[4])),
        ("nan in fixed", f(&[f32::NAN, 1.5, f32::NEG_INFINITY], &[3])),
        ("nan in scientific", f(&[f32::NAN, 1.5e-7, f32::NEG_INFINITY, 0.0], &[4])),
        ("ratio above 1000", f(&[1.0, 1001.5], &[2])),
        ("ratio of 1000", f(&[1.0, 1000.0], &[2])),
        ("whole, ratio above 1000", f(&[1.0, 123456.0], &[2])),
        ("limit 1e8", f(&[1e8], &[1])),
        ("above 1e8", f(&[1.1e8, -2e8], &[2])),
        ("below 1e-4", f(&[0.0001], &[1])),
        ("three digit exponent", d(&[1e-300, -1e300], &[2])),
        ("ties", f(&[0.03125, 0.09375, 0.5], &[3])),
        ("scientific ties", d(&[100005.0, 100015.0, 1.0], &[3])),
        ("double", d(&[0.1, 0.25], &[2, 1])),
        ("rounds to minus zero", f(&[-0.0004, 0.1], &[2])),
        ("30 whole wrap", range(30, &[30])),
        ("fixed wrap", f(&[0.5; 25], &[25])),
        ("nan wrap", f(&[f32::NAN; 40], &[40])),
        ("rank 3", range(12, &[2, 2, 3])),
        ("rank 4", range(8, &[2, 1, 2, 2])),
        ("wrap inside a matrix", range(60, &[2, 30])),
        ("1001 cut", range(1001, &[1001])),
        ("matrix cut", range(5000, &[50, 100])),
        ("only rows cut", range(2000, &[500, 4])),
        ("rank 3 cut", range(1400, &[7, 2, 100])),
        ("not cut below seven", range(1536, &[6, 256])),
        ("a column", range(3, &[3, 1])),
        ("bools", b(&[true, false, true], &[3])),
        ("bool matrix", b(&[true, true], &[2, 1])),
        ("bool scalar", b(&[false], &[])),
        ("empty", f(&[], &[0])),
        ("empty matrix", f(&[], &[0, 3])),
        ("empty bool", b(&[], &[2, 0])),
        ("empty double", d(&[], &[0])),
        ("note on a new line", d(&[0.5; 9], &[9])),
        ("int", i(&[1, -20, 300], &[3])),
        ("int scalar", i(&[5], &[])),
        ("int matrix", i(&[1, -20, 300, 4], &[2, 2])),
        ("bytes", u(&[0, 255, 7], &[3, 1])),
    ]
}

#[test]
fn prints_as_pytorch() {
    let golden = include_str!("torch.txt");
    let mut sections = golden.strip_prefix("# ").expect("a first title").split("\n# ");
    for (name, array) in arrays() {
        let (title, text) = sections.next().and_then(|s| s.split_once('\n')).expect("a section");
        assert_eq!(title, name);
        assert_eq!(array.to_string(), text.trim_end(), "{name}");
        assert_eq!(format!("{array:?}"), text.trim_end(), "{name}");
    }
    assert_eq!(sections.next(), None);
}

#[test]
fn views_print_the_elements_they_show() {
    let x = range(6, &[2, 3]);
    let x = x.with_layout(x.layout().permute(&[1, 0]).slice(0, 2, 3, -1));
    let text = "tensor([[2., 5.],\n        [1., 4.],\n        [0., 3.]])";
    assert_eq!(x.to_string(), text);
    let row = f(&[0.5], &[1]);
    let row = row.with_layout(row.layout().expand("expand", &[2, 2].into()).expect("a view"));
    assert_eq!(row.to_string(), "tensor([[0.5000, 0.5000],\n        [0.5000, 0.5000]])");
    let cut = range(3000, &[3000]);
    let cut = cut.with_layout(cut.layout().slice(0, 1, 1500, 2));
    let text = "tensor([1.0000e+00, 3.0000e+00, 5.0000e+00,  ..., 2.9950e+03, 2.9970e+03,\n        \
                2.9990e+03])";
    assert_eq!(cut.to_string(), text);
}
