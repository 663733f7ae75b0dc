// Formula: 12 chains a thread, x <- m x + k, LENGTH times a pass, `passes` times; out[i] = the sum of its chains.
// Source: throughput of multiply-adds: 12 independent chains hide their latency, an unrolled body the loop's cost.
// Shapes: out [threads] f32; the chains are the components of three vec4f and start at (i mod 64 + 1 + chain) / 64.
// Writes: out =
// Grid: x over threads in workgroups of 64. LENGTH is 4, 16 or 64: which is fastest depends on the compiler.

struct Params { threads: u32, passes: u32, m: f32, k: f32 }

@group(0) @binding(0) var<storage, read_write> out: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

struct Chains { a: vec4f, b: vec4f, c: vec4f }

fn once(x: Chains, m: vec4f, k: vec4f) -> Chains {
  return Chains(fma(x.a, m, k), fma(x.b, m, k), fma(x.c, m, k));
}

fn four(x: Chains, m: vec4f, k: vec4f) -> Chains {
  return once(once(once(once(x, m, k), m, k), m, k), m, k);
}

fn sixteen(x: Chains, m: vec4f, k: vec4f) -> Chains {
  return four(four(four(four(x, m, k), m, k), m, k), m, k);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.threads) { return; }
  let m = vec4f(params.m);
  let k = vec4f(params.k);
  let start = vec4f(f32(id.x % 64u + 1u)) + vec4f(0.0, 1.0, 2.0, 3.0);
  var x = Chains(start / 64.0, (start + 4.0) / 64.0, (start + 8.0) / 64.0);
  for (var done = 0u; done < params.passes; done++) {
    if (LENGTH == 4u) {
      x = four(x, m, k);
    } else if (LENGTH == 16u) {
      x = sixteen(x, m, k);
    } else {
      x = sixteen(sixteen(sixteen(sixteen(x, m, k), m, k), m, k), m, k);
    }
  }
  let sum = x.a + x.b + x.c;
  out[id.x] = sum.x + sum.y + sum.z + sum.w;
}
