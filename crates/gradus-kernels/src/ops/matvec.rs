//! Products of a vector on the CPU: batch-1 networks live here, and packing panels for a matrix
//! product would cost more than the product.

use gradus_cpu::has_avx2;

use super::matmul::MatmulGeometry;

/// Accumulators of a dot product, so that additions overlap.
const LANES: usize = 32;
/// Products above which the packed, threaded matrix product wins over reading b once.
const LARGE: usize = 1 << 20;

macro_rules! vector_products {
    ($name:ident, $t:ident, $fast:ident, $body:ident, $dot:ident, $axpy:ident) => {
        /// Computes `c` if this is a product with a single row, column or inner element.
        ///
        /// # Safety
        /// The pointers must lead to memory that covers the geometry.
        pub(super) unsafe fn $name(
            g: &MatmulGeometry,
            a: *const $t,
            b: *const $t,
            c: *mut $t,
        ) -> bool {
            if (g.m > 1 && g.n > 1 && g.k > 1) || g.m * g.n * g.k > LARGE {
                return false;
            }
            // SAFETY: promised by the caller; the processor has AVX2 where `fast` runs.
            unsafe { if has_avx2() { $fast(g, a, b, c) } else { $body(g, a, b, c) } }
        }

        #[cfg_attr(target_arch = "x86_64", target_feature(enable = "avx2"))]
        unsafe fn $fast(g: &MatmulGeometry, a: *const $t, b: *const $t, c: *mut $t) -> bool {
            // SAFETY: forwarded.
            unsafe { $body(g, a, b, c) }
        }

        #[inline(always)]
        unsafe fn $body(g: &MatmulGeometry, a: *const $t, b: *const $t, c: *mut $t) -> bool {
            let ([_, _, a_row, a_col], [_, _, b_row, b_col]) = (g.a, g.b);
            // SAFETY: all positions lie inside the geometry, which the caller vouches for.
            unsafe {
                if g.k > 1 && a_col == 1 && b_row == 1 {
                    for i in 0..g.m {
                        let x = std::slice::from_raw_parts(a.offset(i as isize * a_row), g.k);
                        for j in 0..g.n {
                            let y = std::slice::from_raw_parts(b.offset(j as isize * b_col), g.k);
                            *c.add(i * g.n + j) = $dot(x, y);
                        }
                    }
                    return true;
                }
                if g.n == 1 && a_row == 1 {
                    let out = std::slice::from_raw_parts_mut(c, g.m);
                    out.fill(0.0);
                    for k in 0..g.k as isize {
                        let from = std::slice::from_raw_parts(a.offset(k * a_col), g.m);
                        $axpy(*b.offset(k * b_row), from, out);
                    }
                    return true;
                }
                if b_col == 1 && g.n > 1 {
                    for i in 0..g.m {
                        let out = std::slice::from_raw_parts_mut(c.add(i * g.n), g.n);
                        out.fill(0.0);
                        for k in 0..g.k {
                            let x = *a.offset(i as isize * a_row + k as isize * a_col);
                            let from = b.offset(k as isize * b_row);
                            $axpy(x, std::slice::from_raw_parts(from, g.n), out);
                        }
                    }
                    return true;
                }
            }
            false
        }

        #[inline(always)]
        fn $dot(x: &[$t], y: &[$t]) -> $t {
            let mut lanes = [0.0; LANES];
            let (mut xs, mut ys) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
            for (x, y) in (&mut xs).zip(&mut ys) {
                for i in 0..LANES {
                    lanes[i] += x[i] * y[i];
                }
            }
            for (lane, (x, y)) in lanes.iter_mut().zip(xs.remainder().iter().zip(ys.remainder())) {
                *lane += x * y;
            }
            let mut width = LANES;
            while width > 1 {
                width /= 2;
                for i in 0..width {
                    lanes[i] += lanes[i + width];
                }
            }
            lanes[0]
        }

        #[inline(always)]
        fn $axpy(x: $t, from: &[$t], to: &mut [$t]) {
            for (to, from) in to.iter_mut().zip(from) {
                *to += x * from;
            }
        }
    };
}

vector_products!(product_f32, f32, fast_f32, body_f32, dot_f32, axpy_f32);
vector_products!(product_f64, f64, fast_f64, body_f64, dot_f64, axpy_f64);
