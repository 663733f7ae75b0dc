// Formula: u[:, n] = [pre(f_b), pre(g_n)], b the task of coordinate n; pre as in lib/preprocess.wgsl. Padding has f = 0.
// Source: Ravi & Larochelle 2017, section 3.2 and appendix: the loss is broadcast to every coordinate.
// Shapes: g [mp4] vec4f; losses [slots, tasks], row `slot`; u [2 features, mp4] vec4f, features 1 (kind 0) or 2.
// Writes: u =
// Grid: x over mp4 in workgroups of 64.

struct Params { mp4: u32, count: u32, parameters: u32, tasks: u32, slot: u32, kind: u32, p: f32, threshold: f32, gain: f32 }

@group(0) @binding(0) var<storage, read> g: array<vec4f>;
@group(0) @binding(1) var<storage, read> losses: array<f32>;
@group(0) @binding(2) var<storage, read_write> u: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn lossOf(coordinate: u32) -> f32 {
  if (coordinate >= params.count) { return 0.0; }
  return losses[params.slot * params.tasks + coordinate / params.parameters];
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.mp4) { return; }
  let how = Preprocess(params.kind, params.p, params.threshold, params.gain);
  let n = id.x * 4u;
  let f = vec4f(lossOf(n), lossOf(n + 1u), lossOf(n + 2u), lossOf(n + 3u));
  let x = g[id.x];
  u[id.x] = firstFeature(f, how);
  if (params.kind == 0u) {
    u[params.mp4 + id.x] = x;
    return;
  }
  u[params.mp4 + id.x] = secondFeature(f, how);
  u[2u * params.mp4 + id.x] = firstFeature(x, how);
  u[3u * params.mp4 + id.x] = secondFeature(x, how);
}
