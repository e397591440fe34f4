// The explorer of a report: layouts of the stimuli, their neighbours, a gallery, and RDMs.
//
// The element "explorer-data" holds what report/explorer.py describes. What changes with the layer
// is drawn on one canvas, and marks that follow the pointer on a second one above it, so that a
// move of the pointer redraws little. Names are only ever put into the page as text.
"use strict";
(async () => {
  const source = document.getElementById("explorer-data");
  const root = document.getElementById("explorer");
  if (!source || !root) return;
  const data = JSON.parse(source.textContent);
  const find = (id) => document.getElementById("ex-" + id);
  const INK = "#1d2129", SOFT = "#5a6372", LINE = "#dfe3e8", ACCENT = "#0072b2";
  const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779",
    "#6ece58", "#b5de2b", "#fde725"];
  const REACH = 24; // pixels from the pointer to a stimulus, at most
  const MOVING = 450; // milliseconds from one layer to another
  const IN_GALLERY = 12;

  // --- numbers ---------------------------------------------------------------------------------

  async function unpack(text) {
    const packed = Uint8Array.from(atob(text), (sign) => sign.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const values = new Uint16Array(bytes.length / 2);
    for (let i = 0; i < values.length; i++) values[i] = bytes[i] | bytes[values.length + i] << 8;
    return values;
  }

  const nLayers = data.layers.length, nNetworks = data.instances.length;
  const nStimuli = data.stimuli.length, nNearest = data.nearest;
  const networks = [...data.instances.keys()], stimuli = [...data.stimuli.keys()];
  const [category, places, pointwise, neighbours, consistency, distances, orders] =
    await Promise.all([data.category, data.places, data.pointwise, data.neighbours,
      data.consistency ?? "", data.rdms.distances, data.rdms.order]
      .map((text) => text ? unpack(text) : null));
  const inRdm = data.rdms.stimuli, nInRdm = inRdm.length, nPairs = nInRdm * (nInRdm - 1) / 2;

  const at = (layer, network, stimulus) => (layer * nNetworks + network) * nStimuli + stimulus;
  const stressOf = (layer, network, stimulus) => pointwise[at(layer, network, stimulus)] / 255;
  const nearestOf = (layer, network, stimulus) => {
    const start = at(layer, network, stimulus) * nNearest;
    return [...neighbours.subarray(start, start + nNearest)];
  };
  const consistencyOf = (layer, stimulus) => {
    const value = consistency?.[layer * nStimuli + stimulus] ?? 65535;
    return value === 65535 ? NaN : value / 65534;
  };
  const ranked = (layer) => stimuli.filter((one) => consistencyOf(layer, one) >= 0)
    .sort((a, b) => consistencyOf(layer, a) - consistencyOf(layer, b));
  const categoryOf = (stimulus) => data.categories[category[stimulus]];
  const nameOf = (stimulus) =>
    [categoryOf(stimulus).name, data.stimuli[stimulus]].filter(Boolean).join(", ");

  // Distances of all pairs in the RDM of a network; of the mean of all where it is `nNetworks`.
  function rdm(layer, network) {
    const found = new Float32Array(nPairs), some = network < nNetworks ? [network] : networks;
    for (const one of some) {
      const low = data.rdms.low[layer][one], step = (data.rdms.high[layer][one] - low) / 255;
      const start = (layer * nNetworks + one) * nPairs;
      for (let i = 0; i < nPairs; i++) found[i] += (low + step * distances[start + i]) / some.length;
    }
    return found;
  }
  const pairOf = (i, j) => i > j ? pairOf(j, i) : i * nInRdm - i * (i + 1) / 2 + j - i - 1;

  // --- elements and pictures -------------------------------------------------------------------

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // Size a canvas as it is shown; returns its context, in CSS pixels, and its width in these.
  function fitted(canvas, width = canvas.clientWidth, height = width) {
    const density = devicePixelRatio || 1;
    canvas.width = Math.round(width * density);
    canvas.height = Math.round(height * density);
    const context = canvas.getContext("2d");
    context.scale(density, density);
    return [context, width];
  }

  // Corners of matplotlib's markers, as angles in units of a turn; a circle has none.
  const SIDES = {s: [4, .125], "^": [3, .75], D: [4, 0], v: [3, .25], "<": [3, .5], ">": [3, 0],
    p: [5, .75], P: [4, 0, .35], X: [4, .125, .35]};

  function drawMarker(context, x, y, radius, {color, marker}) {
    const [n, turn, inner] = SIDES[marker] ?? [0];
    context.fillStyle = color;
    context.beginPath();
    if (!n) context.arc(x, y, radius, 0, 2 * Math.PI);
    for (let i = 0; i < (inner ? 2 : 1) * n; i++) {
      const angle = 2 * Math.PI * (turn + i / n / (inner ? 2 : 1));
      const length = 1.2 * radius * (i % 2 && inner ? inner : 1);
      context.lineTo(x + length * Math.cos(angle), y + length * Math.sin(angle));
    }
    context.fill();
  }

  const sprite = data.thumbnails && new Image();
  const side = data.thumbnails?.side, nColumns = Math.ceil(Math.sqrt(nStimuli));
  if (sprite) {
    sprite.src = data.thumbnails.image;
    await sprite.decode();
  }

  function drawImage(context, stimulus, x, y, size) {
    context.imageSmoothingEnabled = side > 16; // the pixels of small images stay sharp
    context.drawImage(sprite, stimulus % nColumns * side, Math.floor(stimulus / nColumns) * side,
      side, side, x, y, size, size);
  }

  // The image of a stimulus, or the mark of its category where there are no images.
  function thumbnail(stimulus, size) {
    const canvas = make("canvas", {ariaHidden: "true"}), [context] = fitted(canvas, size);
    canvas.style.width = canvas.style.height = size + "px";
    if (sprite) drawImage(context, stimulus, 0, 0, size);
    else drawMarker(context, size / 2, size / 2, size / 4, categoryOf(stimulus));
    return canvas;
  }

  const described = (stimulus, ...more) => make("span", {className: "ex-name"},
    make("b", {}, categoryOf(stimulus).name || data.stimuli[stimulus]),
    ...[categoryOf(stimulus).name && data.stimuli[stimulus], ...more].filter(Boolean)
      .map((text) => make("span", {}, text)));

  function bar(share) {
    const filled = make("i", {});
    filled.style.width = 100 * Math.min(1, Math.max(0, share)) + "%";
    return make("span", {className: "ex-share"}, filled);
  }

  // A thumbnail that can be pointed at, and clicked to be kept.
  function imageButton(stimulus, size, words, ...below) {
    const button = make("button",
      {type: "button", className: "ex-image", ariaLabel: `${nameOf(stimulus)}: ${words}`},
      thumbnail(stimulus, size), ...below);
    button.dataset.stimulus = stimulus;
    if (data.categories.length > 1) button.style.borderBottomColor = categoryOf(stimulus).color;
    button.onclick = () => keep(stimulus);
    button.onpointerenter = button.onfocus = () => point(stimulus);
    button.onpointerleave = button.onblur = () => point(null);
    return button;
  }

  // A square of two canvases, for what stays and for marks.
  function layered(square, properties) {
    square.append(make("canvas", {}), make("canvas", {}));
    for (const [name, value] of Object.entries(properties)) square.setAttribute(name, value);
    return square;
  }

  // --- layouts ---------------------------------------------------------------------------------

  let layer = nLayers - 1, kept = null, pointed = null, highlighted = null;
  // Of each network and stimulus, now: from 0 to 1, to the right and down.
  const now = new Float32Array(nNetworks * nStimuli * 2);
  const target = (i) => {
    const value = places[layer * now.length + i] / data.levels;
    return .04 + .92 * (i % 2 ? 1 - value : value);
  };

  const panels = networks.map((network) => {
    const square = layered(make("div", {className: "ex-square"}),
      {role: "application", tabindex: 0, "aria-roledescription": "layout"});
    const stress = make("span", {}), title = make("b", {}, data.instances[network]);
    const figure = make("figure", {}, square, make("figcaption", {}, title, stress));
    const panel = {network, figure, square, stress, width: 0};
    square.onpointermove = (event) => {
      const box = square.getBoundingClientRect();
      const found = nearestTo(panel, event.clientX - box.left, event.clientY - box.top);
      square.style.cursor = found === null ? "default" : "pointer";
      point(found, panel, event.clientX, event.clientY);
    };
    square.onpointerleave = square.onblur = () => point(null);
    square.onclick = () => pointed === null || keep(pointed);
    square.onkeydown = (event) => pressed(event, panel);
    find("panels").append(figure);
    return panel;
  });
  const visible = () => panels.filter((panel) => !panel.figure.hidden);

  function placeOf(panel, stimulus) {
    const i = 2 * (panel.network * nStimuli + stimulus);
    return [now[i] * panel.width, now[i + 1] * panel.width];
  }

  function nearestTo(panel, x, y) {
    let found = null, least = REACH ** 2;
    for (const stimulus of stimuli) {
      const [left, top] = placeOf(panel, stimulus), away = (left - x) ** 2 + (top - y) ** 2;
      if (away < least) [found, least] = [stimulus, away];
    }
    return found;
  }

  // The nearest stimulus in a direction, within 45 degrees of it.
  function nextTo(panel, stimulus, [dx, dy]) {
    const [x, y] = placeOf(panel, stimulus);
    let found = stimulus, least = Infinity;
    for (const other of stimuli) {
      const [left, top] = placeOf(panel, other);
      const along = (left - x) * dx + (top - y) * dy;
      const across = Math.abs((left - x) * dy) + Math.abs((top - y) * dx);
      const away = along ** 2 + across ** 2;
      if (along > 0 && across <= along && away < least) [found, least] = [other, away];
    }
    return found;
  }

  const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

  function pressed(event, panel) {
    const stimulus = pointed ?? kept, {key} = event;
    if (ARROWS[key]) {
      const next = nextTo(panel, stimulus, ARROWS[key]);
      const box = panel.square.getBoundingClientRect(), [x, y] = placeOf(panel, next);
      point(next, panel, box.left + x, box.top + y);
      find("said").textContent = `${nameOf(next)}, stress ${stressOf(layer, panel.network, next).toFixed(2)}`;
    } else if (key === "Enter" || key === " ") keep(stimulus);
    else if (key === "PageUp") setLayer(layer - 1);
    else if (key === "PageDown") setLayer(layer + 1);
    else if (key === "Escape") point(null);
    else return;
    event.preventDefault();
  }

  function drawPanel(panel) {
    const [context, width] = fitted(panel.square.firstChild);
    panel.width = width;
    const pictures = find("pictures")?.checked, spacing = width / Math.sqrt(nStimuli);
    const radius = Math.min(4.5, Math.max(1.4, .22 * spacing));
    const size = pictures ? Math.min(28, Math.max(9, spacing)) : Math.ceil(2.6 * radius);
    const marks = data.categories.map((one) => {
      const canvas = make("canvas", {}), [ink] = fitted(canvas, size);
      drawMarker(ink, size / 2, size / 2, radius, one);
      return canvas;
    });
    for (const stimulus of stimuli) {
      const [x, y] = placeOf(panel, stimulus);
      context.globalAlpha = highlighted === null || highlighted === category[stimulus] ? .85 : .1;
      if (pictures) drawImage(context, stimulus, x - size / 2, y - size / 2, size);
      else context.drawImage(marks[category[stimulus]], x - size / 2, y - size / 2, size, size);
    }
    drawMarks(panel);
  }

  function drawMarks(panel) {
    const [context, width] = fitted(panel.square.lastChild), lead = [];
    panel.width = width;
    if (kept !== null) lead.push(...nearestOf(layer, panel.network, kept));
    const ring = (stimulus, radius, color, thickness) => {
      const [x, y] = placeOf(panel, stimulus);
      for (const [style, extra] of [["#fff", 2.5], [color, 0]]) {
        context.strokeStyle = style;
        context.lineWidth = thickness + extra;
        context.beginPath();
        context.arc(x, y, radius, 0, 2 * Math.PI);
        context.stroke();
      }
    };
    for (const stimulus of lead) {
      context.strokeStyle = INK;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(...placeOf(panel, kept));
      context.lineTo(...placeOf(panel, stimulus));
      context.stroke();
    }
    for (const stimulus of lead) ring(stimulus, 3.5, INK, 1);
    if (kept !== null) ring(kept, 6, INK, 2);
    if (pointed !== null) ring(pointed, 7, "#d55e00", 2.5);
    panel.square.dataset.kept = kept ?? "";
    panel.square.dataset.pointed = pointed ?? "";
  }

  // Mark a stimulus in all panels, and describe it beside the pointer if that is in a panel.
  function point(stimulus, panel, x, y) {
    const tip = find("tip");
    if (stimulus !== pointed) {
      pointed = stimulus;
      visible().forEach(drawMarks);
    }
    tip.hidden = stimulus === null || !panel;
    if (tip.hidden) return;
    if (tip.dataset.shows !== `${stimulus} ${panel.network} ${layer}`) {
      tip.dataset.shows = `${stimulus} ${panel.network} ${layer}`;
      tip.replaceChildren(thumbnail(stimulus, 64), described(stimulus,
        `pointwise stress ${stressOf(layer, panel.network, stimulus).toFixed(2)}`));
    }
    const {offsetWidth: width, offsetHeight: height} = tip;
    tip.style.left = Math.max(4, x + 16 + width > innerWidth ? x - 16 - width : x + 16) + "px";
    tip.style.top = Math.max(4, y + 16 + height > innerHeight ? y - 16 - height : y + 16) + "px";
  }

  let moving = 0; // which transition is under way

  function setLayer(next, duration = MOVING) {
    layer = Math.min(nLayers - 1, Math.max(0, next));
    const name = data.layers[layer], slider = find("layer");
    slider.value = layer;
    slider.setAttribute("aria-valuetext", name);
    find("layer-name").textContent = name;
    root.querySelectorAll(".ex-layer-now").forEach((one) => { one.textContent = name; });
    for (const panel of panels) {
      panel.stress.textContent = `stress ${data.stress[layer][panel.network].toFixed(2)}`;
      panel.square.setAttribute("aria-label", `${data.instances[panel.network]}, ${name}`);
    }
    showKept();
    showGallery();
    const from = now.slice(), own = ++moving, began = performance.now();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) duration = 0;
    const step = () => {
      if (own !== moving) return;
      const share = duration ? Math.min(1, (performance.now() - began) / duration) : 1;
      const eased = share * share * (3 - 2 * share);
      for (let i = 0; i < now.length; i++) now[i] = from[i] + (target(i) - from[i]) * eased;
      visible().forEach(drawPanel);
      root.dataset.moving = share < 1 ? "yes" : "no";
      if (share < 1) requestAnimationFrame(step);
    };
    step();
  }

  // --- neighbours and gallery ------------------------------------------------------------------

  function keep(stimulus) {
    kept = stimulus;
    find("stimulus").value = stimulus;
    find("said").textContent = `${nameOf(stimulus)} is kept`;
    showKept();
    visible().forEach(drawMarks);
  }

  function showKept() {
    if (kept === null) return;
    const lists = networks.map((network) => nearestOf(layer, network, kept));
    const sharing = (stimulus) => lists.filter((list) => list.includes(stimulus)).length;
    const value = consistencyOf(layer, kept), place = ranked(layer);
    find("kept").replaceChildren(
      make("div", {className: "ex-about"}, thumbnail(kept, 64), described(kept, value >= 0 &&
        `consistency ${value.toFixed(3)} in ${data.layers[layer]}, ` +
        `${place.indexOf(kept) + 1} of ${place.length} from the least consistent`)),
      ...visible().map(({network}) => make("div", {className: "ex-row"},
        make("span", {}, data.instances[network]),
        ...lists[network].map((stimulus) => imageButton(stimulus, 36,
          `nearest in ${sharing(stimulus)} of ${nNetworks} networks`,
          bar(sharing(stimulus) / nNetworks))))));
  }

  function showGallery() {
    if (!consistency) return;
    const order = ranked(layer);
    for (const [id, some] of [["least", order], ["most", [...order].reverse()]]) {
      find(id).replaceChildren(...some.slice(0, IN_GALLERY).map((stimulus) => {
        const value = consistencyOf(layer, stimulus).toFixed(3);
        return make("li", {}, imageButton(stimulus, 48, `consistency ${value}`, value));
      }));
    }
  }

  // --- RDMs ------------------------------------------------------------------------------------

  const matrix = layered(find("matrix"),
    {role: "application", tabindex: 0, "aria-roledescription": "matrix"});
  const scatter = layered(find("scatter"), {role: "img"});
  const STRIP = 7, MARGIN = 30; // pixels: of categories beside the matrix, and of axes
  const chosen = (id) => Number(find(id).value);
  const networkName = (network) => data.instances[network] ?? "mean of instances";
  let order = [], xs = [], ys = [], cell = null, spots = [];

  function viridis(share) {
    const place = Math.min(.999999, Math.max(0, share)) * (VIRIDIS.length - 1), i = Math.floor(place);
    return [1, 3, 5].map((start) => {
      const [a, b] = [VIRIDIS[i], VIRIDIS[i + 1]].map((hex) => parseInt(hex.slice(start, start + 2), 16));
      return a + (b - a) * (place - i);
    });
  }

  const range = (values) => [values.reduce((a, b) => Math.min(a, b)), values.reduce((a, b) => Math.max(a, b))];

  function drawRdms() {
    const [a, b] = ["a", "b"].map((id) => [chosen(id + "-layer"), chosen(id + "-network")]);
    [xs, ys] = [rdm(...a), rdm(...b)];
    const start = (a[0] * (nNetworks + 1) + a[1]) * nInRdm;
    order = find("order").value === "cluster" ? [...orders.subarray(start, start + nInRdm)]
      : [...inRdm.keys()].sort((i, j) => category[inRdm[i]] - category[inRdm[j]] || i - j);
    drawMatrix(a);
    drawScatter(a, b);
    showPair(cell);
  }

  function drawMatrix([ofLayer, network]) {
    const [context, width] = fitted(matrix.firstChild), [low, high] = range(xs);
    const small = make("canvas", {width: nInRdm, height: nInRdm}), ink = small.getContext("2d");
    const image = ink.createImageData(nInRdm, nInRdm);
    for (let row = 0; row < nInRdm; row++) {
      for (let column = 0; column < nInRdm; column++) {
        const value = row === column ? null : xs[pairOf(order[row], order[column])];
        const color = value === null ? [255, 255, 255] : viridis((value - low) / (high - low || 1));
        image.data.set([...color, 255], 4 * (row * nInRdm + column));
      }
    }
    ink.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, STRIP, STRIP, width - STRIP, width - STRIP);
    const each = (width - STRIP) / nInRdm;
    order.forEach((one, i) => {
      context.fillStyle = categoryOf(inRdm[one]).color;
      context.fillRect(STRIP + i * each, 0, each + .5, STRIP - 2);
      context.fillRect(0, STRIP + i * each, STRIP - 2, each + .5);
    });
    const scale = find("scale").getContext("2d");
    for (let i = 0; i < 256; i++) {
      scale.fillStyle = `rgb(${viridis(i / 255).map(Math.round)})`;
      scale.fillRect(i, 0, 1, 1);
    }
    find("scale-text").textContent = `${data.distance} from ${low.toFixed(2)} to ${high.toFixed(2)}`;
    matrix.setAttribute("aria-label", `RDM of ${data.layers[ofLayer]}, ${networkName(network)}`);
  }

  function drawScatter(a, b) {
    const [context, width] = fitted(scatter.firstChild), inner = width - MARGIN - 8;
    const [left, right] = range(xs), [low, high] = range(ys), names = [a, b].map(
      ([ofLayer, network]) => `${data.layers[ofLayer]}, ${networkName(network)}`);
    spots = Array.from(xs, (x, i) => [MARGIN + inner * (x - left) / (right - left || 1),
      8 + inner * (1 - (ys[i] - low) / (high - low || 1))]);
    const dots = {false: [], true: []};
    for (let i = 0, pair = 0; i < nInRdm; i++) {
      for (let j = i + 1; j < nInRdm; j++) {
        dots[data.categories.length > 1 && category[inRdm[i]] === category[inRdm[j]]].push(pair++);
      }
    }
    for (const [same, color] of [[false, "#8a94a3"], [true, ACCENT]]) {
      context.fillStyle = color;
      context.globalAlpha = Math.min(.9, 60 / Math.sqrt(nPairs));
      for (const pair of dots[same]) context.fillRect(spots[pair][0] - 1.25, spots[pair][1] - 1.25, 2.5, 2.5);
    }
    Object.assign(context, {globalAlpha: 1, strokeStyle: SOFT, fillStyle: SOFT, font: "11px system-ui, sans-serif"});
    context.strokeRect(MARGIN - 4.5, 4.5, inner + 8, inner + 8);
    const write = (text, x, y, align) => { context.textAlign = align; context.fillText(text, x, y, inner); };
    write(left.toFixed(2), MARGIN, width - 6, "left");
    write(names[0], MARGIN + inner / 2, width - 6, "center");
    write(right.toFixed(2), MARGIN + inner, width - 6, "right");
    context.rotate(-Math.PI / 2);
    write(low.toFixed(2), -8 - inner, 16, "left");
    write(names[1], -8 - inner / 2, 16, "center");
    write(high.toFixed(2), -8, 16, "right");
    const r = correlation(xs, ys);
    scatter.setAttribute("aria-label", `Distances in ${names.join(" against ")}: r ${r.toFixed(3)}`);
    find("scatter-text").textContent = `r = ${r.toFixed(3)}, r² = ${(r * r).toFixed(3)} over these ` +
      `${nPairs.toLocaleString("en")} pairs${data.categories.length > 1 ? "; blue: within a category" : ""}`;
  }

  function correlation(some, others) {
    const [a, b] = [some, others].map((values) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return Array.from(values, (value) => value - mean);
    });
    const product = (p, q) => p.reduce((sum, value, i) => sum + value * q[i], 0);
    return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
  }

  // Mark a pair, as rows of the matrix, in both pictures, and describe it.
  function showPair(next) {
    cell = next;
    const [context, width] = fitted(matrix.lastChild), [spotted] = fitted(scatter.lastChild);
    if (cell === null) return;
    const [row, column] = cell, [i, j] = [order[row], order[column]], each = (width - STRIP) / nInRdm;
    const pair = pairOf(i, j), ofLayer = chosen("a-layer");
    for (const [style, thickness] of [["#fff", 3], [INK, 1]]) {
      Object.assign(context, {strokeStyle: style, lineWidth: thickness});
      context.strokeRect(STRIP + column * each - 1, STRIP + row * each - 1, each + 2, each + 2);
      context.strokeRect(STRIP + row * each - 1, STRIP + column * each - 1, each + 2, each + 2);
    }
    Object.assign(spotted, {strokeStyle: "#d55e00", lineWidth: 2});
    spotted.beginPath();
    spotted.arc(...spots[pair], 5, 0, 2 * Math.PI);
    spotted.stroke();
    const values = networks.map((network) => rdm1(ofLayer, network, pair));
    const largest = Math.max(...data.rdms.high[ofLayer]);
    find("pair").replaceChildren(
      ...[inRdm[i], inRdm[j]].map((one) =>
        make("div", {className: "ex-about"}, thumbnail(one, 64), described(one))),
      make("div", {className: "ex-bars"}, ...values.flatMap((value, network) => [
        make("span", {}, data.instances[network]), bar(value / largest),
        make("span", {className: "ex-value"}, value.toFixed(3))])));
  }

  function rdm1(ofLayer, network, pair) {
    const low = data.rdms.low[ofLayer][network], high = data.rdms.high[ofLayer][network];
    return low + (high - low) * distances[(ofLayer * nNetworks + network) * nPairs + pair] / 255;
  }

  matrix.onpointermove = (event) => {
    const box = matrix.getBoundingClientRect(), each = (box.width - STRIP) / nInRdm;
    const [column, row] = [event.clientX - box.left, event.clientY - box.top]
      .map((place) => Math.min(nInRdm - 1, Math.max(0, Math.floor((place - STRIP) / each))));
    if (row !== column) showPair([row, column]);
  };
  matrix.onkeydown = (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    let [row, column] = cell ?? [0, 0];
    do [row, column] = [(row + arrow[1] + nInRdm) % nInRdm, (column + arrow[0] + nInRdm) % nInRdm];
    while (row === column);
    showPair([row, column]);
    const value = xs[pairOf(order[row], order[column])].toFixed(3);
    find("said").textContent = `${nameOf(inRdm[order[row]])} and ${nameOf(inRdm[order[column]])}: ${value}`;
  };
  scatter.onpointermove = (event) => {
    const box = scatter.getBoundingClientRect(), [x, y] = [event.clientX - box.left, event.clientY - box.top];
    let found = null, least = REACH ** 2;
    for (let pair = 0; pair < nPairs; pair++) {
      const away = (spots[pair][0] - x) ** 2 + (spots[pair][1] - y) ** 2;
      if (away < least) [found, least] = [pair, away];
    }
    if (found === null) return;
    let i = 0;
    while (pairOf(i, nInRdm - 1) < found) i++;
    const j = found - pairOf(i, i + 1) + i + 1;
    showPair([order.indexOf(i), order.indexOf(j)]);
  };

  // --- controls --------------------------------------------------------------------------------

  for (const [number, {name}] of data.categories.entries()) {
    const options = stimuli.filter((one) => category[one] === number)
      .map((one) => make("option", {value: one}, data.stimuli[one]));
    find("stimulus").append(...name ? [make("optgroup", {label: name}, ...options)] : options);
    if (data.categories.length === 1) break;
    const mark = make("canvas", {ariaHidden: "true"}), button = make("button",
      {type: "button", ariaPressed: "false"}, mark, name);
    mark.style.width = mark.style.height = "12px";
    drawMarker(fitted(mark, 12)[0], 6, 6, 4.5, data.categories[number]);
    button.onclick = () => {
      highlighted = highlighted === number ? null : number;
      [...find("categories").children].forEach(({firstChild}, i) => {
        firstChild.ariaPressed = String(i === highlighted);
      });
      visible().forEach(drawPanel);
    };
    find("categories").append(make("li", {}, button));
  }
  for (const panel of find("shown") ? panels : []) {
    const box = make("input", {type: "checkbox", checked: true});
    box.onchange = () => {
      panel.figure.hidden = !box.checked;
      arrange();
      showKept();
    };
    find("shown").append(make("label", {}, box, data.instances[panel.network]));
  }
  function arrange() {
    find("panels").toggleAttribute("data-few", visible().length <= 3);
    visible().forEach(drawPanel);
  }
  find("layer").oninput = (event) => setLayer(Number(event.target.value));
  find("stimulus").onchange = (event) => keep(Number(event.target.value));
  if (sprite) find("pictures").onchange = arrange;
  for (const id of ["a-layer", "a-network", "b-layer", "b-network", "order"]) find(id).onchange = drawRdms;

  find("without").remove();
  root.hidden = false;
  find("a-layer").value = nLayers - 1;
  find("a-network").value = 0;
  find("b-layer").value = nLayers - 1;
  find("b-network").value = Math.min(1, nNetworks - 1);
  setLayer(layer, 0);
  keep(ranked(layer)[0] ?? 0);
  find("said").textContent = "";
  let width = 0;
  new ResizeObserver(() => {
    if (width === root.clientWidth) return;
    width = root.clientWidth;
    arrange();
    drawRdms();
  }).observe(root);
  root.dataset.ready = "yes";
})();
