// What a page can do besides being read: copy a text, sort a table, save a figure or its numbers,
// and follow one instance through all figures. Without this script the page has the same content.
"use strict";
{
  const element = (tag, attributes = {}, ...children) => {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    made.append(...children);
    return made;
  };

  const button = (label, act, attributes = {}) => {
    const made = element("button", { type: "button", ...attributes }, label);
    made.addEventListener("click", () => act(made));
    return made;
  };

  // Data: blocks of JSON, or of deflated bytes in base64.

  const unpacked = (block) => {
    const bytes = Uint8Array.from(atob(block.textContent), (sign) => sign.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Response(stream).text();
  };

  // A table has a title, the names of its columns, their values, and the levels of categories.
  const asTable = ({ title, columns }) => {
    const values = {}, levels = {};
    for (const column of columns) {
      levels[column.name] = column.levels;
      values[column.name] = column.values ?? column.codes.map((code) => column.levels[code]);
    }
    return { title, names: columns.map((column) => column.name), values, levels };
  };

  const block = (name) => document.getElementById(name);
  const json = (name) => (block(name) ? JSON.parse(block(name).textContent) : null);
  const table = (name) => asTable(json(`table-${name}`));
  const anyTable = async (name) => {
    const found = block(`table-${name}`);
    const packed = found.type === "text/plain";
    return asTable(JSON.parse(packed ? await unpacked(found) : found.textContent));
  };

  const csv = ({ names, values }) => {
    const quoted = (value) => {
      const text = value === null ? "" : String(value);
      return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const line = (cells) => cells.map(quoted).join(",");
    const rows = values[names[0]].map((_, row) => line(names.map((name) => values[name][row])));
    return `${[line(names), ...rows].join("\r\n")}\r\n`;
  };

  const save = (name, address) => {
    const link = element("a", { href: address, download: name });
    document.body.append(link);
    link.click();
    link.remove();
  };

  const saveText = (name, text, type) => {
    const address = URL.createObjectURL(new Blob([text], { type }));
    save(name, address);
    setTimeout(() => URL.revokeObjectURL(address), 60000);
  };

  for (const figure of document.querySelectorAll("figure[data-name]")) {
    const { name, tables } = figure.dataset;
    const image = figure.querySelector("img"), svg = block(`svg-${figure.id}`);
    const tools = element("div", { class: "tools", role: "group" });
    tools.setAttribute("aria-label", `Save ${figure.dataset.label}`);
    tools.append(button("PNG", () => save(`${name}.png`, image.src)));
    if (svg) {
      const act = async () => saveText(`${name}.svg`, await unpacked(svg), "image/svg+xml");
      tools.append(button("SVG", act));
    }
    for (const id of tables.split(" ").filter(Boolean)) {
      const { title } = block(`table-${id}`).dataset;
      const act = async () => saveText(`${name}-${id}.csv`, csv(await anyTable(id)), "text/csv");
      tools.append(button(`CSV: ${title}`, act));
    }
    figure.append(tools);
  }

  // Copying

  const copy = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {  // some browsers do not lend the clipboard to local files
      const area = element("textarea", { "aria-hidden": "true" });
      area.value = text;
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  for (const part of document.querySelectorAll("[data-copy]")) {
    const made = button("Copy", async (pressed) => {
      await copy(part.innerText.trim());
      pressed.firstChild.data = "Copied";
      setTimeout(() => (pressed.firstChild.data = "Copy"), 2000);
    }, { class: "copy", "aria-live": "polite" });
    made.append(element("span", { class: "unseen" }, ` ${part.dataset.copy}`));
    part.after(made);
  }

  // Sorting by what a cell begins with: a number, or else a text; what is not defined comes last.

  const key = (cell) => {
    const text = (cell.firstChild?.textContent ?? "").trim();
    const number = parseFloat(text.replace("−", "-").replace(/^[<[]\s*/, "").replaceAll(",", ""));
    return { text, number, missing: /^[–\s]*$/.test(text) };
  };

  const inOrder = (a, b, sign) => {
    if (a.missing || b.missing) return a.missing - b.missing;
    const byNumber = a.number - b.number;
    return sign * (byNumber || a.text.localeCompare(b.text, undefined, { numeric: true }));
  };

  const sort = (head, column) => {
    const direction = { none: "ascending", ascending: "descending", descending: "none" };
    const next = direction[head.getAttribute("aria-sort") ?? "none"];
    for (const each of head.parentElement.cells) each.removeAttribute("aria-sort");
    if (next !== "none") head.setAttribute("aria-sort", next);
    const body = head.closest("table").tBodies[0];
    const rows = [...body.rows];
    rows.forEach((row, place) => (row.dataset.place ??= place));
    const sign = next === "ascending" ? 1 : -1;
    rows.sort((a, b) => a.dataset.place - b.dataset.place);
    if (next !== "none") {
      const keys = new Map(rows.map((row) => [row, key(row.cells[column])]));
      rows.sort((a, b) => inOrder(keys.get(a), keys.get(b), sign));
    }
    body.append(...rows);
  };

  for (const head of document.querySelectorAll("thead th[scope=col]")) {
    if (head.closest("table").tBodies[0].rows.length < 2) continue;
    const made = button("", () => sort(head, head.cellIndex), { class: "sort" });
    made.append(...head.childNodes);
    head.append(made);
  }

  // One instance in all figures. Marks of instances have their names in `data-of`.

  const token = (name) =>
    [...String(name)].map((sign) => sign.codePointAt(0).toString(36)).join("-");
  let kept = null;
  const mark = (names) => {
    const shown = names ?? (kept === null ? [] : [kept]);
    document.body.classList.toggle("marking", shown.length > 0);
    document.querySelectorAll("[data-of].marked").forEach((each) => each.classList.remove("marked"));
    for (const name of shown) {
      for (const each of document.querySelectorAll(`[data-of~="${token(name)}"]`)) {
        each.classList.add("marked");
      }
    }
  };

  const keep = (name) => {
    kept = kept === name ? null : name;
    for (const each of document.querySelectorAll("[data-keeps]")) {
      const isKept = kept !== null && each.dataset.keeps === token(kept);
      each.setAttribute("aria-pressed", isKept);
    }
    mark(null);
  };

  window.reportPage = { element, button, json, table, token, mark, keep };
}
