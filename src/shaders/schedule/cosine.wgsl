// Formula: next = theta + s (next - theta), s = (1 + cos(pi t / horizon)) / 2, t = clock[0] + step.
// Source: the schedule of Loshchilov & Hutter 2017 without restarts, on the update that an optimizer made.
// Shapes: theta, next [count / 4] vec4f; clock [4] u32.
// Writes: next = (in place)
// Grid: x over count / 4 in workgroups of 64.

struct Params { count4: u32, step: u32, horizon: u32 }

@group(0) @binding(0) var<storage, read> clock: array<u32>;
@group(0) @binding(1) var<storage, read> theta: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> next: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count4) { return; }
  let start = theta[id.x];
  next[id.x] = start + cosineSchedule(clock[0] + params.step, params.horizon) * (next[id.x] - start);
}
