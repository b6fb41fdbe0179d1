// The index of an invocation in a 1-D grid whose workgroups are folded over x and y, because one
// dimension holds at most 65,535 of them. It can exceed the number of elements: callers guard.
fn linear_index(group: vec3<u32>, groups: vec3<u32>, local: u32, size: u32) -> u32 {
    return (group.x + group.y * groups.x) * size + local;
}
