// Formula: accuracy[slot, b] = (1 / batch) #{r < batch: argmax_c z[b, c, r] = label[b, r]}; of equal logits the lowest c.
// Source: classification accuracy; a row with a logit that is not finite counts as wrong.
// Shapes: logits [B, classes, rows]; labels [B, rows] u32; accuracy [slots, B].
// Writes: accuracy = (only the B elements of `slot`)
// Grid: x over B in workgroups of 64.

struct Params { tasks: u32, classes: u32, rows: u32, batch: u32, slot: u32 }

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> labels: array<u32>;
@group(0) @binding(2) var<storage, read_write> accuracy: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

// By the bits: a compiler may assume that floats are finite.
fn finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= params.tasks) { return; }
  var correct = 0u;
  for (var r = 0u; r < params.batch; r++) {
    let at = id.x * params.classes * params.rows + r;
    var largest = logits[at];
    var guess = 0u;
    var sound = finite(largest);
    for (var c = 1u; c < params.classes; c++) {
      let logit = logits[at + c * params.rows];
      sound = sound && finite(logit);
      if (logit > largest) {
        largest = logit;
        guess = c;
      }
    }
    correct += select(0u, 1u, sound && guess == labels[id.x * params.rows + r]);
  }
  accuracy[params.slot * params.tasks + id.x] = f32(correct) / f32(params.batch);
}
