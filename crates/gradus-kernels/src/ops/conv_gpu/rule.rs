//! Which kernel computes a convolution: a written rule over its geometry and the device.

use gradus_tensor::gpu::Profile;

use super::super::conv::{ConvMap, ConvOp};
use super::super::matmul::MatmulGeometry;
use super::super::matmul_gpu::{Choice, Variant, choose_walked, pieces};
use super::geometry;

/// Invocations of a workgroup whose invocations work alone.
pub(super) const SERIAL_SIZE: u32 = 64;
/// Invocations of a workgroup that shares its results.
pub(super) const GROUP_SIZE: u32 = 256;
/// Rows of a product from which on a tile pays.
const ROWS: usize = 4;
/// Weights of one tap and group from which on a tile pays.
const WEIGHTS: usize = 8;
/// Terms from which on a workgroup shares its results if there are few of them.
const LONG: usize = 512;
/// Multiplications, most of them with zero, from which on the phases of a stride are worth two
/// launches each; on hardware and on a processor.
const PHASED: [usize; 2] = [1 << 28, 1 << 21];
/// Invocations that keep a device busy.
const MANY: usize = 16_384;

/// A kernel and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Four results for each invocation.
    Direct(Direct),
    /// A kernel of the matrix product.
    Product(Choice),
    /// The same for a gradient by x with strides, once for each phase of the stride.
    Phased(Variant),
}

/// How the direct kernel is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Direct {
    /// A workgroup shares four results.
    pub(super) group: bool,
    /// Terms of one piece; all of them, or less where they are split over workgroups.
    pub(super) chunk: usize,
}

/// How often the direct kernel computes four results of a row.
pub(super) fn quads(g: &MatmulGeometry) -> usize {
    g.batch[0] * g.batch[1] * g.m * g.n.div_ceil(4)
}

/// The rule. Tiles have at least 32 rows on hardware and four on a processor, where an element of
/// b costs more than what is done with it.
pub(super) fn choose(op: &ConvOp, profile: &Profile) -> How {
    let g = geometry(op);
    let weights = op.geometry.channels * op.geometry.filters;
    let direct = if profile.software { g.m == 1 } else { g.m < ROWS || weights < WEIGHTS };
    if !direct {
        let how = choose_walked(&g, profile);
        let strided = op.map == ConvMap::Data && op.geometry.stride != [1; 3];
        let work = g.batch[0] * g.batch[1] * g.m * g.n * g.k;
        if strided && how.chunk == g.k && work >= PHASED[usize::from(profile.software)] {
            return How::Phased(how.variant);
        }
        return How::Product(how);
    }
    let quads = quads(&g);
    let group = !profile.software && g.k >= LONG && quads < MANY;
    let (groups, enough) = match () {
        () if group => (quads, [512, 16 * GROUP_SIZE as usize]),
        () if profile.software => (quads.div_ceil(SERIAL_SIZE as usize), [8, 2048]),
        () => (quads.div_ceil(SERIAL_SIZE as usize), [MANY / SERIAL_SIZE as usize, 128]),
    };
    How::Direct(Direct { group, chunk: pieces(groups, &g, profile, enough) })
}
