// The index of an invocation in a 1-D grid whose workgroups are folded over x and y, because one
// dimension holds at most 65,535 of them. It can exceed the number of elements: callers guard.
fn linear_index(group: vec3<u32>, groups: vec3<u32>, local: u32, size: u32) -> u32 {
    return (group.x + group.y * groups.x) * size + local;
}

// The quotient of x and d, exactly: of any x and a d from 1 to 2^29, and of both below 2^31.
// Devices have no integer division in hardware, and a software adapter divides lane by lane.
//
// An estimate by floats is off by no more than 2^-20 of itself and one for what is cut off, so
// what is left of x has few bits; the estimate of that is off by one at most.
fn quotient(x: u32, d: u32) -> u32 {
    let scale = 1.0 / f32(d);
    // No float between is below 2^32.
    let about = u32(min(f32(x) * scale, 4294967040.0));
    let rest = i32(x - about * d);
    let near = about + u32(i32(floor(f32(rest) * scale)));
    let over = i32(x - near * d);
    return select(select(near, near + 1u, over >= i32(d)), near - 1u, over < 0);
}
