// Formula: moments[slot, k] = (sum, least, largest, 0) over the chunks c of partials[k, c], sums in rising order of c.
// Source: second stage of a deterministic sum, one thread a cell; a cell k is a span of a task.
// Shapes: partials [cells, chunks] vec4f; moments [slots, cells] vec4f.
// Writes: moments = (only the cells of `slot`)
// Grid: x over cells in workgroups of 64.

struct Params { cells: u32, chunks: u32, slot: u32 }

@group(0) @binding(0) var<storage, read> partials: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> moments: array<vec4f>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.cells) { return; }
  var total = partials[id.x * params.chunks];
  for (var c = 1u; c < params.chunks; c++) {
    let part = partials[id.x * params.chunks + c];
    total = vec4f(total.x + part.x, min(total.y, part.y), max(total.z, part.z), 0.0);
  }
  moments[params.slot * params.cells + id.x] = total;
}
