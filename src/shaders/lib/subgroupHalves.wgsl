// What lanes 0 to 3 and lanes 4 to 7 of a subgroup of 8 hold, handed to all 8, and the sum of four numbers; shared by the subgroup
// kernels that sum the weights' adjoints. All lanes are needed: none may have returned early.
// Shapes: of vec4f a matrix with a column a lane, of f32 a vec4f with a component a lane.
// Source: WGSL's subgroupBroadcast, whose lane must be a constant.

fn lower(d: vec4f) -> mat4x4f {
  return mat4x4f(subgroupBroadcast(d, 0u), subgroupBroadcast(d, 1u), subgroupBroadcast(d, 2u), subgroupBroadcast(d, 3u));
}

fn upper(d: vec4f) -> mat4x4f {
  return mat4x4f(subgroupBroadcast(d, 4u), subgroupBroadcast(d, 5u), subgroupBroadcast(d, 6u), subgroupBroadcast(d, 7u));
}

fn total(v: vec4f) -> f32 {
  return (v.x + v.y) + (v.z + v.w);
}

fn lowerOf(v: f32) -> vec4f {
  return vec4f(subgroupBroadcast(v, 0u), subgroupBroadcast(v, 1u), subgroupBroadcast(v, 2u), subgroupBroadcast(v, 3u));
}

fn upperOf(v: f32) -> vec4f {
  return vec4f(subgroupBroadcast(v, 4u), subgroupBroadcast(v, 5u), subgroupBroadcast(v, 6u), subgroupBroadcast(v, 7u));
}
