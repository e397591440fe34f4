// Charts that answer to pointer and keyboard, in place of the pictures of the same figures: values
// by layer, curves over epochs, and all RDMs compared with each other. They draw the tables in the
// page, which are also what is saved as CSV. Lengths are pixels of the screen.
"use strict";
if (window.reportPage) {
  const { element, button, json, table, token, mark, keep } = window.reportPage;
  const INK = "var(--ink)", GREY = "var(--mark)", LEFT = 48, TOP = 30;
  const MOST = 2000; // dots of a series

  const add = (parent, tag, attributes = {}, text = null) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    if (text !== null) made.textContent = text;
    parent.append(made);
    return made;
  };
  const write = (svg, x, y, text, anchor = "start", more = {}) =>
    add(svg, "text", { x, y, "text-anchor": anchor, ...more }, text);
  const line = (svg, points, look) => {
    const d = points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
    return add(svg, "path", { d, fill: "none", ...look });
  };
  const MARKS = {
    circle: (x, y) => `M${x - 3.6} ${y}a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0z`,
    square: (x, y) => `M${x - 3.3} ${y - 3.3}h6.6v6.6h-6.6z`,
    triangle: (x, y) => `M${x} ${y - 4.4}l4.2 7.6h-8.4z`,
  };
  const range = (n) => [...Array(n).keys()];
  const isKnown = (value) => Number.isFinite(value);
  const written = (value) => (isKnown(value) ? `${Number(value.toPrecision(4))}` : "not defined");
  const of = (...names) => names.map(token).join(" ");

  // A drawing with a readout. Its spots are what can be read, in the order of the arrow keys; up
  // and down go `stride` spots further.
  class View {
    constructor(stage, label) {
      this.svg = add(stage.picture, "svg", { role: "img", "aria-label": label, tabindex: 0 });
      Object.assign(this, { readout: stage.readout, spots: [], stride: 1, place: -1 });
      const on = (kind, act) => this.svg.addEventListener(kind, act);
      on("pointermove", (event) => this.point(event));
      on("pointerdown", (event) => this.point(event));
      on("pointerleave", ({ pointerType }) => pointerType === "touch" || this.leave());
      on("blur", () => this.leave());
      on("keydown", (event) => this.press(event));
      on("click", (event) => {
        this.point(event);
        this.choose();
      });
    }
    begin(width, height) {
      this.svg.replaceChildren();
      this.svg.setAttribute("width", width);
      this.svg.setAttribute("height", height);
      [this.spots, this.place] = [[], -1];
    }
    near(x, y) {
      let nearest = -1, least = 24 ** 2;
      this.spots.forEach((spot, place) => {
        const distance = (spot.x - x) ** 2 + (spot.y - y) ** 2;
        if (distance < least) [nearest, least] = [place, distance];
      });
      return nearest;
    }
    point({ clientX, clientY }) {
      const box = this.svg.getBoundingClientRect();
      const place = this.near(clientX - box.left, clientY - box.top);
      if (place < 0) this.leave();
      else this.read(place);
    }
    press(event) {
      const steps = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: this.stride, ArrowUp: -this.stride };
      if (event.key === "Enter") this.choose();
      if (!(event.key in steps)) return;
      event.preventDefault();
      const place = this.place < 0 ? 0 : this.place + steps[event.key];
      if (place >= 0 && place < this.spots.length) this.read(place);
    }
    read(place) {
      if (place === this.place) return;
      this.place = place;
      const { x, y, text, names } = this.spots.at(place);
      this.ring?.remove();
      this.ring = add(this.svg, "circle", { cx: x, cy: y, r: 7, class: "ring" });
      this.readout.textContent = text();
      mark(names);
    }
    leave() {
      if (this.place < 0) return;
      this.place = -1;
      this.ring?.remove();
      this.readout.textContent = this.readout.dataset.hint;
      mark(null);
    }
    choose() {
      const { names } = (this.place >= 0 && this.spots.at(this.place)) || { names: [] };
      if (names.length === 1) keep(names[0]);
    }
  }

  // Axes

  const ticks = (low, high, most) => {
    if (!(high > low)) return [low];
    const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough);
    const first = Math.ceil(low / step - 1e-9), n = Math.floor(high / step + 1e-9) - first + 1;
    return range(n).map((i) => Number(((first + i) * step).toPrecision(12)));
  };
  const logTicks = (low, high) => {
    const first = Math.ceil(Math.log10(low)), n = Math.floor(Math.log10(high)) - first + 1;
    return range(n).map((i) => Number((10 ** (first + i)).toPrecision(1)));
  };
  const scale = ([low, high], [start, end], log = false) => {
    const at = log ? Math.log : (value) => value;
    return (value) => start + ((at(value) - at(low)) / (at(high) - at(low) || 1)) * (end - start);
  };
  const yAxis = (svg, y, values, right, label) => {
    for (const value of values) {
      add(svg, "path", { d: `M${LEFT} ${y(value)}H${right}`, class: "grid" });
      write(svg, LEFT - 8, y(value) + 4, String(value).replace("-", "−"), "end");
    }
    write(svg, 6, 16, label, "start", { class: "label" });
  };
  const xAxis = (svg, right, bottom) =>
    add(svg, "path", { d: `M${LEFT} ${bottom}H${right}`, class: "axis" });
  // Names below an axis, turned if they are wide and thinned if there are many.
  const turnedNames = (layers, room) => Math.max(...layers.map((name) => name.length)) * 7.5 > room;
  const nameLayers = (svg, layers, x, bottom, room) => {
    const turned = turnedNames(layers, room), step = Math.max(1, Math.ceil(15 / room));
    layers.forEach((name, place) => {
      if (place % step) return;
      const at = x(place), end = [at + 4, bottom + 16];
      if (turned) write(svg, ...end, name, "end", { transform: `rotate(-40 ${end.join(" ")})` });
      else write(svg, at, bottom + 18, name, "middle");
    });
  };
  const depthOfNames = (layers, turned) =>
    turned ? Math.min(120, 26 + 4.6 * Math.max(...layers.map((name) => name.length))) : 28;

  // Values by layer: series of means with intervals, and behind them single instances or pairs.
  const byLayer = (spec, stage) => {
    const { values, levels } = table(spec.table), layers = levels.layer.map(String);
    const points = spec.points && table(spec.points.table).values;
    const fits = (columns, row, where = {}) =>
      Object.entries(where).every(([name, level]) => columns[name][row] === level);
    const layerOf = (columns, row) => layers.indexOf(String(columns.layer[row]));
    const view = new View(stage, stage.title);
    const shown = new Set(spec.shown);
    const isOn = (one) => shown.has(one.label);
    const series = spec.series.map((one) => ({
      ...one, rows: range(values.layer.length).filter((row) => fits(values, row, one.where)),
    }));

    const pointsOf = (one) =>
      range(points.layer.length).filter((row) => fits(points, row, one.where));
    // Every how many-th of a layer is drawn: more dots are slow, and hide each other.
    const every = points ? Math.ceil(pointsOf(series[0]).length / MOST) || 1 : 1;

    const drawPoints = (one, colour, x, y) => {
      const rows = pointsOf(one), perLayer = rows.length / layers.length, lines = new Map();
      rows.forEach((row, place) => {
        if ((place % perLayer) % every) return;
        const value = points[spec.points.value][row];
        if (!isKnown(value)) return;
        const members = spec.points.of.map((name) => points[name][row]);
        const alone = spec.points.joined || perLayer < 2;
        const spread = alone ? 0 : (0.6 * (place % perLayer)) / (perLayer - 1) - 0.3;
        const [cx, cy] = [x(layerOf(points, row) + spread), y(value)];
        const look = { r: perLayer > 20 ? 1.8 : 2.8, fill: colour, class: "dot", "data-of": of(...members) };
        add(view.svg, "circle", { cx, cy, ...look });
        const who = `${members.length > 1 ? "instances" : "instance"} ${members.join(" and ")}`;
        const text = () => `${points.layer[row]}, ${who}: ${spec.unit} ${written(value)}`;
        view.spots.push({ x: cx, y: cy, text, names: members });
        lines.set(members[0], [...(lines.get(members[0]) ?? []), [cx, cy]]);
      });
      if (!spec.points.joined) return;
      for (const [name, at] of lines) {
        line(view.svg, at, { stroke: GREY, class: "thin", "data-of": of(name) });
      }
    };

    const drawMeans = (one, x, y, aside) => {
      const at = (row) => x(layerOf(values, row) + aside);
      const known = one.rows.filter((row) => isKnown(values[one.value][row]));
      for (const { low, high, wide } of spec.intervals.filter((each) => isOn(each))) {
        for (const row of known) {
          const [from, to] = [values[low][row], values[high][row]];
          if (!isKnown(from) || !isKnown(to)) continue;
          const caps = wide ? "" : `M${at(row) - 3} ${y(from)}h6M${at(row) - 3} ${y(to)}h6`;
          const d = `M${at(row)} ${y(from)}V${y(to)}${caps}`;
          add(view.svg, "path", { d, stroke: one.colour, class: wide ? "broad" : "bar" });
        }
      }
      const path = known.map((row) => [at(row), y(values[one.value][row])]);
      line(view.svg, path, { stroke: one.colour, class: "mean" });
      known.forEach((row, place) => {
        const [cx, cy] = path[place];
        add(view.svg, "path", { d: MARKS[one.marker](cx, cy), fill: one.colour, class: "point" });
        const bounds = ({ label, low, high }) =>
          `; ${label}: ${written(values[low][row])} to ${written(values[high][row])}`;
        const what = `${values.layer[row]}${series.length > 1 ? `, ${one.label}` : ""}`;
        const bounded = spec.intervals.filter(({ low }) => isKnown(values[low][row]));
        const mean = written(values[one.value][row]);
        const text = () => `${what}: ${spec.of} ${mean}${bounded.map(bounds).join("")}`;
        view.spots.push({ x: cx, y: cy, text, names: [] });
      });
    };

    const draw = () => {
      const width = stage.width(), right = width - 10, bottom = 300;
      const room = (right - LEFT) / layers.length;
      view.begin(width, bottom + depthOfNames(layers, turnedNames(layers, room)));
      const lit = series.filter(isOn), withPoints = points && isOn(spec.points);
      const bounds = spec.intervals.filter(isOn).flatMap(({ low, high }) => [low, high]);
      const drawn = [
        ...lit.flatMap((one) => one.rows.map((row) => values[one.value][row])),
        ...bounds.flatMap((name) => values[name]),
        ...(withPoints ? points[spec.points.value] : []), ...spec.ends,
      ].filter(isKnown);
      const ends = [Math.min(...drawn), Math.max(...drawn)];
      const x = scale([-0.5, layers.length - 0.5], [LEFT, right]), y = scale(ends, [bottom, TOP]);
      yAxis(view.svg, y, ticks(...ends, 6), right, spec.label);
      xAxis(view.svg, right, bottom);
      nameLayers(view.svg, layers, x, bottom, room);
      const colourOf = (one) => (lit.length > 1 ? one.colour : GREY);
      if (withPoints) lit.forEach((one) => drawPoints(one, colourOf(one), x, y));
      lit.forEach((one, place) => drawMeans(one, x, y, 0.14 * (place - (lit.length - 1) / 2)));
    };

    const toggle = (one, sample, note = "") => {
      const box = element("input", { type: "checkbox" });
      box.checked = isOn(one);
      box.addEventListener("change", () => {
        shown[box.checked ? "add" : "delete"](one.label);
        draw();
        mark(null);
      });
      const drawing = add(element("span"), "svg", { width: 22, height: 12, "aria-hidden": "true" });
      sample.forEach((look) => add(drawing, "path", { fill: "none", ...look }));
      stage.controls.append(element("label", {}, box, drawing, ` ${one.label}${note}`));
    };
    for (const one of series) {
      const { colour, marker } = one;
      toggle(one, [
        { d: "M0 6H22", stroke: colour, class: "mean" }, { d: MARKS[marker](11, 6), fill: colour },
      ]);
    }
    for (const one of spec.intervals) {
      const [d, kind] = one.wide ? ["M11 0V12", "broad"] : ["M11 1V11M8 1h6M8 11h6", "bar"];
      toggle(one, [{ d, stroke: INK, class: kind }]);
    }
    const dot = { d: MARKS.circle(11, 6), fill: GREY, transform: "translate(5 3) scale(.5)" };
    if (points) toggle(spec.points, [dot], every > 1 ? ` (one in ${every} of each layer)` : "");
    return draw;
  };

  // Curves over epochs: a panel for each quantity, a line for each instance.
  const curves = (spec, stage) => {
    const { values, levels } = table(spec.table), { instance: instances, epoch: epochs } = levels;
    const panels = spec.panels.map((panel) => ({ ...panel, view: new View(stage, panel.label) }));
    const panelOf = (width, { view, name, label, log }) => {
      const right = width - 10, bottom = 230, known = values[name].filter(isKnown);
      view.begin(width, bottom + 42);
      view.stride = epochs.length;
      const low = log ? Math.min(...known) : 0;
      const high = Math.max(...known, ...(spec.ends[name] ?? []));
      const x = scale([epochs[0] - 1, epochs.at(-1)], [LEFT, right]);
      const y = scale([low, high], [bottom, TOP], log);
      yAxis(view.svg, y, log ? logTicks(low, high) : ticks(low, high, 5), right, label);
      xAxis(view.svg, right, bottom);
      const named = ticks(epochs[0] - 1, epochs.at(-1), width / 70).filter(Number.isInteger);
      for (const epoch of named) {
        write(view.svg, x(epoch), bottom + 18, epoch, "middle");
      }
      write(view.svg, right, bottom + 36, "Epoch", "end", { class: "label" });
      instances.forEach((instance, own) => {
        const noted = spec.noted[instance], path = [];
        const seed = spec.seeds.length ? ` (seed ${spec.seeds[own]})` : "";
        const after = noted ? `; ${noted}` : "";
        epochs.forEach((epoch, place) => {
          const value = values[name][place * instances.length + own];
          if (!isKnown(value)) return;
          path.push([x(epoch), y(value)]);
          const what = `Instance ${instance}${seed}, epoch ${epoch}`;
          const text = () => `${what}: ${label.toLowerCase()} ${written(value)}${after}`;
          view.spots.push({ x: x(epoch), y: y(value), text, names: [instance] });
        });
        const [stroke, kind] = noted ? [spec.flagged, "curve noted"] : [spec.ordinary, "curve"];
        line(view.svg, path, { stroke, class: kind, "data-of": of(instance) });
      });
      const ordinary = range(instances.length).filter((own) => !(instances[own] in spec.noted));
      const means = epochs.map((epoch, place) => {
        const all = ordinary.map((own) => values[name][place * instances.length + own]);
        const sum = all.reduce((total, value) => total + value, 0);
        return all.every(isKnown) ? [x(epoch), y(sum / all.length)] : null;
      });
      if (ordinary.length < 2) return;
      line(view.svg, means.filter(Boolean), { stroke: INK, class: "mean" });
    };
    return () => {
      const room = stage.width(), columns = room > 620 ? panels.length : 1;
      panels.forEach((panel) => panelOf(Math.floor((room - 16 * (columns - 1)) / columns), panel));
    };
  };

  // All RDMs compared: the matrix of their distances, and its layout.
  const secondLevel = (spec, stage) => {
    const { distance } = table(spec.matrix).values, points = table(spec.layout);
    const layers = points.levels.layer.map(String), instances = points.levels.instance;
    const k = instances.length, n = layers.length * k, highest = Math.max(...distance) || 1;
    const above = (i, j) => distance[i * n - (i * (i + 3)) / 2 + j - 1];  // row by row
    const at = (i, j) => (i === j ? 0 : above(Math.min(i, j), Math.max(i, j)));
    const nameOf = (i) => `${layers[Math.floor(i / k)]} of instance ${instances[i % k]}`;
    const colour = (share) => {
      const place = share * (spec.colours.length - 1), low = Math.floor(place);
      const [a, b] = [spec.colours[low], spec.colours[Math.min(low + 1, spec.colours.length - 1)]];
      return a.map((value, part) => Math.round(value + (place - low) * (b[part] - value)));
    };
    const paint = () => {
      const canvas = element("canvas", { width: n, height: n }), brush = canvas.getContext("2d");
      const pixels = brush.createImageData(n, n);
      range(n * n).forEach((i) => {
        const shade = colour(at(Math.floor(i / n), i % n) / highest);
        pixels.data.set([...shade, 255], 4 * i);
      });
      brush.putImageData(pixels, 0, 0);
      return canvas.toDataURL();
    };
    const address = paint();
    const matrix = new View(stage, `${stage.title}: matrix`);
    const plane = new View(stage, `${stage.title}: layout`);

    const drawMatrix = (width) => {
      const { svg } = matrix, left = 70, top = 14;
      const side = Math.min(width - left - 60, 420), cell = side / n, low = top + side;
      const middle = (place) => (place + 0.5) * k * cell;
      matrix.begin(width, top + side + depthOfNames(layers, true));
      const box = { x: left, y: top, width: side, height: side };
      add(svg, "image", { ...box, href: address, class: "pixels" });
      range(layers.length).slice(1).forEach((place) => {
        const edge = place * k * cell;
        const d = `M${left} ${top + edge}h${side}M${left + edge} ${top}v${side}`;
        add(svg, "path", { d, class: "between" });
      });
      const step = Math.max(1, Math.ceil((14 * layers.length) / side));
      layers.forEach((layer, place) => {
        if (place % step === 0) write(svg, left - 7, top + middle(place) + 4, layer, "end");
      });
      nameLayers(svg, layers, (place) => left + middle(place), low, Math.min(k * cell, 20));
      instances.forEach((instance, own) => {
        const edges = range(layers.length).map((place) => (place * k + own) * cell);
        const part = (x, y, across, down) => `M${x} ${y}h${across}v${down}h${-across}z`;
        const bands = (edge) =>
          part(left, top + edge, side, cell) + part(left + edge, top, cell, side);
        const ends = (edge) =>
          part(left - 5, top + edge, 5, cell) + part(left + edge, low, cell, 5);
        add(svg, "path", { d: edges.map(bands).join(""), class: "rows", "data-of": of(instance) });
        add(svg, "path", { d: edges.map(ends).join(""), class: "ends", "data-of": of(instance) });
      });
      const bar = left + side + 14, y = scale([0, highest], [low, top]);
      range(40).forEach((i) => {
        const fill = `rgb(${colour(i / 39).join()})`;
        const height = side / 40 + 0.5;
        add(svg, "rect", { x: bar, width: 12, y: y(((i + 1) * highest) / 40), height, fill });
      });
      for (const value of ticks(0, highest, 5)) write(svg, bar + 17, y(value) + 4, value);
      matrix.stride = n;
      matrix.near = (across, down) => {
        const [row, column] = [down - top, across - left].map((at) => Math.floor(at / cell));
        return row >= 0 && row < n && column >= 0 && column < n ? row * n + column : -1;
      };
      matrix.spots = {
        length: n * n,
        at: (place) => {
          const i = Math.floor(place / n), j = place % n, other = i === j ? "itself" : nameOf(j);
          return {
            x: left + (j + 0.5) * cell,
            y: top + (i + 0.5) * cell,
            names: [...new Set([instances[i % k], instances[j % k]])],
            text: () => `${nameOf(i)} and ${other}: 1 − r = ${written(at(i, j))}`,
          };
        },
      };
    };

    const drawPlane = (width) => {
      const { svg } = plane, { x: xs, y: ys } = points.values, top = 14;
      const side = Math.min(width - 20, 420), start = (width - side) / 2;
      const extents = [xs, ys].map((values) => [Math.min(...values), Math.max(...values)]);
      const span = Math.max(...extents.map(([low, high]) => high - low)) || 1;
      const unit = (side - 36) / span;  // the same for both axes
      const along = ([low, high], from, sign) => (value) =>
        from + side / 2 + sign * (value - (low + high) / 2) * unit;
      const x = along(extents[0], start, 1), y = along(extents[1], top, -1);
      plane.begin(width, top + side + 46);
      plane.stride = k;
      add(svg, "rect", { x: start, y: top, width: side, height: side, class: "frame" });
      instances.forEach((instance, own) => {
        const path = range(layers.length).map((i) => [x(xs[i * k + own]), y(ys[i * k + own])]);
        line(svg, path, { stroke: GREY, class: "thin", "data-of": of(instance) });
      });
      range(n).forEach((i) => {
        const names = [instances[i % k]], [cx, cy] = [x(xs[i]), y(ys[i])];
        const fill = spec.shades[Math.floor(i / k)];
        add(svg, "circle", { cx, cy, r: 5, fill, class: "point", "data-of": of(...names) });
        plane.spots.push({ x: cx, y: cy, text: () => nameOf(i), names });
      });
      const length = ticks(0, span, 5)[1], bottom = top + side - 12;
      const d = `M${start + 10} ${bottom}h${length * unit}`;
      add(svg, "path", { d, stroke: INK, class: "bar" });
      const stress = `stress ${spec.stress.toFixed(2)}`;
      write(svg, start + length * unit + 16, bottom + 4, `${length} (1 − r); ${stress}`);
      const step = side / layers.length, below = top + side + 10;
      spec.shades.forEach((fill, i) => {
        add(svg, "rect", { x: start + i * step, y: below, width: step + 0.5, height: 8, fill });
      });
      write(svg, start, below + 24, layers[0]);
      write(svg, start + side, below + 24, layers.at(-1), "end");
    };
    return () => {
      const room = stage.width(), width = room > 700 ? Math.floor((room - 16) / 2) : room;
      drawMatrix(width);
      drawPlane(width);
    };
  };

  // A chart is drawn when its figure comes near the window, and again when the width changes.
  const KINDS = { layers: byLayer, curves, second_level: secondLevel };
  const HINT = "Point at the figure to read a value, or focus it and use the arrow keys.";
  const draws = [];
  const begin = (spec, figure) => {
    const label = `What ${figure.dataset.label} shows`;
    const controls = element("div", { class: "controls", role: "group", "aria-label": label });
    const picture = element("div", { class: "picture" });
    const readout = element("output", { class: "readout", "data-hint": HINT }, HINT);
    const chart = element("div", { class: "chart" }, controls, picture, readout);
    figure.querySelector(".still").before(chart);
    figure.classList.add("live");
    const title = figure.querySelector("img").alt, width = () => Math.max(240, picture.clientWidth);
    const draw = KINDS[spec.kind](spec, { controls, picture, readout, title, width });
    draws.push(draw);
    draw();
    if (!controls.children.length) controls.remove();
    mark(null);
  };
  const figureOf = (spec) => document.getElementById(spec.figure);
  const specs = new Map((json("charts") ?? []).map((spec) => [figureOf(spec), spec]));
  const watch = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watch.unobserve(target);
      begin(specs.get(target), target);
    }
  }, { rootMargin: "500px" });
  specs.forEach((_, figure) => watch.observe(figure));

  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth === width) return;
    width = window.innerWidth;
    draws.forEach((draw) => draw());
    mark(null);
  });

  const [[first, spec] = []] = specs;
  if (spec?.instances?.length > 1) {
    const label = "Follow an instance";
    const bar = element("div", { class: "instances", role: "group", "aria-label": label });
    bar.append(element("span", {}, `${label}:`));
    for (const name of spec.instances) {
      const state = { "aria-pressed": "false", "data-keeps": token(name) };
      bar.append(button(String(name), () => keep(name), state));
    }
    first.parentElement.before(bar);
  }
}
