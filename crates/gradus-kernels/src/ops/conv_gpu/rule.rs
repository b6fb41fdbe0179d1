//! Which kernel computes a convolution: a written rule over its geometry and the device.

use gradus_tensor::gpu::Profile;

use super::super::conv::{ConvMap, ConvOp};
use super::super::matmul::MatmulGeometry;
use super::super::matmul_gpu::{Choice, LANES, Variant, choose_walked, pieces};
use super::{geometry, merged, walk};

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
/// Multiplications, most of them with zero, for each phase of a stride from which on it is worth
/// two launches; on hardware and on a processor.
const PHASED: [usize; 2] = [1 << 26, 1 << 19];
/// Most phases that are launched.
const MOST_PHASES: usize = 64;
/// Invocations that keep a device busy.
const MANY: usize = 16_384;

/// A kernel and how it is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum How {
    /// Four results for each invocation.
    Direct(Direct),
    /// A kernel of the matrix product.
    Product(Choice),
    /// The same, with the positions of all images as the columns of one product.
    Merged(Choice),
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

/// Whether the positions of one image would leave too much of a tile empty. On a processor,
/// finding a column's place costs more, but where columns come in runs.
pub(super) fn is_merged(op: &ConvOp, profile: &Profile) -> bool {
    if op.map == ConvMap::Filter || op.geometry.batch == 1 {
        return false;
    }
    let g = geometry(op);
    if !profile.software {
        return g.n.next_multiple_of(64) * 4 >= g.n * 5;
    }
    let how = choose_walked(&g, profile);
    match how.variant.by_runs(&walk(op), &g, how.chunk) {
        Variant::Runs { columns, .. } => {
            g.n.next_multiple_of((columns * LANES) as usize) * 10 >= g.n * 11
        }
        _ => g.n.next_multiple_of(32) * 2 >= g.n * 3,
    }
}

/// The rule. Tiles have at least 32 rows on hardware; on a processor they can have one, and lose
/// to the direct kernel only where a group has one channel and one filter.
pub(super) fn choose(op: &ConvOp, profile: &Profile) -> How {
    let g = geometry(op);
    let weights = op.geometry.channels * op.geometry.filters;
    let direct = if profile.software { weights == 1 } else { g.m < ROWS || weights < WEIGHTS };
    if !direct {
        if is_merged(op, profile) {
            return How::Merged(choose_walked(&merged(op).0, profile));
        }
        let how = choose_walked(&g, profile);
        let phases: usize = op.geometry.stride.iter().product();
        let strided = op.map == ConvMap::Data && (2..=MOST_PHASES).contains(&phases);
        let work = g.batch[0] * g.batch[1] * g.m * g.n * g.k / phases;
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

#[cfg(test)]
mod tests {
    use super::super::super::matmul_gpu::{MOST_TERMS, Tile};
    use super::super::tests::{PLAIN, geometry_of, placeholder};
    use super::*;

    fn profile(software: bool) -> Profile {
        Profile {
            software,
            subgroup: Some((LANES, LANES)),
            words: software,
            max_storage_buffers: 8,
            max_binding_bytes: 128 << 20,
            max_buffer_bytes: 256 << 20,
            workgroup_memory: 16 << 10,
            max_invocations: 256,
            max_immediate_bytes: None,
        }
    }

    fn chosen(map: ConvMap, sizes: [usize; 4], stride: usize, software: bool) -> How {
        let along = [super::super::tests::Along { stride, more: 56, ..PLAIN }; 2];
        choose(&placeholder(&geometry_of(sizes, &along), map), &profile(software))
    }

    #[test]
    fn hardware_computes_few_channels_directly_and_others_by_tiles() {
        let whole = |variant, chunk| How::Product(Choice { variant, swap: false, chunk });
        let medium = Variant::Tiled(Tile::MEDIUM);
        let layer = [8, 1, 64, 64];
        assert_eq!(chosen(ConvMap::Forward, layer, 1, false), whole(medium, 576));
        assert_eq!(chosen(ConvMap::Data, layer, 1, false), whole(medium, 576));
        let How::Product(filter) = chosen(ConvMap::Filter, layer, 1, false) else {
            panic!("a product");
        };
        assert!(filter.chunk < 8 * 57 * 57 && filter.chunk >= 128, "{filter:?}");
        // Depthwise, and the gradient by an image of three colours.
        let alone = |chunk| How::Direct(Direct { group: false, chunk });
        assert_eq!(chosen(ConvMap::Forward, [8, 64, 1, 1], 1, false), alone(9));
        assert_eq!(chosen(ConvMap::Data, [8, 1, 3, 64], 1, false), alone(576));
        // Few results with many terms each.
        let How::Direct(direct) = chosen(ConvMap::Filter, [8, 64, 1, 1], 1, false) else {
            panic!("directly");
        };
        assert!(direct.group, "{direct:?}");
    }

    #[test]
    fn images_that_would_leave_tiles_empty_are_merged() {
        let along = [super::super::tests::Along { more: 3, ..PLAIN }; 2];
        let merged = |map, batch, software| {
            let op = placeholder(&geometry_of([batch, 1, 64, 64], &along), map);
            matches!(choose(&op, &profile(software)), How::Merged(_))
        };
        for software in [false, true] {
            assert!(merged(ConvMap::Forward, 2, software) && merged(ConvMap::Data, 2, software));
            assert!(!merged(ConvMap::Forward, 1, software), "one image");
            assert!(!merged(ConvMap::Filter, 2, software), "positions are terms");
        }
        let large = chosen(ConvMap::Forward, [8, 1, 64, 64], 1, false);
        assert!(matches!(large, How::Product(_)), "{large:?}");
    }

    #[test]
    fn large_gradients_with_strides_are_computed_by_phases() {
        let is_phased =
            |map, n, software| matches!(chosen(map, [n, 1, 64, 64], 2, software), How::Phased(_));
        assert!(is_phased(ConvMap::Data, 32, false) && is_phased(ConvMap::Data, 1, true));
        assert!(!is_phased(ConvMap::Data, 1, false), "launches would cost more");
        assert!(!is_phased(ConvMap::Forward, 32, false));
        assert!(!is_phased(ConvMap::Filter, 32, false));
    }

    #[test]
    fn no_invocation_of_a_software_adapter_loops_too_often() {
        for sizes in [[64, 1, 1, 1], [64, 1, 3, 16], [64, 1, 64, 64]] {
            let chunk = match chosen(ConvMap::Filter, sizes, 1, true) {
                How::Direct(how) => how.chunk,
                How::Product(how) => how.chunk,
                How::Merged(_) | How::Phased(_) => panic!("neither has images as terms"),
            };
            assert!(chunk <= MOST_TERMS, "{sizes:?}: {chunk}");
        }
    }
}
