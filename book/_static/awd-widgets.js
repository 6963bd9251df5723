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

  /** A line of text that the eye sees change at once; only what is final is announced. */
  function line() {
    const seen = el("p", { class: "awd-said", "aria-hidden": "true" });
    const heard = el("p", { class: "awd-heard", "aria-live": "polite" });
    const say = (text, final = true) => {
      seen.textContent = text;
      heard.textContent = final ? text : ""; // what is removed is not announced
    };
    return { parts: [seen, heard], say };
  }

  /** Set the cells of a disc around [column, row] in values (n × n). */
  function disc(values, n, [column, row], radius, value) {
    for (let i = -radius; i <= radius; i += 1) {
      for (let j = -radius; j <= radius; j += 1) {
        const [r, c] = [row + i, column + j];
        const inside = r >= 0 && c >= 0 && r < n && c < n && i * i + j * j <= radius * radius + 1;
        if (inside) values[r * n + c] = value;
      }
    }
  }

  let drawings = 0;

  /** Let somebody draw on a canvas by pointer or keys; returns what to put into the page.
      `paint(cell, value)` sets cells around one to 1 or 0; `update(final)` shows the drawing, and
      is told whether the stroke has ended. */
  function drawable(canvas, size, radius, paint, update) {
    drawings += 1;
    const names = { hint: `awd-hint-${drawings}`, brush: `awd-brush-${drawings}` };
    // An application: a screen reader then hands the keys on instead of using them itself.
    canvas.setAttribute("role", "application");
    canvas.setAttribute("aria-describedby", `${names.hint} ${names.brush}`);
    canvas.setAttribute("tabindex", "0");
    canvas.classList.add("awd-drawable");
    const hint = el("p", { id: names.hint, class: "awd-hint" },
      "Keys: arrows move the brush, Space paints, Shift with an arrow paints along the way, " +
      "Delete or Backspace erases.");
    const ring = el("span", { id: names.brush, class: "awd-brush" }); // seen with the focus only
    const inside = (v) => Math.min(size - 1, Math.max(0, v));
    let brush = [];
    const moveTo = (cell) => {
      brush = cell;
      ring.style.width = `${(100 * (2 * radius + 1)) / size}%`;
      ring.style.left = `${(100 * (brush[0] + 0.5)) / size}%`;
      ring.style.top = `${(100 * (brush[1] + 0.5)) / size}%`;
      ring.textContent = `Brush at column ${brush[0] + 1}, row ${brush[1] + 1}.`;
    };
    moveTo([Math.floor(size / 2), Math.floor(size / 2)]);
    let last = null;
    let changed = false;
    const stroke = (to, value = 1) => {
      const from = last || to;
      const steps = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
      for (let k = 0; k <= steps; k += 1) {
        paint(from.map((v, i) => Math.round(v + ((to[i] - v) * k) / steps)), value);
      }
      last = to;
      changed = true;
      moveTo(to);
      update(false);
    };
    const end = () => {
      last = null;
      if (changed) update(true);
      changed = false;
    };
    const cell = (event) => {
      const box = canvas.getBoundingClientRect();
      return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height]
        .map((v) => inside(Math.floor(v * size)));
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
    canvas.addEventListener("keydown", (event) => {
      const move = {
        ArrowLeft: [-2, 0], ArrowRight: [2, 0], ArrowUp: [0, -2], ArrowDown: [0, 2],
      }[event.key];
      const erases = event.key === "Delete" || event.key === "Backspace";
      if (event.ctrlKey || event.altKey || event.metaKey) return; // the browser's own keys
      if (!move && !erases && event.key !== " ") return;
      event.preventDefault();
      last = null;
      if (move) moveTo(brush.map((v, i) => inside(v + move[i])));
      if (erases) stroke(brush, 0);
      else if (!move || event.shiftKey) stroke(brush);
    });
    // A held key repeats, a pointer moves often: the stroke is over when they are let go.
    for (const name of ["pointerup", "pointercancel", "keyup", "blur"]) {
      canvas.addEventListener(name, end);
    }
    return [el("div", { class: "awd-drawing" }, canvas, ring), hint];
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
      const left = picture(n, "Drawing, to be transformed");
      const right = picture(n, "Its Haar transform: sizes of the coefficients");
      const said = line();
      const update = (final) => {
        left.show((k) => 255 * x[k]);
        const found = M().haar(x, n, level);
        const sizes = Array.from(found, Math.abs);
        const top = Math.max(...sizes, 1e-12);
        right.show((k) => 255 * Math.sqrt(sizes[k] / top));
        const pixels = x.filter((v) => v > 0).length;
        const count = sizes.filter((v) => v > 0.01 * top && v > 1e-9).length;
        said.say(
          `${pixels} of ${n * n} pixels are drawn; ${count} of ${n * n} coefficients exceed 1 % ` +
          "of the largest.", final);
      };
      const drawing = drawable(left.canvas, n, 2, (at, value) => disc(x, n, at, 2, value), update);
      const fill = (inside) => () => {
        x = Float64Array.from({ length: n * n }, (_, k) =>
          Number(inside((k % n) - 31.5, Math.floor(k / n) - 31.5)));
        update(true);
      };
      root.append(
        el("div", { class: "awd-panels" },
          panel("Draw here", ...drawing), panel("Haar transform, three scales", right.canvas)),
        el("p", { class: "awd-buttons" },
          el("button", { type: "button", onclick: fill(() => false) }, "Clear"),
          el("button", { type: "button", onclick: fill((u, v) => u * u + v * v < 400) }, "Disc"),
          el("button", { type: "button", onclick: fill((u, v) => Math.abs(u) < 16 && Math.abs(v) < 16) }, "Square"),
          el("button", { type: "button", onclick: fill((u, v) => Math.abs(u + v) < 3) }, "Line")),
        ...said.parts);
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
      const left = picture(n, "Image, on which to draw what the network may see");
      const right = picture(n, "What the network sees");
      const said = line();
      const colour = (of) => [0, 1, 2].map((c) => (k) => 255 * of(c * n * n + k, k));
      let run = 0; // the latest prediction; another image or mask ends it
      const update = (final) => {
        run += 1;
        delete root.dataset.distortion;
        button.setAttribute("aria-disabled", "false");
        left.show(...colour((at, k) => x[at] * (mask[k] ? 1 : 0.45) + (mask[k] ? 0 : 0.25)));
        right.show(() => 128);
        const kept = mask.reduce((a, b) => a + b, 0);
        said.say(`${Math.round((100 * kept) / (n * n))} % of the pixels are kept.`, final);
      };
      const predict = async () => {
        if (button.getAttribute("aria-disabled") === "true") return;
        // Not `disabled`, which would drop the keyboard's focus.
        button.setAttribute("aria-disabled", "true");
        run += 1;
        const mine = run;
        const image = x; // never changed in place, unlike the mask
        const kept = mask.slice();
        const answer = M().softmax(M().logits(network, image, n));
        const label = (p) => network.labels[p.indexOf(Math.max(...p))];
        const draw = M().normal(1);
        const samples = 16;
        let off = 0;
        const counts = new Map();
        for (let k = 0; k < samples; k += 1) {
          const z = M().perturbed(image, kept, draw);
          if (k === 0) right.show(...colour((at) => z[at]));
          const found = M().softmax(M().logits(network, z, n));
          off += M().distance(answer, found) / samples;
          counts.set(label(found), (counts.get(label(found)) || 0) + 1);
          said.say(`${k + 1} of ${samples} draws …`, false);
          await new Promise((next) => { setTimeout(next, 0); });
          if (mine !== run) return;
        }
        const [top, times] = [...counts].sort((a, b) => b[1] - a[1])[0];
        said.say(
          `Expected distortion ${off.toFixed(3)}. Top label: ${top} in ${times} of ${samples} ` +
          `draws (of the whole image: ${label(answer)}).`);
        button.setAttribute("aria-disabled", "false");
        root.dataset.distortion = off;
      };
      const button = el("button", { type: "button", onclick: predict }, "Predict");
      const all = (value) => () => { mask = new Float32Array(n * n).fill(value); update(true); };
      const drawing = drawable(
        left.canvas, n, 3, (at, value) => disc(mask, n, at, 3, value), update);
      root.append(
        choice("Image", images.map((_, k) => String(k + 1)), 0,
          (k) => { x = images[k]; all(0)(); }),
        el("div", { class: "awd-panels" },
          panel("Draw what is kept", ...drawing), panel("What the network sees", right.canvas)),
        el("p", { class: "awd-buttons" }, button,
          el("button", { type: "button", onclick: all(0) }, "Keep nothing"),
          el("button", { type: "button", onclick: all(1) }, "Keep all")),
        ...said.parts);
      update(true);
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
