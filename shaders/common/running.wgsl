// The combining functions of scans, on words.
const SCAN_INT: u32 = 1u;
const SCAN_PRODUCT: u32 = 1u;

// a + b or a * b, of floats or of integers of either sign.
fn scan_combine(a: u32, b: u32, kind: u32, op: u32) -> u32 {
    if (kind == SCAN_INT) {
        return select(a + b, a * b, op == SCAN_PRODUCT);
    }
    let x = bitcast<f32>(a);
    let y = bitcast<f32>(b);
    return bitcast<u32>(select(x + y, x * y, op == SCAN_PRODUCT));
}
