// Formula: e = (sum of twelve 16-bit uniforms - 6 * 65535) / 65536, 0 where kind is 0; xi = e, or xi + e; phi +- sigma e.
// Source: Vicol, Metz & Sohl-Dickstein 2021, algorithm 2 (PES), antithetic; e has mean 0 and variance 1 - 2^-32, and is exact in f32.
// Shapes: draw [4] u32 = (key, key, 1 at the start of an episode, 0); kinds [P] u32: 1 weight, 2 theta_0, which moves at
//   the start alone; phi [P]; xi [pairs, P]; members [2 pairs, P], row 2 i = phi + sigma e_i, row 2 i + 1 = phi - sigma e_i.
// Writes: xi = or +=; members =
// Grid: x over P in workgroups of 64, y over pairs.

struct Params { count: u32, sigma: f32 }

@group(0) @binding(0) var<storage, read> draw: array<u32>;
@group(0) @binding(1) var<storage, read> kinds: array<u32>;
@group(0) @binding(2) var<storage, read> phi: array<f32>;
@group(0) @binding(3) var<storage, read_write> xi: array<f32>;
@group(0) @binding(4) var<storage, read_write> members: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

fn halves(x: u32) -> u32 {
  return (x & 0xffffu) + (x >> 16u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.count) { return; }
  let starts = draw[2] == 1u;
  let kind = kinds[id.x];
  var e = 0.0;
  if (kind == 1u || (kind == 2u && starts)) {
    var sum = 0u;
    for (var j = 0u; j < 3u; j++) {
      let words = threefry(vec2u(draw[0], draw[1]), vec2u(id.x, 4u * id.y + j));
      sum += halves(words.x) + halves(words.y);
    }
    e = (f32(sum) - 393210.0) * 1.52587890625e-5;
  }
  let at = id.y * params.count + id.x;
  xi[at] = select(xi[at] + e, e, starts);
  let row = 2u * id.y * params.count + id.x;
  members[row] = phi[id.x] + params.sigma * e;
  members[row + params.count] = phi[id.x] - params.sigma * e;
}
