// Formula: maps[b, r] = (A, d): A = S(c_w) S(e_r / 2), S(u) = R(0.3 s u_0) [[1, 0.3 s u_1], [0, 1]] diag(exp(0.2 s u_2), exp(0.2 s u_3)), d = s (e_r4, e_r5); c_w ~ U(-1, 1)^4 of the way w = r / perWay, e_r ~ U(-1, 1)^6 of the row.
// Source: Threefry-2x32 (lib/threefry.wgsl) at counters (4 w + k, classStream + t) and (4 (first + r) + k, rowStream + t), t = clock + step; random affine maps as in Simard, Steinkraus & Platt 2003.
// Shapes: keys [B, 2] u32; clock [4] u32; maps [B, rows, 8] f32 = (A row by row, d, 0, 0).
// Writes: maps =
// Grid: x over rows in workgroups of 64, y over tasks.

struct Params { rows: u32, perWay: u32, first: u32, step: u32, classStream: u32, rowStream: u32, strength: f32 }

@group(0) @binding(0) var<storage, read> keys: array<vec2u>;
@group(0) @binding(1) var<storage, read> clock: array<u32>;
@group(0) @binding(2) var<storage, read_write> maps: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

fn two(key: vec2u, counter: vec2u) -> vec2f {
  let words = threefry(key, counter);
  return 2.0 * vec2f(toUnit(words.x), toUnit(words.y)) - 1.0;
}

fn shape(turnAndShear: vec2f, scales: vec2f) -> mat2x2f {
  let angle = 0.3 * params.strength * turnAndShear.x;
  let size = exp(0.2 * params.strength * scales);
  let turn = mat2x2f(cos(angle), sin(angle), -sin(angle), cos(angle));
  let shear = mat2x2f(1.0, 0.0, 0.3 * params.strength * turnAndShear.y, 1.0);
  return turn * shear * mat2x2f(size.x, 0.0, 0.0, size.y);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.rows) { return; }
  let key = keys[id.y];
  let way = 4u * (id.x / params.perWay);
  let row = 4u * (params.first + id.x);
  let classStream = params.classStream + clock[0] + params.step;
  let rowStream = params.rowStream + clock[0] + params.step;
  let ofClass = shape(two(key, vec2u(way, classStream)), two(key, vec2u(way + 1u, classStream)));
  let ofRow = shape(0.5 * two(key, vec2u(row, rowStream)), 0.5 * two(key, vec2u(row + 1u, rowStream)));
  let a = ofClass * ofRow;
  let at = 2u * (id.y * params.rows + id.x);
  maps[at] = vec4f(a[0].x, a[1].x, a[0].y, a[1].y);
  maps[at + 1u] = vec4f(params.strength * two(key, vec2u(row + 2u, rowStream)), 0.0, 0.0);
}
