// Values as 64-bit words. A software adapter moves the words of a subgroup's lanes one after the
// other, whatever they hold: half as many take little more than half the time.
fn pair_of(word: u64) -> vec2<u32> {
    return vec2<u32>(u32(word), u32(word >> 32u));
}

fn word_of(values: vec2<u32>) -> u64 {
    return u64(values.x) | (u64(values.y) << 32u);
}

fn four_of(words: vec2<u64>) -> vec4<u32> {
    return vec4<u32>(pair_of(words.x), pair_of(words.y));
}

fn two_of(values: vec4<u32>) -> vec2<u64> {
    return vec2<u64>(word_of(values.xy), word_of(values.zw));
}
