/* The mathematics behind the widgets: a Haar transform, a small convolutional network, noise.
   Held to PyWavelets and torch by the project's tests, which run this file in node. */
"use strict";

const AWDMaths = (() => {
  /** Two-dimensional Haar transform of x (n × n, row by row), in quadrants: averages top left. */
  function haar(x, n, level) {
    const out = Float64Array.from(x);
    const row = new Float64Array(n);
    for (let step = 0, size = n; step < level && size > 1; step += 1, size /= 2) {
      const half = size / 2;
      for (let pass = 0; pass < 2; pass += 1) {
        for (let k = 0; k < size; k += 1) {
          const at = pass === 0 ? (i) => k * n + i : (i) => i * n + k;
          for (let i = 0; i < half; i += 1) {
            const a = out[at(2 * i)];
            const b = out[at(2 * i + 1)];
            row[i] = (a + b) * Math.SQRT1_2;
            row[half + i] = (a - b) * Math.SQRT1_2;
          }
          for (let i = 0; i < size; i += 1) out[at(i)] = row[i];
        }
      }
    }
    return out;
  }

  /** 3 × 3 convolution with zeros around, ReLU, largest of 2 × 2; x is (channels, size, size). */
  function block(x, layer, channels, size) {
    const { weight, bias } = layer;
    const outputs = bias.length;
    const half = size / 2;
    const wide = size + 2;
    const padded = new Float32Array(channels * wide * wide);
    for (let c = 0; c < channels; c += 1) {
      for (let i = 0; i < size; i += 1) {
        const from = (c * size + i) * size;
        padded.set(x.subarray(from, from + size), (c * wide + i + 1) * wide + 1);
      }
    }
    const found = new Float32Array(outputs * half * half);
    const sum = new Float32Array(size * size);
    for (let o = 0; o < outputs; o += 1) {
      sum.fill(bias[o]);
      for (let c = 0; c < channels; c += 1) {
        for (let di = 0; di < 3; di += 1) {
          for (let dj = 0; dj < 3; dj += 1) {
            const w = weight[((o * channels + c) * 3 + di) * 3 + dj];
            for (let i = 0; i < size; i += 1) {
              const from = (c * wide + i + di) * wide + dj;
              const to = i * size;
              for (let j = 0; j < size; j += 1) sum[to + j] += w * padded[from + j];
            }
          }
        }
      }
      for (let i = 0; i < half; i += 1) {
        for (let j = 0; j < half; j += 1) {
          const at = 2 * i * size + 2 * j;
          const most = Math.max(sum[at], sum[at + 1], sum[at + size], sum[at + size + 1], 0);
          found[(o * half + i) * half + j] = most;
        }
      }
    }
    return found;
  }

  /** Logits of a network for x (3, size, size): blocks, means of the channels, a linear layer. */
  function logits(network, x, size) {
    let channels = 3;
    let values = Float32Array.from(x);
    let side = size;
    for (const layer of network.blocks) {
      values = block(values, layer, channels, side);
      channels = layer.bias.length;
      side /= 2;
    }
    const area = side * side;
    const means = Array.from({ length: channels }, (_, c) => {
      let total = 0;
      for (let i = 0; i < area; i += 1) total += values[c * area + i];
      return total / area;
    });
    const { weight, bias } = network.head;
    return Array.from(bias, (b, o) =>
      means.reduce((total, mean, c) => total + mean * weight[o * channels + c], b));
  }

  function softmax(values) {
    const top = Math.max(...values);
    const powers = values.map((v) => Math.exp(v - top));
    const total = powers.reduce((a, b) => a + b, 0);
    return powers.map((p) => p / total);
  }

  /** Numbers between 0 and 1 from a seed (mulberry32), and from them standard normal ones. */
  function normal(seed) {
    let state = seed >>> 0;
    const uniform = () => {
      state = (state + 0x6d2b79f5) >>> 0;
      let t = Math.imul(state ^ (state >>> 15), state | 1);
      t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
      return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
    };
    return () =>
      Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  }

  /** Mean and standard deviation of an image over all pixels and channels. */
  function moments(x) {
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const square = x.reduce((a, b) => a + (b - mean) * (b - mean), 0) / x.length;
    return { mean, sd: Math.sqrt(square) };
  }

  /** x (channels, pixels) where the mask (pixels) is 1, noise of x's mean and spread where 0. */
  function perturbed(x, mask, draw) {
    const { mean, sd } = moments(x);
    const pixels = mask.length;
    return Float32Array.from(x, (value, k) => {
      const kept = mask[k % pixels];
      const z = kept * value + (1 - kept) * (mean + sd * draw());
      return Math.min(1, Math.max(0, z));
    });
  }

  /** Length of the difference of two lists. */
  function distance(a, b) {
    return Math.sqrt(a.reduce((total, value, k) => total + (value - b[k]) * (value - b[k]), 0));
  }

  /** Numbers from base64: "float32" or "uint8". */
  function decoded(text, kind) {
    const raw = atob(text);
    const bytes = Uint8Array.from(raw, (c) => c.charCodeAt(0));
    return kind === "float32" ? new Float32Array(bytes.buffer) : bytes;
  }

  /** The network of a widget's data, its arrays decoded. */
  function network(data) {
    const layer = (one) => ({
      weight: decoded(one.weight, "float32"), bias: decoded(one.bias, "float32"),
    });
    return { blocks: data.blocks.map(layer), head: layer(data.head), labels: data.labels };
  }

  return { haar, logits, softmax, normal, moments, perturbed, distance, decoded, network };
})();

if (typeof module !== "undefined") module.exports = AWDMaths;
