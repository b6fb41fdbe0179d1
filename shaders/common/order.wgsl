// Words of the same order as the elements whose bits they are made from, so that comparisons are
// exact and need not know what NaN is.

const ORDER_FLOAT: u32 = 0u;
const ORDER_INT: u32 = 1u;
const ORDER_UINT: u32 = 2u;

// NaN is larger than everything, -0 equals 0.
fn order_key(bits: u32, kind: u32) -> u32 {
    if (kind == ORDER_UINT) {
        return bits;
    }
    if (kind == ORDER_INT) {
        return bits ^ 0x80000000u;
    }
    if ((bits & 0x7fffffffu) > 0x7f800000u) {
        return 0xffffffffu;
    }
    if (bits == 0x80000000u) {
        return 0x80000000u;
    }
    // The bits of negative numbers rise where the numbers fall.
    return select(bits | 0x80000000u, ~bits, bits >= 0x80000000u);
}
