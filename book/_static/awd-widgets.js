/* The book's interactive figures. Each replaces a still figure, which stays for print and for
   whoever has no JavaScript. Nothing is loaded: data lie in the page, beside the widget. */
"use strict";

(() => {
  const M = () => window.AWDMaths || AWDMaths;

  /** An element: el("p", { class: "x", onclick: f }, "text", child, ...). */
  function el(tag, attributes = {}, ...children) {
    const svg = ["svg", "path", "line", "text", "g"].includes(tag);
    const made = svg
      ? document.createElementNS("http://www.w3.org/2000/svg", tag)
      : document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
      else if (value !== false) made.setAttribute(name, value);
    }
    made.append(...children);
    return made;
  }

  /** A slider over a list of words: calls `changed` with the place; returns element and setter. */
  function slider(label, words, start, changed) {
    const output = el("output", {}, words[start]);
    const input = el("input", {
      type: "range", min: 0, max: words.length - 1, step: 1, value: start,
      "aria-label": label, "aria-valuetext": words[start],
      oninput: () => {
        output.textContent = words[input.value];
        input.setAttribute("aria-valuetext", words[input.value]);
        changed(Number(input.value));
      },
    });
    return el("label", { class: "awd-slider" }, `${label} `, input, " ", output);
  }

  /** Radio buttons in a row: calls `changed` with the place. */
  function choice(name, words, start, changed) {
    const group = `${name}-${Math.random().toString(36).slice(2)}`;
    const buttons = words.map((word, k) =>
      el("label", {}, el("input", {
        type: "radio", name: group, value: k, checked: k === start ? "" : false,
        onchange: () => changed(k),
      }), ` ${word}`));
    return el("fieldset", { class: "awd-choice" }, el("legend", {}, name), ...buttons);
  }

  /** A canvas of size × size cells and a function that fills it with 0..255 greys or colours. */
  function picture(size, label) {
    const canvas = el("canvas", { width: size, height: size, role: "img", "aria-label": label });
    const context = canvas.getContext("2d");
    const image = context.createImageData(size, size);
    const show = (red, green = red, blue = red) => {
      for (let k = 0; k < size * size; k += 1) {
        image.data.set([red(k), green(k), blue(k), 255], 4 * k);
      }
      context.putImageData(image, 0, 0);
    };
    return { canvas, show, context };
  }

  /** Let somebody draw on a canvas by pointer or keys; `paint(x, y)` is given cells. */
  function drawable(canvas, size, paint, done) {
    canvas.setAttribute("tabindex", "0");
    canvas.classList.add("awd-drawable");
    let last = null;
    const cell = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
        .map((v) => Math.min(size - 1, Math.max(0, Math.floor(v * size))));
    };
    const stroke = (to) => {
      const from = last || to;
      const steps = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
      for (let k = 0; k <= steps; k += 1) {
        paint(...from.map((v, i) => Math.round(v + ((to[i] - v) * k) / steps)));
      }
      last = to;
      done();
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = null;
      stroke(cell(event));
      event.preventDefault();
    });
    canvas.addEventListener("pointermove", (event) => {
      if (event.buttons && canvas.hasPointerCapture(event.pointerId)) stroke(cell(event));
    });
    canvas.addEventListener("pointerup", () => { last = null; });
    let brush = [Math.floor(size / 2), Math.floor(size / 2)];
    canvas.addEventListener("keydown", (event) => {
      const moves = {
        ArrowLeft: [-2, 0], ArrowRight: [2, 0], ArrowUp: [0, -2], ArrowDown: [0, 2],
      };
      const move = moves[event.key];
      if (!move && event.key !== " ") return;
      event.preventDefault();
      if (move) brush = brush.map((v, i) => Math.min(size - 1, Math.max(0, v + move[i])));
      if (event.key === " " || event.shiftKey) { last = null; stroke(brush); }
      canvas.title = `brush at column ${brush[0]}, row ${brush[1]}: space paints`;
    });
  }

  /** A curve in a box, as an SVG path. */
  function curve(values, width, height, low, high) {
    const x = (k) => (width * k) / (values.length - 1);
    const y = (v) => height - (height * (v - low)) / (high - low || 1);
    return values.map((v, k) => `${k ? "L" : "M"}${x(k).toFixed(1)},${y(v).toFixed(1)}`).join("");
  }

  function plot(label, width = 480, height = 150) {
    const path = el("path", { class: "awd-line" });
    const zero = el("line", { class: "awd-axis", x1: 0, x2: width });
    const svg = el("svg", {
      viewBox: `-4 -6 ${width + 8} ${height + 12}`, role: "img", "aria-label": label,
    }, zero, path);
    const show = (values, low = Math.min(...values), high = Math.max(...values)) => {
      path.setAttribute("d", curve(values, width, height, low, high));
      const level = height - (height * (0 - low)) / (high - low || 1);
      zero.setAttribute("y1", level);
      zero.setAttribute("y2", level);
    };
    return { svg, show };
  }

  const panel = (title, ...children) =>
    el("figure", { class: "awd-panel" }, el("figcaption", {}, title), ...children);

  const widgets = {
    /** Draw, and see the Haar transform of the drawing. */
    haar(root) {
      const n = 64;
      const level = 3;
      let x = new Float64Array(n * n);
      const left = picture(n, "Drawing: use a pointer, or arrow keys and space");
      const right = picture(n, "Its Haar transform: sizes of the coefficients");
      const said = el("p", { "aria-live": "polite" });
      const update = () => {
        left.show((k) => 255 * x[k]);
        const found = M().haar(x, n, level);
        const sizes = Array.from(found, Math.abs);
        const top = Math.max(...sizes, 1e-12);
        right.show((k) => 255 * Math.sqrt(sizes[k] / top));
        const pixels = x.filter((v) => v > 0).length;
        const count = sizes.filter((v) => v > 0.01 * top && v > 1e-9).length;
        said.textContent =
          `${pixels} of ${n * n} pixels are drawn; ${count} of ${n * n} coefficients exceed 1 % ` +
          "of the largest.";
      };
      const paint = (column, row) => {
        for (let i = -2; i <= 2; i += 1) {
          for (let j = -2; j <= 2; j += 1) {
            const [r, c] = [row + i, column + j];
            const inside = r >= 0 && c >= 0 && r < n && c < n && i * i + j * j <= 5;
            if (inside) x[r * n + c] = 1;
          }
        }
      };
      drawable(left.canvas, n, paint, update);
      const fill = (inside) => () => {
        x = Float64Array.from({ length: n * n }, (_, k) =>
          Number(inside((k % n) - 31.5, Math.floor(k / n) - 31.5)));
        update();
      };
      root.append(
        el("div", { class: "awd-panels" },
          panel("Draw here", left.canvas), panel("Haar transform, three scales", right.canvas)),
        el("p", { class: "awd-buttons" },
          el("button", { type: "button", onclick: fill(() => false) }, "Clear"),
          el("button", { type: "button", onclick: fill((u, v) => u * u + v * v < 400) }, "Disc"),
          el("button", { type: "button", onclick: fill((u, v) => Math.abs(u) < 16 && Math.abs(v) < 16) }, "Square"),
          el("button", { type: "button", onclick: fill((u, v) => Math.abs(u + v) < 3) }, "Line")),
        said);
      fill((u, v) => u * u + v * v < 400)();
    },

    /** Three signals, and what the Fourier and the wavelet transform make of them. */
    transforms(root, data) {
      const signal = plot("The signal");
      const fourier = plot("Size of its Fourier transform");
      const wavelet = el("canvas", { role: "img", "aria-label": "Size of its wavelet transform" });
      const said = el("p", { "aria-live": "polite" });
      const names = data.signals.map((one) => one.name);
      const show = (k) => {
        const one = data.signals[k];
        signal.show(one.values);
        fourier.show(one.spectrum, 0);
        const cells = M().decoded(one.scalogram, "uint8");
        const rows = cells.length / one.values.length;
        wavelet.width = one.values.length;
        wavelet.height = rows;
        const context = wavelet.getContext("2d");
        const image = context.createImageData(wavelet.width, rows);
        cells.forEach((v, i) => image.data.set([v, v, v, 255], 4 * i));
        context.putImageData(image, 0, 0);
        said.textContent = one.text;
        root.dataset.shown = one.name;
      };
      root.append(
        choice("Signal", names, 0, show),
        panel("Signal over time", signal.svg),
        panel("Fourier transform: size over frequency", fourier.svg),
        panel("Wavelet transform: size over time (rightward) and scale (fine above, coarse below)", wavelet),
        said);
      wavelet.classList.add("awd-wide");
      show(0);
    },

    /** ψ, R² and validity over a sweep's λ and γ. */
    sweep(root, data) {
      const wave = plot("The wavelet ψ at these λ and γ", 480, 200);
      const said = el("p", { "aria-live": "polite" });
      let [i, j] = data.start;
      const show = () => {
        const at = i * data.gammas.length + j;
        wave.show(data.psi[at], data.low, data.high);
        wave.svg.classList.toggle("awd-invalid", !data.valid[at]);
        said.textContent =
          `R² on the test tracks ${data.r2[at].toFixed(3)} (cross-validated on the training ` +
          `tracks ${data.cv[at].toFixed(3)}; DB5 ${data.db5.toFixed(3)}). ` +
          (data.valid[at] ? "A valid wavelet." : "No longer a wavelet.");
        root.dataset.shown = `${data.lams[i]}, ${data.gammas[j]}`;
      };
      root.append(
        slider("sparsity λ", data.lams, i, (k) => { i = k; show(); }),
        slider("interpretation γ", data.gammas, j, (k) => { j = k; show(); }),
        panel("Wavelet ψ", wave.svg), said);
      show();
    },

    /** A λ slider: wavelet mask beside pixel mask. */
    lambda(root, data) {
      const pictures = ["image", "wavelet mask", "pixel mask"].map((title) => {
        const image = el("img", { class: "awd-pixels", alt: title });
        return { title, image };
      });
      const said = el("p", { "aria-live": "polite" });
      let which = 0;
      let at = Math.floor(data.lams.length / 2);
      const show = () => {
        const one = data.images[which];
        const sources = [one.image, one.wavelet[at], one.pixel[at]];
        pictures.forEach(({ title, image }, k) => {
          image.src = sources[k];
          image.alt = `${title}: ${one.name}`;
        });
        said.textContent =
          `The network says ${one.label} (${one.probability}). Kept: ${one.kept_wavelet[at]} of ` +
          `the wavelet coefficients, ${one.kept_pixel[at]} of the pixels.`;
        root.dataset.shown = `${one.name}, ${data.lams[at]}`;
      };
      const menu = el("select", {
        "aria-label": "image", onchange: () => { which = Number(menu.value); show(); },
      }, ...data.images.map((one, k) => el("option", { value: k }, one.name)));
      root.append(
        el("label", { class: "awd-slider" }, "image ", menu),
        slider("λ", data.lams, at, (k) => { at = k; show(); }),
        el("div", { class: "awd-panels" },
          ...pictures.map(({ title, image }) => panel(title, image))),
        said);
      show();
    },

    /** Draw a mask, and let the network see what is left. */
    mask(root, data) {
      const n = data.size;
      const network = M().network(data.network);
      const images = data.images.map((text) =>
        Float32Array.from(M().decoded(text, "uint8"), (v) => v / 255));
      let x = images[0];
      let mask = new Float32Array(n * n);
      const left = picture(n, "Image: draw what the network may see");
      const right = picture(n, "What the network sees");
      const said = el("p", { "aria-live": "polite" });
      const colour = (of) => [0, 1, 2].map((c) => (k) => 255 * of(c * n * n + k, k));
      const update = () => {
        left.show(...colour((at, k) => x[at] * (mask[k] ? 1 : 0.45) + (mask[k] ? 0 : 0.25)));
        const kept = mask.reduce((a, b) => a + b, 0);
        said.textContent = `${Math.round((100 * kept) / (n * n))} % of the pixels are kept.`;
      };
      const paint = (column, row) => {
        for (let i = -3; i <= 3; i += 1) {
          for (let j = -3; j <= 3; j += 1) {
            const [r, c] = [row + i, column + j];
            if (r >= 0 && c >= 0 && r < n && c < n && i * i + j * j <= 10) mask[r * n + c] = 1;
          }
        }
      };
      const predict = async () => {
        const answer = M().softmax(M().logits(network, x, n));
        const label = (p) => network.labels[p.indexOf(Math.max(...p))];
        const draw = M().normal(1);
        const samples = 16;
        let off = 0;
        const counts = new Map();
        button.disabled = true;
        for (let k = 0; k < samples; k += 1) {
          const z = M().perturbed(x, mask, draw);
          if (k === 0) right.show(...colour((at) => z[at]));
          const found = M().softmax(M().logits(network, z, n));
          off += M().distance(answer, found) / samples;
          counts.set(label(found), (counts.get(label(found)) || 0) + 1);
          said.textContent = `${k + 1} of ${samples} draws …`;
          await new Promise((next) => { setTimeout(next, 0); });
        }
        const [top, times] = [...counts].sort((a, b) => b[1] - a[1])[0];
        said.textContent =
          `Expected distortion ${off.toFixed(3)}. Top label: ${top} in ${times} of ${samples} ` +
          `draws (of the whole image: ${label(answer)}).`;
        button.disabled = false;
        root.dataset.distortion = off;
      };
      const button = el("button", { type: "button", onclick: predict }, "Predict");
      const all = (value) => () => { mask = new Float32Array(n * n).fill(value); update(); };
      drawable(left.canvas, n, paint, update);
      root.append(
        choice("Image", images.map((_, k) => String(k + 1)), 0,
          (k) => { x = images[k]; all(0)(); right.show(() => 128); }),
        el("div", { class: "awd-panels" },
          panel("Draw what is kept", left.canvas), panel("What the network sees", right.canvas)),
        el("p", { class: "awd-buttons" }, button,
          el("button", { type: "button", onclick: all(0) }, "Keep nothing"),
          el("button", { type: "button", onclick: all(1) }, "Keep all")),
        said);
      right.show(() => 128);
      update();
    },
  };

  document.addEventListener("DOMContentLoaded", () => {
    for (const root of document.querySelectorAll("[data-awd-widget]")) {
      const script = root.querySelector("script[type='application/json']");
      const live = el("div", { class: "awd-live" });
      root.append(live);
      widgets[root.dataset.awdWidget](live, script ? JSON.parse(script.textContent) : {});
      const still = document.getElementById(root.dataset.awdReplaces || "");
      if (still) still.classList.add("awd-replaced");
    }
  });
})();
