// Threefry-2x32, 20 rounds: a counter-based generator; the same (key, counter) gives the same two words everywhere.
// Source: Salmon, Moraes, Dror & Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
// src/host/data/threefry.ts is the same function in TypeScript, bit for bit.

fn rotateLeft(x: u32, bits: u32) -> u32 {
  return (x << bits) | (x >> (32u - bits));
}

fn mix(x: vec2u, bits: u32) -> vec2u {
  let sum = x.x + x.y;
  return vec2u(sum, rotateLeft(x.y, bits) ^ sum);
}

fn threefry(key: vec2u, counter: vec2u) -> vec2u {
  let parity = 0x1BD11BDAu ^ key.x ^ key.y;
  var x = counter + key;
  x = mix(mix(mix(mix(x, 13u), 15u), 26u), 6u) + vec2u(key.y, parity + 1u);
  x = mix(mix(mix(mix(x, 17u), 29u), 16u), 24u) + vec2u(parity, key.x + 2u);
  x = mix(mix(mix(mix(x, 13u), 15u), 26u), 6u) + vec2u(key.x, key.y + 3u);
  x = mix(mix(mix(mix(x, 17u), 29u), 16u), 24u) + vec2u(key.y, parity + 4u);
  x = mix(mix(mix(mix(x, 13u), 15u), 26u), 6u) + vec2u(parity, key.x + 5u);
  return x;
}

// [0, 1) in steps of 2^-24.
fn toUnit(bits: u32) -> f32 {
  return f32(bits >> 8u) * 5.9604644775390625e-8;
}
