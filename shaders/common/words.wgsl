// Four values as two 64-bit words. A software adapter moves the words of a subgroup's lanes one
// after the other, whatever they hold: half as many take little more than half the time.
fn four_of(words: vec2<u64>) -> vec4<u32> {
    return vec4<u32>(
        u32(words.x),
        u32(words.x >> 32u),
        u32(words.y),
        u32(words.y >> 32u),
    );
}

fn two_of(values: vec4<u32>) -> vec2<u64> {
    return vec2<u64>(
        u64(values.x) | (u64(values.y) << 32u),
        u64(values.z) | (u64(values.w) << 32u),
    );
}
