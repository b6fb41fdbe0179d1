// Arrays of bytes are bound as words. This is byte number `at` of the buffer, from the word
// number `at / 4` that holds it.
fn byte_of(word: u32, at: u32) -> u32 {
    return (word >> ((at & 3u) * 8u)) & 0xffu;
}
