// Philox 4x32-10 (Salmon et al., SC 2011): the same bits as the host's generator. A draw is a key
// and the upper half of the counter; the lower half counts blocks of four words.

// The upper 32 bits of a product, from 16-bit halves: WGSL has no 64-bit integers.
fn random_multiply_high(a: u32, b: u32) -> u32 {
    let a0 = a & 0xffffu;
    let a1 = a >> 16u;
    let b0 = b & 0xffffu;
    let b1 = b >> 16u;
    let low = a0 * b0;
    let middle = a1 * b0 + (low >> 16u);
    let other = a0 * b1 + (middle & 0xffffu);
    return a1 * b1 + (middle >> 16u) + (other >> 16u);
}

fn random_block(block: u32, key: vec2<u32>, stream: vec2<u32>) -> vec4<u32> {
    var c = vec4<u32>(block, 0u, stream.x, stream.y);
    var k = key;
    for (var round = 0u; round < 10u; round = round + 1u) {
        let high_a = random_multiply_high(0xD2511F53u, c.x);
        let low_a = 0xD2511F53u * c.x;
        let high_b = random_multiply_high(0xCD9E8D57u, c.z);
        let low_b = 0xCD9E8D57u * c.z;
        c = vec4<u32>(high_b ^ c.y ^ k.x, low_b, high_a ^ c.w ^ k.y, low_a);
        k = k + vec2<u32>(0x9E3779B9u, 0xBB67AE85u);
    }
    return c;
}

// A float in [0, 1) from the upper 24 bits of word `position` of a draw.
fn random_unit(position: u32, key: vec2<u32>, stream: vec2<u32>) -> f32 {
    let words = random_block(position / 4u, key, stream);
    var word = words.x;
    switch position % 4u {
        case 1u: { word = words.y; }
        case 2u: { word = words.z; }
        case 3u: { word = words.w; }
        default: {}
    }
    return f32(word >> 8u) * (1.0 / 16777216.0);
}
