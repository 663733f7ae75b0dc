// Where the vec4f with index i of a tensor lies in the texture that holds a copy of it (TEXEL_ROW texels in a row).
// Source: src/host/gpu/texels.ts.

fn texel(i: u32) -> vec2u {
  return vec2u(i % TEXEL_ROW, i / TEXEL_ROW);
}
