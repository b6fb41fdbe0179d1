// The steps of a bitonic sort that stay inside blocks of 2 * WG pairs, in workgroup memory: runs
// from `first_run` to `last_run`, each from the largest distance that a block holds. See
// sort_step.wgsl, which does the steps between blocks.
//
// One workgroup per block, one invocation per two pairs; a barrier after each step, because the
// next one pairs what other invocations wrote. Loops are bounded by parameters: uniform.

const WG: u32 = 256u; // @tune
const BLOCK: u32 = 2u * WG;

struct Params {
    total: u32,
    padded: u32,
    first_run: u32,
    last_run: u32,
}
@group(1) @binding(0) var<uniform> p: Params;

@group(0) @binding(0) var<storage, read_write> keys: array<u32>;
@group(0) @binding(1) var<storage, read_write> places: array<u32>;

var<workgroup> block_keys: array<u32, BLOCK>;
var<workgroup> block_places: array<u32, BLOCK>;

@compute @workgroup_size(WG)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let base = (group.x + group.y * groups.x) * BLOCK;
    for (var k = 0u; k < 2u; k = k + 1u) {
        let at = local + k * WG;
        // What lies past the end is never compared with a line: lines do not cross blocks, or
        // fill them.
        if (base + at < p.total) {
            block_keys[at] = keys[base + at];
            block_places[at] = places[base + at];
        } else {
            block_keys[at] = 0u;
            block_places[at] = 0u;
        }
    }
    workgroupBarrier();
    for (var run = p.first_run; run <= p.last_run; run = run * 2u) {
        for (var distance = min(run / 2u, WG); distance > 0u; distance = distance / 2u) {
            let low = (local & (distance - 1u)) + ((local & ~(distance - 1u)) << 1u);
            let high = low + distance;
            let rising = ((base + low) & (p.padded - 1u) & run) == 0u;
            let a = block_keys[low];
            let b = block_keys[high];
            let i = block_places[low];
            let j = block_places[high];
            let above = a > b || (a == b && i > j);
            if (above == rising) {
                block_keys[low] = b;
                block_keys[high] = a;
                block_places[low] = j;
                block_places[high] = i;
            }
            workgroupBarrier();
        }
    }
    for (var k = 0u; k < 2u; k = k + 1u) {
        let at = local + k * WG;
        if (base + at < p.total) {
            keys[base + at] = block_keys[at];
            places[base + at] = block_places[at];
        }
    }
}
