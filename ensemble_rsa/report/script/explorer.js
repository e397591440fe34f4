// The explorer of a report: layouts of the stimuli, their neighbours, a gallery, and RDMs.
//
// The element "explorer-data" holds what report/explorer.py describes. What depends on the layer is
// drawn on one canvas, and marks that follow the pointer on a second one above it, so that a move of
// the pointer redraws little. Names are only ever put into the page as text.
"use strict";
(async () => {
  const source = document.getElementById("explorer-data");
  const root = document.getElementById("explorer");
  if (!source || !root) return;
  const data = JSON.parse(source.textContent);
  const find = (id) => document.getElementById("ex-" + id);
  const INK = "#1d2129", SOFT = "#5a6372", ACCENT = "#0072b2", POINTED = "#d55e00";
  const VIRIDIS = ["#440154", "#482878", "#3e4989", "#31688e", "#26828e", "#1f9e89", "#35b779",
    "#6ece58", "#b5de2b", "#fde725"];
  const REACH = 24; // pixels from the pointer to what it points at, at most
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

  const [category, places, pointwise, neighbours, consistency, distances, orders] =
    await Promise.all([data.category, data.places, data.pointwise, data.neighbours,
      data.consistency, data.rdms.distances, data.rdms.order].map((one) => one && unpack(one)));
  const networks = [...data.instances.keys()], nNetworks = networks.length;
  const stimuli = [...data.stimuli.keys()], nStimuli = stimuli.length;
  const nLayers = data.layers.length, inRdm = data.rdms.stimuli, nInRdm = inRdm.length;
  const pairs = [...inRdm.keys()].flatMap((i) => [...inRdm.keys()].slice(i + 1).map((j) => [i, j]));
  const hasCategories = data.categories.length > 1;

  // What the panels show: a layer, at an epoch that was kept or, the last one, at the end.
  let layer = nLayers - 1, epoch = data.epochs.length - 1;
  const state = () => epoch * nLayers + layer;
  const stateName = () => [data.layers[layer], data.epochs[epoch]].filter(Boolean).join(", ");
  const at = (network, stimulus) => (state() * nNetworks + network) * nStimuli + stimulus;
  const stressOf = (network, stimulus) => (pointwise[at(network, stimulus)] * data.pointwise_step).toFixed(2);
  const nearestOf = (network, stimulus) => {
    const start = at(network, stimulus) * data.nearest;
    return [...neighbours.subarray(start, start + data.nearest)];
  };
  const consistencyOf = (stimulus) => {
    const value = consistency ? consistency[state() * nStimuli + stimulus] : 65535;
    return value < 65535 ? value / 65534 : NaN; // 65535: undefined
  };
  const fromLeast = () => stimuli.filter((one) => consistencyOf(one) >= 0)
    .sort((a, b) => consistencyOf(a) - consistencyOf(b));
  const categoryOf = (stimulus) => data.categories[category[stimulus]];
  const nameOf = (stimulus) =>
    [categoryOf(stimulus).name, data.stimuli[stimulus]].filter(Boolean).join(", ");

  // A distance in the RDM of a network; in the mean of all where it is `nNetworks`.
  function distance(ofLayer, network, pair) {
    if (network === nNetworks) {
      return networks.reduce((sum, one) => sum + distance(ofLayer, one, pair), 0) / nNetworks;
    }
    const low = data.rdms.low[ofLayer][network], high = data.rdms.high[ofLayer][network];
    const level = distances[(ofLayer * nNetworks + network) * pairs.length + pair];
    return low + (high - low) * level / 255;
  }
  // As many decimals as the steps of a network's distances allow; of the widest, for the mean.
  function written(ofLayer, network, pair) {
    const some = network === nNetworks ? networks : [network];
    const step = Math.max(...some.map((one) =>
      data.rdms.high[ofLayer][one] - data.rdms.low[ofLayer][one])) / 255;
    const decimals = step > 0 ? Math.min(4, Math.max(0, Math.floor(-Math.log10(step)))) : 4;
    return distance(ofLayer, network, pair).toFixed(decimals);
  }
  const pairOf = (i, j) => i > j ? pairOf(j, i) : i * nInRdm - i * (i + 1) / 2 + j - i - 1;

  // --- elements and pictures -------------------------------------------------------------------

  function make(tag, properties, ...children) {
    const element = Object.assign(document.createElement(tag), properties);
    element.append(...children);
    return element;
  }

  // Size a square canvas for the screen, and return its context in CSS pixels.
  function fitted(canvas, width) {
    const density = devicePixelRatio || 1, context = canvas.getContext("2d");
    canvas.width = canvas.height = Math.round(width * density);
    context.scale(density, density);
    return context;
  }

  // Markers of matplotlib as polygons: corners, turn of the first, inner radius of stars.
  const SIDES = {s: [4, .125], "^": [3, .75], D: [4, 0], v: [3, .25], "<": [3, .5], ">": [3, 0],
    p: [5, .75], P: [4, 0, .35], X: [4, .125, .35]};

  function drawMarker(context, x, y, radius, {color, marker}) {
    const [corners, turn, inner = 1] = SIDES[marker] ?? [0];
    const n = corners * (inner < 1 ? 2 : 1);
    context.fillStyle = color;
    context.beginPath();
    if (!n) context.arc(x, y, radius, 0, 2 * Math.PI);
    for (let i = 0; i < n; i++) {
      const angle = 2 * Math.PI * (turn + i / n), length = 1.2 * radius * (i % 2 ? inner : 1);
      context.lineTo(x + length * Math.cos(angle), y + length * Math.sin(angle));
    }
    context.fill();
  }

  function drawCircle(context, [x, y], radius, color, thickness) {
    Object.assign(context, {strokeStyle: color, lineWidth: thickness});
    context.beginPath();
    context.arc(x, y, radius, 0, 2 * Math.PI);
    context.stroke();
  }

  const sprite = data.thumbnails && new Image();
  if (sprite) {
    sprite.src = data.thumbnails.image;
    await sprite.decode();
  }

  function drawImage(context, stimulus, x, y, size) {
    const {side} = data.thumbnails, columns = Math.ceil(Math.sqrt(nStimuli));
    const left = stimulus % columns * side, top = Math.floor(stimulus / columns) * side;
    context.imageSmoothingEnabled = side > 16; // the pixels of small images stay sharp
    context.drawImage(sprite, left, top, side, side, x, y, size, size);
  }

  // The image of a stimulus, or the mark of its category where there are no images.
  function thumbnail(stimulus, size) {
    const canvas = make("canvas", {ariaHidden: "true"}), context = fitted(canvas, size);
    canvas.style.width = canvas.style.height = size + "px";
    if (sprite) drawImage(context, stimulus, 0, 0, size);
    else drawMarker(context, size / 2, size / 2, size / 4, categoryOf(stimulus));
    return canvas;
  }

  function described(stimulus, more) {
    const [first, ...lines] = [categoryOf(stimulus).name, data.stimuli[stimulus], more]
      .filter(Boolean);
    return make("span", {className: "ex-name"}, make("b", {}, first),
      ...lines.map((line) => make("span", {}, line)));
  }

  function bar(share) {
    const filled = make("i", {});
    filled.style.width = 100 * Math.min(1, Math.max(0, share)) + "%";
    return make("span", {className: "ex-share"}, filled);
  }

  // A thumbnail that marks its stimulus when it is pointed at, and keeps it when it is clicked.
  function imageButton(stimulus, size, words, below) {
    const button = make("button", {type: "button", className: "ex-image",
      ariaLabel: `${nameOf(stimulus)}: ${words}`}, thumbnail(stimulus, size), below);
    button.dataset.stimulus = stimulus;
    if (hasCategories) button.style.borderBottomColor = categoryOf(stimulus).color;
    button.onclick = () => keep(stimulus);
    button.onpointerenter = button.onfocus = () => point(stimulus);
    button.onpointerleave = button.onblur = () => point(null);
    return button;
  }

  // Make a picture of two canvases out of a square, for what stays and for marks.
  function layered(square, role, description) {
    square.append(make("canvas", {}), make("canvas", {}));
    square.setAttribute("role", role);
    if (description) square.setAttribute("aria-roledescription", description);
    if (description) square.tabIndex = 0;
    return square;
  }

  function within(square, event) {
    const box = square.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  const say = (text) => { find("said").textContent = text; };
  const ARROWS = {ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1]};

  // --- layouts ---------------------------------------------------------------------------------

  let kept = 0, pointed = null, highlighted = null;
  // Of each network and stimulus at this moment: from 0 to 1, to the right and down.
  const now = new Float32Array(nNetworks * nStimuli * 2);
  const target = (i) => {
    const value = places[state() * now.length + i] / data.levels;
    return .04 + .92 * (i % 2 ? 1 - value : value);
  };

  const panels = networks.map((network) => {
    const square = layered(make("div", {className: "ex-square"}), "application", "layout");
    const stress = make("span", {}), title = make("b", {}, data.instances[network]);
    const shows = make("span", {className: "ex-state"}); // in print, where there is no slider
    const figure = make("figure", {}, square, make("figcaption", {}, title, shows, stress));
    const panel = {network, figure, square, shows, stress};
    const pointAt = (event) => {
      const [x, y] = within(square, event);
      const found = closest(panel, (dx, dy) => dx * dx + dy * dy, x, y, REACH ** 2);
      square.style.cursor = found === null ? "default" : "pointer";
      point(found, panel, event.clientX, event.clientY);
    };
    square.onpointermove = square.onpointerdown = pointAt;
    square.onpointerleave = (event) => event.pointerType === "touch" || point(null); // a tap stays
    square.onblur = () => point(null);
    square.onclick = (event) => {
      pointAt(event); // what had the focus may have taken the mark away
      if (pointed !== null) keep(pointed);
    };
    square.onkeydown = (event) => pressed(event, panel);
    find("panels").append(figure);
    return panel;
  });
  const visible = () => panels.filter((panel) => !panel.figure.hidden);
  const placeOf = ({network, width}, stimulus) => {
    const i = 2 * (network * nStimuli + stimulus);
    return [now[i] * width, now[i + 1] * width];
  };

  // The stimulus of least cost, which depends on how far to the right and down it lies.
  function closest(panel, cost, x, y, least = Infinity) {
    let found = null;
    for (const stimulus of stimuli) {
      const [left, top] = placeOf(panel, stimulus), own = cost(left - x, top - y);
      if (own < least) [found, least] = [stimulus, own];
    }
    return found;
  }

  function pressed(event, panel) {
    const {key} = event, current = pointed ?? kept;
    if (ARROWS[key]) {
      const [right, down] = ARROWS[key];
      const next = closest(panel, (dx, dy) => { // in a direction, within 45 degrees of it
        const along = dx * right + dy * down, across = Math.abs(dx * down) + Math.abs(dy * right);
        return along > 0 && across <= along ? along ** 2 + across ** 2 : Infinity;
      }, ...placeOf(panel, current)) ?? current;
      const box = panel.square.getBoundingClientRect(), [x, y] = placeOf(panel, next);
      point(next, panel, box.left + x, box.top + y);
      say(`${nameOf(next)}, stress ${stressOf(panel.network, next)}`);
    } else if (key === "Enter" || key === " ") keep(current);
    else if (key === "PageUp") show(layer - 1);
    else if (key === "PageDown") show(layer + 1);
    else if (key === "Escape") point(null);
    else return;
    event.preventDefault();
  }

  function drawPanel(panel) {
    const width = panel.width = panel.square.clientWidth;
    const context = fitted(panel.square.firstChild, width), spacing = width / Math.sqrt(nStimuli);
    const pictures = find("pictures")?.checked;
    const radius = Math.min(4.5, Math.max(1.4, .22 * spacing));
    const size = pictures ? Math.min(28, Math.max(9, spacing)) : Math.ceil(2.6 * radius);
    const marks = data.categories.map((one) => { // drawn once, since copies are fast
      const canvas = make("canvas", {});
      drawMarker(fitted(canvas, size), size / 2, size / 2, radius, one);
      return canvas;
    });
    for (const stimulus of stimuli) {
      const [x, y] = placeOf(panel, stimulus).map((place) => place - size / 2);
      context.globalAlpha = highlighted === null || highlighted === category[stimulus] ? .85 : .1;
      if (pictures) drawImage(context, stimulus, x, y, size);
      else context.drawImage(marks[category[stimulus]], x, y, size, size);
    }
    drawMarks(panel);
  }

  function drawMarks(panel) {
    const context = fitted(panel.square.lastChild, panel.width);
    const ring = (stimulus, radius, color, thickness) => {
      drawCircle(context, placeOf(panel, stimulus), radius, "#fff", thickness + 2.5);
      drawCircle(context, placeOf(panel, stimulus), radius, color, thickness);
    };
    const near = nearestOf(panel.network, kept);
    context.strokeStyle = INK;
    context.beginPath();
    for (const stimulus of near) {
      context.moveTo(...placeOf(panel, kept));
      context.lineTo(...placeOf(panel, stimulus));
    }
    context.stroke();
    for (const stimulus of near) ring(stimulus, 3.5, INK, 1);
    ring(kept, 6, INK, 2);
    if (pointed !== null) ring(pointed, 7, POINTED, 2.5);
    Object.assign(panel.square.dataset, {kept, pointed: pointed ?? ""});
  }

  // Mark a stimulus in all panels, and describe it beside the pointer if that is in one.
  function point(stimulus, panel, x, y) {
    const tip = find("tip");
    if (stimulus !== pointed) {
      pointed = stimulus;
      visible().forEach(drawMarks);
    }
    tip.hidden = stimulus === null || !panel;
    if (tip.hidden) return;
    const shows = `${at(panel.network, stimulus)}`;
    if (tip.dataset.shows !== shows) {
      tip.dataset.shows = shows;
      tip.replaceChildren(thumbnail(stimulus, 64),
        described(stimulus, `pointwise stress ${stressOf(panel.network, stimulus)}`));
    }
    const beside = (place, size, most) =>
      Math.max(4, place + 16 + size > most ? place - 16 - size : place + 16) + "px";
    tip.style.left = beside(x, tip.offsetWidth, innerWidth);
    tip.style.top = beside(y, tip.offsetHeight, innerHeight);
  }

  let transition = 0; // the number of the last one

  // Show a layer, and an epoch: points move from where they are.
  function show(nextLayer, nextEpoch = epoch, duration = MOVING) {
    layer = Math.min(nLayers - 1, Math.max(0, nextLayer));
    epoch = nextEpoch;
    for (const [id, value, name] of [["layer", layer, data.layers[layer]],
      ["epoch", epoch, data.epochs[epoch]]]) {
      if (!find(id)) continue;
      find(id).value = value;
      find(id).setAttribute("aria-valuetext", name);
      find(id + "-name").textContent = name;
    }
    if (consistency) find("gallery-state").textContent = stateName();
    for (const {network, square, shows, stress} of panels) {
      shows.textContent = stateName();
      stress.textContent = `stress ${data.stress[state()][network].toFixed(2)}`;
      square.setAttribute("aria-label", `${data.instances[network]}, ${stateName()}`);
    }
    showKept();
    showGallery();
    const from = now.slice(), own = ++transition, began = performance.now();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) duration = 0;
    const step = () => {
      if (own !== transition) return;
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
    say(`${nameOf(stimulus)} is kept`);
    showKept();
    visible().forEach(drawMarks);
  }

  const focusable = () => [...find("kept").querySelectorAll("button")];

  function showKept() {
    const lists = networks.map((network) => nearestOf(network, kept)), order = fromLeast();
    const sharing = (stimulus) => lists.filter((list) => list.includes(stimulus)).length;
    const words = order.includes(kept) && `consistency ${consistencyOf(kept).toFixed(3)} in ` +
      `${stateName()}, ${order.indexOf(kept) + 1} of ${order.length} from the least consistent`;
    const place = focusable().indexOf(document.activeElement); // the list is made anew
    find("kept").replaceChildren(
      make("div", {className: "ex-about"}, thumbnail(kept, 64), described(kept, words)),
      ...visible().map(({network}) => make("div", {className: "ex-row"},
        make("span", {}, data.instances[network]),
        ...lists[network].map((one) => imageButton(one, 36,
          `nearest in ${sharing(one)} of ${nNetworks} networks`, bar(sharing(one) / nNetworks))))));
    if (place >= 0) focusable()[Math.min(place, focusable().length - 1)].focus({preventScroll: true});
  }

  function showGallery() {
    if (!consistency) return;
    const order = fromLeast();
    for (const [id, some] of [["least", order], ["most", [...order].reverse()]]) {
      find(id).replaceChildren(...some.slice(0, IN_GALLERY).map((one) => {
        const value = consistencyOf(one).toFixed(3);
        return make("li", {}, imageButton(one, 48, `consistency ${value}`, value));
      }));
    }
  }

  // --- RDMs ------------------------------------------------------------------------------------

  const STRIP = 7, MARGIN = 30; // pixels: of categories beside the matrix, and of axes
  const matrix = layered(find("matrix"), "application", "matrix");
  const scatter = layered(find("scatter"), "img");
  const chosen = (id) => [Number(find(id + "-layer").value), Number(find(id + "-network").value)];
  const rdmName = ([ofLayer, network]) =>
    `${data.layers[ofLayer]}, ${data.instances[network] ?? "mean of instances"}`;
  let order = []; // of the rows of the matrix, as places in `inRdm`
  let cell = [0, 1]; // row and column
  let spots = []; // of the pairs in the scatter, in pixels

  function viridis(share) {
    const place = Math.min(.999999, Math.max(0, share)) * (VIRIDIS.length - 1);
    const [from, to] = [0, 1].map((more) => VIRIDIS[Math.floor(place) + more]);
    return [1, 3, 5].map((i) => {
      const [a, b] = [from, to].map((color) => parseInt(color.slice(i, i + 2), 16));
      return a + (b - a) * (place % 1);
    });
  }

  function drawRdms() {
    const a = chosen("a"), b = chosen("b"), start = (a[0] * (nNetworks + 1) + a[1]) * nInRdm;
    const [xs, ys] = [a, b].map((one) => pairs.map((_, pair) => distance(...one, pair)));
    order = find("order").value === "cluster" ? [...orders.subarray(start, start + nInRdm)]
      : [...inRdm.keys()].sort((i, j) => category[inRdm[i]] - category[inRdm[j]] || i - j);
    drawMatrix(xs, rdmName(a));
    drawScatter(xs, ys, [a, b].map(rdmName));
    showPair(cell);
  }

  function drawMatrix(values, name) {
    const width = matrix.clientWidth, context = fitted(matrix.firstChild, width);
    const low = Math.min(...values), high = Math.max(...values), each = (width - STRIP) / nInRdm;
    const small = make("canvas", {width: nInRdm, height: nInRdm}), ink = small.getContext("2d");
    const image = ink.createImageData(nInRdm, nInRdm);
    image.data.fill(255);
    order.forEach((i, row) => order.forEach((j, column) => {
      if (i === j) return;
      const color = viridis((values[pairOf(i, j)] - low) / (high - low || 1));
      image.data.set(color, 4 * (row * nInRdm + column));
    }));
    ink.putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(small, STRIP, STRIP, width - STRIP, width - STRIP);
    order.forEach((one, i) => {
      context.fillStyle = categoryOf(inRdm[one]).color;
      context.fillRect(STRIP + i * each, 0, each + .5, STRIP - 2);
      context.fillRect(0, STRIP + i * each, STRIP - 2, each + .5);
    });
    find("scale").textContent = `${data.distance} from ${low.toFixed(2)} to ${high.toFixed(2)}`;
    matrix.setAttribute("aria-label", `RDM of ${name}`);
  }

  function drawScatter(xs, ys, names) {
    const width = scatter.clientWidth, context = fitted(scatter.firstChild, width);
    const inner = width - MARGIN - 8, axes = [xs, ys].map((values, i) => {
      const low = Math.min(...values), high = Math.max(...values), step = inner / (high - low || 1);
      return {texts: [low.toFixed(2), names[i], high.toFixed(2)], low, step};
    });
    spots = pairs.map((_, pair) => [MARGIN + (xs[pair] - axes[0].low) * axes[0].step,
      8 + inner - (ys[pair] - axes[1].low) * axes[1].step]);
    context.globalAlpha = Math.min(.9, 60 / Math.sqrt(pairs.length));
    for (const within of hasCategories ? [false, true] : [false]) {
      context.fillStyle = within ? ACCENT : "#8a94a3";
      pairs.forEach(([i, j], pair) => {
        const same = hasCategories && category[inRdm[i]] === category[inRdm[j]];
        const [x, y] = spots[pair];
        if (same === within) context.fillRect(x - 1.25, y - 1.25, 2.5, 2.5);
      });
    }
    Object.assign(context, {globalAlpha: 1, strokeStyle: SOFT, fillStyle: SOFT});
    context.font = "11px sans-serif";
    context.strokeRect(MARGIN - 4.5, 4.5, inner + 8, inner + 8);
    for (const [number, {texts}] of axes.entries()) {
      const start = number ? -8 - inner : MARGIN, line = number ? 16 : width - 6;
      if (number) context.rotate(-Math.PI / 2);
      ["left", "center", "right"].forEach((textAlign, i) => {
        context.textAlign = textAlign;
        context.fillText(texts[i], start + i * inner / 2, line, inner);
      });
    }
    const r = correlation(xs, ys);
    scatter.setAttribute("aria-label", `Distances in ${names.join(" against ")}: r = ${r.toFixed(3)}`);
    find("scatter-text").textContent = `r = ${r.toFixed(3)}, r² = ${(r * r).toFixed(3)} over these ` +
      `${pairs.length.toLocaleString("en")} pairs${hasCategories ? "; blue: within a category" : ""}`;
  }

  function correlation(xs, ys) {
    const [a, b] = [xs, ys].map((values) => {
      const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
      return values.map((value) => value - mean);
    });
    const product = (p, q) => p.reduce((sum, value, i) => sum + value * q[i], 0);
    return product(a, b) / Math.sqrt(product(a, a) * product(b, b));
  }

  // Mark the pair of a row and a column in both pictures, and describe it.
  function showPair([row, column]) {
    cell = [row, column];
    const width = matrix.clientWidth, each = (width - STRIP) / nInRdm, [ofLayer] = chosen("a");
    const two = [order[row], order[column]], pair = pairOf(...two);
    const context = fitted(matrix.lastChild, width);
    for (const [strokeStyle, lineWidth] of [["#fff", 3], [INK, 1]]) {
      Object.assign(context, {strokeStyle, lineWidth});
      for (const [i, j] of [cell, [column, row]]) {
        context.strokeRect(STRIP + j * each - 1, STRIP + i * each - 1, each + 2, each + 2);
      }
    }
    drawCircle(fitted(scatter.lastChild, scatter.clientWidth), spots[pair], 5, POINTED, 2);
    const largest = Math.max(...data.rdms.high[ofLayer]);
    find("pair").replaceChildren(
      ...two.map((one) => make("div", {className: "ex-about"},
        thumbnail(inRdm[one], 64), described(inRdm[one]))),
      make("div", {className: "ex-bars"}, make("b", {}, `Distance in ${data.layers[ofLayer]}`),
        ...networks.flatMap((network) => {
          const value = distance(ofLayer, network, pair);
          return [make("span", {}, data.instances[network]), bar(value / largest),
            make("span", {className: "ex-value"}, written(ofLayer, network, pair))];
        })));
  }

  matrix.onpointermove = matrix.onpointerdown = (event) => {
    const each = (matrix.clientWidth - STRIP) / nInRdm;
    const [column, row] = within(matrix, event).map((place) =>
      Math.min(nInRdm - 1, Math.max(0, Math.floor((place - STRIP) / each))));
    if (row !== column) showPair([row, column]);
  };
  matrix.onkeydown = (event) => {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    let [row, column] = cell;
    do [row, column] = [(row + arrow[1] + nInRdm) % nInRdm, (column + arrow[0] + nInRdm) % nInRdm];
    while (row === column);
    showPair([row, column]);
    const two = [order[row], order[column]];
    say(`${two.map((one) => nameOf(inRdm[one])).join(" and ")}: ` +
      written(...chosen("a"), pairOf(...two)));
  };
  scatter.onpointermove = scatter.onpointerdown = (event) => {
    const [x, y] = within(scatter, event);
    const away = spots.map(([left, top]) => (left - x) ** 2 + (top - y) ** 2);
    const least = away.indexOf(Math.min(...away));
    if (away[least] < REACH ** 2) showPair(pairs[least].map((one) => order.indexOf(one)));
  };

  // --- controls --------------------------------------------------------------------------------

  for (const [number, one] of data.categories.entries()) {
    const options = stimuli.filter((stimulus) => category[stimulus] === number)
      .map((stimulus) => make("option", {value: stimulus}, data.stimuli[stimulus]));
    find("stimulus").append(...one.name ? [make("optgroup", {label: one.name}, ...options)] : options);
    if (!hasCategories) continue;
    const mark = make("canvas", {ariaHidden: "true"});
    const button = make("button", {type: "button", ariaPressed: "false"}, mark, one.name);
    mark.style.width = mark.style.height = "12px";
    drawMarker(fitted(mark, 12), 6, 6, 4.5, one);
    button.onclick = () => {
      highlighted = highlighted === number ? null : number;
      [...find("categories").children].forEach(({firstChild}, i) => {
        firstChild.ariaPressed = String(i === highlighted);
      });
      visible().forEach(drawPanel);
    };
    find("categories").append(make("li", {}, button));
  }

  function arrange() {
    find("panels").toggleAttribute("data-few", visible().length <= 3);
    visible().forEach(drawPanel);
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
  find("layer").oninput = () => show(Number(find("layer").value));
  if (find("epoch")) find("epoch").oninput = () => show(layer, Number(find("epoch").value));
  find("stimulus").onchange = () => keep(Number(find("stimulus").value));
  if (sprite) find("pictures").onchange = arrange;
  find("a-layer").value = find("b-layer").value = nLayers - 1;
  find("a-network").value = 0;
  find("b-network").value = Math.min(1, nNetworks - 1);
  for (const id of ["a-layer", "a-network", "b-layer", "b-network", "order"]) {
    find(id).onchange = drawRdms;
  }

  find("without").remove();
  root.hidden = false;
  kept = fromLeast()[0] ?? 0;
  find("stimulus").value = kept;
  show(layer, epoch, 0);
  let width = 0;
  new ResizeObserver(() => {
    if (width === root.clientWidth) return;
    width = root.clientWidth;
    arrange();
    drawRdms();
    root.dataset.ready = "yes";
  }).observe(root);
})();
