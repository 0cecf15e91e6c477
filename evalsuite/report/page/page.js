"use strict";
// Everything that is shown comes in through textContent: a model's answer is never read as HTML.

const byId = (id) => document.getElementById(id);
const data = JSON.parse(byId("data").textContent);

function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children);
  return element;
}

const opened = new Map();
function unpack(id) {
  if (!opened.has(id)) {
    const bytes = Uint8Array.from(atob(byId(id).textContent), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    opened.set(id, new Response(stream).json());
  }
  return opened.get(id);
}

// ---- theme ----------------------------------------------------------------------------------

function theme() {
  const button = byId("theme");
  const prefers = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (document.documentElement.dataset.theme || (prefers.matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(dark()));
  button.hidden = false;
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    show();
  });
  prefers.addEventListener("change", show);
  show();
}

// ---- tables ---------------------------------------------------------------------------------

function sortBy(table, head) {
  const descending = head.ariaSort === "none" ? head.dataset.sort === "number" : head.ariaSort === "ascending";
  const column = head.cellIndex;
  for (const other of table.querySelectorAll("[aria-sort]")) other.ariaSort = "none";
  head.ariaSort = descending ? "descending" : "ascending";
  const sign = descending ? -1 : 1;
  const compare = (one, two) => {
    const [a, b] = [one.cells[column], two.cells[column]];
    if (head.dataset.sort === "text") return sign * a.textContent.localeCompare(b.textContent, "en", { numeric: true });
    const [x, y] = [a.dataset.v, b.dataset.v];
    // What has no score stays at the end, whichever way the others go.
    if (x === undefined || y === undefined) return (x === undefined) - (y === undefined);
    return sign * (Number(x) - Number(y));
  };
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    body.append(...rows.sort(compare));
  }
}

function filterRows(table, text) {
  const wanted = text.trim().toLowerCase();
  let shown = 0;
  let all = 0;
  for (const body of table.tBodies) {
    const rows = [...body.rows].filter((row) => !row.classList.contains("group"));
    for (const row of rows) row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
    const left = rows.filter((row) => !row.hidden).length;
    body.hidden = left === 0;
    shown += left;
    all += rows.length;
  }
  return wanted ? `${shown} of ${all} rows` : "";
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = make("textarea", { value: text, className: "hidden" });
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

function tables() {
  for (const block of document.querySelectorAll("[data-table]")) {
    const table = block.querySelector("table");
    const said = block.querySelector(".said");
    for (const head of table.querySelectorAll("th[aria-sort]")) {
      head.firstElementChild.addEventListener("click", () => sortBy(table, head));
    }
    block.querySelector("[data-filter]").addEventListener("input", (event) => {
      said.textContent = filterRows(table, event.target.value);
    });
    for (const button of block.querySelectorAll("[data-copy]")) {
      button.addEventListener("click", async () => {
        const done = await copyText((await unpack("copies"))[block.id][button.dataset.copy]);
        said.textContent = done ? "Copied." : "This browser does not allow copying.";
      });
    }
  }
  for (const radio of document.querySelectorAll("input[name=heat]")) {
    radio.addEventListener("change", () => {
      document.querySelector("table.heat").dataset.scale = radio.value;
    });
  }
}

// ---- records --------------------------------------------------------------------------------

function lines(pairs) {
  const list = make("dl", { className: "facts" });
  for (const [key, value] of pairs) {
    list.append(make("div", {}, make("dt", { textContent: key }), make("dd", { textContent: value, dir: "auto" })));
  }
  return list;
}

function recordFold(record) {
  const fold = make("details", {}, make("summary", {}, make("bdi", { textContent: record.title }), " ",
    make("small", { textContent: record.status })), make("p", { className: "signature", textContent: record.short }));
  fold.addEventListener("toggle", () => {
    const parts = [...record.parts, ["Environment", data.environments[record.environment]]];
    for (const [title, pairs] of parts) {
      if (pairs.length) fold.append(make("h4", { textContent: title }), lines(pairs));
    }
  }, { once: true });
  return fold;
}

function records() {
  for (const fold of document.querySelectorAll("details[data-row]")) {
    fold.addEventListener("toggle", async () => {
      const found = await unpack(`records-${fold.dataset.row}`);
      fold.querySelector(".records").append(...found.map(recordFold));
    }, { once: true });
  }
}

// ---- samples --------------------------------------------------------------------------------

const form = byId("choice");
const state = { task: 0, a: 0, b: -1, changed: false, problem: "", search: "", sample: "" };
let current = null;

const cell = (column, row, at) => (row < 0 || !column.v[row] ? null : column.v[row][at] ?? null);
const text = (column, row, at) => {
  const value = cell(column, row, at);
  if (value === null) return "";
  if (column.kind === "l") return value.map(([number, mark, , group]) => `${group} ${mark} ${current.texts[number]}`).join("\n");
  return column.kind === "t" ? current.texts[value] : String(value);
};
const score = (row, at) => (row < 0 || !current.scores[row] ? null : current.scores[row][at]);
const problems = (row, at) => (row < 0 || !current.problems[row] ? [] : current.problems[row][at]);
const compared = () => (state.b < 0 ? [state.a] : [state.a, state.b]);
const shown = (value) => (value === null ? "–" : String(Math.round(value * 1000) / 1000));
const changed = (at) => {
  const [one, two] = [score(state.a, at), score(state.b, at)];
  return one === null || two === null ? one !== two : Math.abs(one - two) > 1e-9;
};

function matching() {
  const wanted = state.search.trim().toLowerCase();
  const rows = compared();
  return current.ids.map((_, at) => at).filter((at) => {
    if (rows.every((row) => score(row, at) === null && current.columns.every((c) => text(c, row, at) === ""))) return false;
    if (state.changed && state.b >= 0 && !changed(at)) return false;
    if (state.problem && !rows.some((row) => problems(row, at).includes(state.problem))) return false;
    if (!wanted || current.ids[at].toLowerCase().includes(wanted)) return true;
    return rows.some((row) => current.columns.some((c) => text(c, row, at).toLowerCase().includes(wanted)));
  });
}

function counted(found) {
  const { task } = data.tasks[state.task];
  const parts = [`${found.length} listed. ${current.ids.length} of ${current.total} samples of ${task} are in this page`];
  if (current.ids.length < current.total) parts.push("; those whose score differs come first; more: --samples");
  parts.push(".");
  if (current.measure !== "score") parts.push(` Samples of this task have no score of their own: shown is the ${current.measure}.`);
  if (state.b >= 0 && current.basis[state.a] !== current.basis[state.b]) {
    parts.push(" Careful: these two were scored on different data or definitions; samples of the same name may differ.");
  }
  return parts.join("");
}

function listItem(at) {
  const button = make("button", { type: "button" }, make("bdi", { textContent: current.ids[at] }));
  const scores = make("span", { textContent: shown(score(state.a, at)) });
  if (state.b >= 0) {
    scores.textContent += ` → ${shown(score(state.b, at))}`;
    const gain = (score(state.b, at) ?? 0) - (score(state.a, at) ?? 0);
    if (changed(at)) scores.className = gain > 0 ? "won" : "lost";
  }
  button.append(" ", scores);
  button.dataset.at = at;
  button.addEventListener("click", () => { select(at); remember(); });
  return make("li", {}, button);
}

function block(label, content, wide, role = "") {
  const part = make("div", { className: `field ${role}${wide ? " wide" : ""}` }, make("h4", { textContent: label }));
  const raw = role !== "text" && (content.length > 60 || content.includes("\n"));
  const box = make(raw ? "pre" : "p", { className: "text", dir: "auto", textContent: content || "–" });
  if (content.length > 800 || content.split("\n").length > 15) box.tabIndex = 0; // it scrolls
  part.append(box);
  return part;
}

function entries(label, found, wide, role) {
  const part = make("div", { className: `field ${role}${wide ? " wide" : ""}` }, make("h4", { textContent: label }));
  let list = null;
  let heading = null;
  for (const [number, mark, right, group] of found) {
    if (list === null || group !== heading) {
      if (group) part.append(make("h5", { textContent: group }));
      list = make("ol", { className: "entries" });
      part.append(list);
      heading = group;
    }
    const item = make("li", { className: right ? "right" : "" });
    if (mark) item.append(make("b", { textContent: mark }), " ");
    item.append(make("span", { className: "text", dir: "auto", textContent: current.texts[number] }));
    list.append(item);
  }
  if (list === null) part.append(make("p", { className: "text", textContent: "–" }));
  return part;
}

function field(column, at) {
  const part = (label, row, wide) => column.kind === "l"
    ? entries(label, cell(column, row, at) ?? [], wide, column.role)
    : block(label, text(column, row, at), wide, column.role);
  const one = text(column, state.a, at);
  if (state.b < 0) return one === "" ? [] : [part(column.label, state.a, true)];
  const two = text(column, state.b, at);
  if (one === "" && two === "") return [];
  if (one === two) return [part(`${column.label}, the same for both`, state.a, true)];
  return [part(`${column.label}: ${data.rows[state.a]}`, state.a, false), part(`${column.label}: ${data.rows[state.b]}`, state.b, false)];
}

function select(at) {
  state.sample = at === undefined ? "" : current.ids[at];
  for (const button of byId("list").querySelectorAll("button")) {
    if (Number(button.dataset.at) === at) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
  byId("sample-title").textContent = at === undefined ? "No sample" : state.sample;
  const fields = byId("fields");
  if (at === undefined) {
    fields.replaceChildren();
    return;
  }
  const label = current.measure === "score" ? "Score" : current.measure;
  const head = state.b < 0
    ? [block(label, shown(score(state.a, at)), true)]
    : [block(`${label}: ${data.rows[state.a]}`, shown(score(state.a, at))), block(`${label}: ${data.rows[state.b]}`, shown(score(state.b, at)))];
  fields.replaceChildren(...head, ...current.columns.flatMap((column) => field(column, at)));
  // The question stands at the end of a prompt, after its examples.
  for (const box of fields.querySelectorAll(".prompt pre")) box.scrollTop = box.scrollHeight;
}

function remember() {
  const names = [data.tasks[state.task].task, data.rows[state.a], state.b < 0 ? "" : data.rows[state.b], state.sample, state.changed ? "changed" : ""];
  history.replaceState(null, "", `#s/${names.map(encodeURIComponent).join("/")}`);
}

function options(has) {
  const rows = (none) => [
    ...(none ? [make("option", { value: "-1", textContent: "nothing" })] : []),
    ...data.rows.map((label, index) => make("option", { value: index, textContent: label, disabled: !has.includes(index) })),
  ];
  form.elements.a.replaceChildren(...rows(false));
  form.elements.b.replaceChildren(...rows(true));
  form.elements.task.value = state.task;
  form.elements.a.value = state.a;
  form.elements.b.value = state.b;
  form.elements.changed.checked = state.changed;
  form.elements.changed.disabled = state.b < 0;
}

// Which problems the samples of this task have; of the checkpoints that are looked at.
function problemOptions() {
  const counts = new Map();
  for (const at of current.ids.keys()) {
    for (const one of new Set(compared().flatMap((row) => problems(row, at)))) counts.set(one, (counts.get(one) ?? 0) + 1);
  }
  if (!counts.has(state.problem)) state.problem = "";
  const { problem } = form.elements;
  problem.closest("label").hidden = counts.size === 0;
  problem.replaceChildren(make("option", { value: "", textContent: "all samples" }),
    ...[...counts].map(([value, count]) => make("option", { value, textContent: `${value} (${count})` })));
  problem.value = state.problem;
}

let turn = 0;
async function draw() {
  const mine = ++turn;
  const { has } = data.tasks[state.task];
  if (!has.includes(state.a)) state.a = has[0];
  if (!has.includes(state.b) || state.b === state.a) state.b = -1;
  options(has);
  const found = await unpack(`samples-${state.task}`);
  if (mine !== turn) return;
  current = found;
  problemOptions();
  const listed = matching();
  byId("count").textContent = counted(listed);
  byId("list").replaceChildren(...listed.map(listItem));
  const wanted = listed.find((at) => current.ids[at] === state.sample);
  select(wanted ?? listed[0]);
}

function move(step) {
  const buttons = [...byId("list").querySelectorAll("button")];
  const at = buttons.findIndex((button) => button.getAttribute("aria-current"));
  const next = buttons[Math.min(buttons.length - 1, Math.max(0, at + step))];
  if (!next) return;
  next.click();
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function fromAddress() {
  if (!location.hash.startsWith("#s/")) return false;
  let names;
  try {
    names = location.hash.slice(3).split("/").map(decodeURIComponent);
  } catch {
    return false;
  }
  const task = data.tasks.findIndex((one) => one.task === names[0]);
  if (task < 0) return false;
  const row = (name, other) => (name === undefined ? other : data.rows.indexOf(name));
  Object.assign(state, { task, a: row(names[1], state.a), b: row(names[2], state.b), sample: names[3] || "", changed: names[4] === "changed", search: "" });
  form.elements.search.value = "";
  return true;
}

async function browser() {
  const groups = new Map();
  data.tasks.forEach(({ task, group }, index) => {
    if (!groups.has(group)) groups.set(group, make("optgroup", { label: group || "Tasks" }));
    groups.get(group).append(make("option", { value: index, textContent: task }));
  });
  form.elements.task.append(...groups.values());
  if (data.pair) {
    [state.a, state.b] = data.pair;
    const both = data.tasks.findIndex(({ has }) => data.pair.every((row) => has.includes(row)));
    state.task = Math.max(0, both);
  }
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", async ({ target }) => {
    if (target.name === "search") state.search = target.value;
    else if (target.name === "problem") state.problem = target.value;
    else if (target.name === "changed") state.changed = target.checked;
    else state[target.name] = Number(target.value);
    await draw();
    remember();
  });
  byId("browser").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { j: 1, k: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    // In a box that scrolls, arrows scroll.
    if (!step || (event.target.closest(".text") && event.key.startsWith("Arrow"))) return;
    event.preventDefault();
    move(step);
  });
  const go = async () => {
    if (!fromAddress()) return;
    await draw();
    byId("samples").scrollIntoView();
    byId("sample").focus({ preventScroll: true });
  };
  addEventListener("hashchange", go);
  if (fromAddress()) await go();
  else await draw();
}

theme();
tables();
records();
(form ? browser() : Promise.resolve()).then(() => {
  document.documentElement.dataset.ready = String(performance.now());
});
