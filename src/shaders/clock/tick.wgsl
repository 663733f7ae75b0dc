// Formula: clock[0] += 1.
// Source: the number of steps of an episode so far, counted where no host writes it between steps.
// Shapes: clock [4] u32.
// Writes: clock[0] +=
// Grid: one workgroup of 64.

@group(0) @binding(0) var<storage, read_write> clock: array<u32>;

@compute @workgroup_size(64)
fn main(@builtin(local_invocation_index) lane: u32) {
  if (lane == 0u) { clock[0] += 1u; }
}
