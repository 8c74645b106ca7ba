// A network, or a chain, as a picture: boxes of values, lines between them. All text arrives ready to show.
//
// A graph is two mounted pieces. One brings the drawing, told for all its steps; the other says which step is shown. So
// what a hand does is drawn at once. The page's other views of a walk show the step that the graph shows (`desk`): the
// graph asks the server for them, and for the drawing when a hand changes numbers. The page's own run, which takes
// longer, says the same again; where nobody answers, all follow when it has arrived.
const NS = "http://www.w3.org/2000/svg", HEARD = ["click", "input", "keydown", "focusin", "focusout", "nnlib-pick"];
const CELL_H = 23, HEAD = 22, PAD = 6, TURN = 56, FLAT = 96, HOLD = 1000, REMIND = 2000, PATIENCE = 5000;
const states = new WeakMap();
const desk = (globalThis[Symbol.for("nnlib.desk")] ??= { views: new Map(), asked: {}, now: {} });
const { drawings, shown } = (globalThis[Symbol.for("nnlib.graph")] ??= { drawings: new Map(), shown: new Map() });

export default function ({ data, parentElement, setTriggerValue }) {
  if (data.nodes) {
    drawings.set(data.graph, data);
    shown.get(data.graph)?.hear();
    return;
  }
  let s = states.get(parentElement);
  if (!s) states.set(parentElement, (s = begin(parentElement)));
  shown.set(data.graph, s);
  s.tell = setTriggerValue;
  s.word = data;
  s.hear();
  return () => { s.watch.disconnect(); stop(s); states.delete(parentElement); };
}

function begin(parentElement) {
  const svg = document.createElementNS(NS, "svg");
  svg.setAttribute("role", "group");
  parentElement.querySelector(".graph").append(svg);
  const s = { svg, host: svg.parentElement, made: new Map() };
  s.watch = new ResizeObserver(() => {
    const width = s.host.clientWidth;
    if (Math.abs(width - s.width) <= 2) return;
    s.width = width;
    if (s.data) draw(s);
  });
  s.watch.observe(s.host);
  s.host.addEventListener("scroll", () => stick(s));
  svg.addEventListener("click", (e) => { const found = e.target.closest("[data-id], [data-of]"), id = found?.dataset.id ?? found?.dataset.of; if (id) { focus(s, s.made.get("b" + id)); pick(s, id); } });
  svg.addEventListener("keydown", (e) => key(s, e));
  s.hear = () => hear(s);
  s.listen = (e) => {
    // Loaded by import, this module's cleanup comes too late for Streamlit to call it.
    if (!svg.isConnected) return stop(s);
    if (!s.data) return;
    if (e.type === "nnlib-pick") show(s, e.detail);
    else if (e.type === "click") clicked(s, e);
    else if (e.type === "input") { if (s.word.slider && e.target.type === "range" && e.target.closest(`.st-key-${s.word.slider}`)) go(s, e.target.valueAsNumber); }
    else typed(s, e);
  };
  for (const type of HEARD) document.addEventListener(type, s.listen, true);
  return s;
}

function stop(s) {
  for (const type of HEARD) document.removeEventListener(type, s.listen, true);
  clearTimeout(s.timer);
  clearTimeout(s.lead?.timer);
}

// What a click on one of the page's buttons does to the walk.
function clicked(s, e) {
  if (held.has(e)) return;
  const { moves, changes } = s.word;
  for (const [name, move] of Object.entries(moves)) if (e.target.closest(`.st-key-${name} button:enabled`)) go(s, move.to ?? s.step + move.by);
  for (const [name, [what, choices]] of Object.entries(changes ?? {})) {
    const place = e.target.closest(`.st-key-${name}`), pressed = place && e.target.closest("button:enabled");
    if (!pressed) continue;
    // A widget that misses the click that is held makes one of its own.
    if (s.holding?.target === pressed && !e.isTrusted) { s.holding.told = true; continue; }
    const field = place.querySelector("input[type=number]"), up = { stNumberInputStepUp: 1, stNumberInputStepDown: -1 }[pressed.dataset.testid];
    if (field && up) {
      // How a finer step is rounded is Streamlit's business.
      if (field.step !== "1") continue;
      ask(s, { [what]: Number(field.value) + up });
    } else if (!field) {
      const at = [...place.querySelectorAll("button[role=radio]")].indexOf(pressed);
      if (!choices) ask(s, { [what]: "" });
      else if (at >= 0) ask(s, { [what]: choices[at] });
    }
    if (s.asking && e.isTrusted) hold(s, e, pressed);
  }
}

// A number is taken when Enter is pressed or the field is left, if it is another one.
function typed(s, e) {
  if (e.target.type !== "number" || held.has(e) || (e.type === "keydown" && e.key !== "Enter")) return;
  for (const [name, [what]] of Object.entries(s.word.changes ?? {})) {
    if (!e.target.closest(`.st-key-${name}`)) continue;
    if (e.type !== "focusin" && e.target.value !== s.before && e.target.value !== "") {
      ask(s, { [what]: e.target.value });
      if (e.type === "keydown" && s.asking) hold(s, e, e.target);
    }
    s.before = e.target.value;
  }
}

// The page hears of it when the answer has been painted: its own run takes the browser longer than that.
const held = new WeakSet();

async function hold(s, e, target) {
  const again = new e.constructor(e.type, e), answered = s.asking, mine = (s.holding = { target });
  held.add(again);
  e.stopImmediatePropagation();
  e.preventDefault();
  const painted = answered.then(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await Promise.race([painted, new Promise((done) => setTimeout(done, HOLD))]);
  if (!mine.told) target.dispatchEvent(again);
}

const place = (s) => `${s.data.of} ${s.step} ${s.selected}`;

// Ask for all views of the present place, after one change if there is any; one question at a time, the newest next.
function ask(s, change) {
  if (change) s.change = change;
  if (!s.word.ask || s.asking) return;
  s.asking = answer(s).finally(() => {
    s.asking = null;
    if (s.svg.isConnected && (s.change || s.asked !== place(s))) ask(s);
  });
}

async function answer(s) {
  const from = (s.asked = place(s)), { change } = s, { of } = s.data;
  s.change = null;
  const question = new URLSearchParams({ graph: s.word.graph, of, step: s.step, weight: s.selected, ...change });
  const told = await fetch(`${location.origin}${s.word.ask}?${question}`).then((r) => r.ok && r.json()).catch(() => null);
  if (!told || s.data.of !== of) return;
  desk.asked = told.parts;
  if (change) {
    s.data = told.drawing ?? s.data;
    follows(s, [...(s.lead?.passed ?? []), of]);
    if (from === `${of} ${s.step} ${s.selected}`) [s.step, s.selected] = [told.step, told.selected];
    s.asked = place(s);
    draw(s);
  } else sync(s);
}

// The other views show what the graph shows.
function sync(s) {
  desk.now = { step: place(s), weight: `${s.data.of} ${s.selected}` };
  for (const view of desk.views.values()) view.sync();
}

// The server has said something. A hand that was quicker keeps its lead, until the server has caught up or other numbers
// have come; and a step is shown only in the drawing it belongs to.
function hear(s) {
  const { word } = s, data = drawings.get(word.graph);
  if (data?.of !== word.of || s.lead?.passed.includes(word.of)) return;
  s.data = data;
  for (const [name, value] of Object.entries(word.colours)) s.host.style.setProperty("--" + name, value);
  if (!s.lead || s.lead.of !== data.of || (word.step === s.step && word.selected === s.selected)) follow(s);
  else draw(s);
}

// Show what the server says.
function follow(s) {
  clearTimeout(s.lead?.timer);
  clearTimeout(s.timer);
  s.lead = null;
  s.step = s.word.step;
  s.selected = s.word.selected;
  draw(s);
  if (s.word.play) s.timer = setTimeout(() => { s.tell("tick", s.step); go(s, s.step + 1); }, s.word.play);
}

// Show what the server is about to say.
function go(s, step, selected = s.selected) {
  step = Math.max(0, Math.min(s.data.n - 1, step));
  if (step === s.step && selected === s.selected) return;
  follows(s, s.lead?.passed ?? []);
  s.step = step;
  s.selected = selected;
  draw(s);
  ask(s);
}

// The hand leads; what the server still has to say of the drawings that it has passed is no news.
function follows(s, passed) {
  clearTimeout(s.lead?.timer);
  clearTimeout(s.timer);
  // Of two clicks at once Streamlit may lose one: a server that has not come along is told where the hand is.
  const remind = () => { s.tell("at", { step: s.step, selected: s.selected }); s.lead.timer = setTimeout(() => giveUp(s), PATIENCE); };
  s.lead = { of: s.data.of, passed: passed.filter((of) => of !== s.data.of), timer: setTimeout(remind, REMIND) };
}

function giveUp(s) {
  s.data = drawings.get(s.word.graph);
  follow(s);
}

function show(s, id) {
  const target = s.targets.get(id);
  if (target) go(s, target.selects ? s.step : target.goes ?? s.step, target.selects);
}

function pick(s, id) {
  show(s, id);
  s.tell("pick", id);
}

// What is told step by step, as it is now.
const present = (s, thing) => thing?.told ? thing.told.findLast(([start]) => start <= s.step)[1] : thing;

// One stop for the Tab key; the arrow keys go to the nearest thing in that direction.
function key(s, e) {
  const here = e.target.closest("[data-id]");
  if (!here) return;
  if (e.key === "Enter" || e.key === " ") { e.preventDefault(); pick(s, here.dataset.id); return; }
  const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
  if (!way) return;
  e.preventDefault();
  const [x, y] = s.places.get(here.dataset.id);
  let best, least = Infinity;
  for (const [id, [u, v]] of s.places) {
    const along = (u - x) * way[0] + (v - y) * way[1], across = Math.abs((u - x) * way[1] + (v - y) * way[0]);
    if (along > 1 && along + 3 * across < least) { least = along + 3 * across; best = id; }
  }
  if (best) focus(s, s.made.get("b" + best));
}

function focus(s, item) {
  for (const other of s.svg.querySelectorAll('[tabindex="0"]')) other.setAttribute("tabindex", -1);
  s.at = item.dataset.id;
  item.setAttribute("tabindex", 0);
  item.focus({ preventScroll: true });
}

function draw(s) {
  const data = s.data, { nodes, edges, columns } = data;
  // Later widths come from the observer: to ask for one here would lay the whole page out.
  s.width ??= s.host.clientWidth;
  s.cell = data.cell;
  s.places = new Map();
  s.targets = new Map();
  s.used = new Set();
  const tall = s.width < 620, most = Math.max(...columns.map((c) => c.n));
  const size = (c, side) => Math.max(...nodes.filter((n) => n.c === c).map((n) => n[side]));
  const sum = (numbers) => numbers.reduce((a, b) => a + b, 0), gaps = columns.slice(0, -1).map((c) => c.gap);
  // What enters and what leaves a unit stand side by side where there is room for that.
  measure(nodes, s.cell, !tall);
  const flat = !tall && sum(columns.map((_, c) => size(c, "w"))) + sum(gaps) * FLAT <= s.width - 4;
  if (!flat) measure(nodes, s.cell, false);
  const span = tall ? "w" : "h", thick = Math.max(...nodes.map((n) => n[span]));
  // On a phone a little less space between boxes may spare the scrolling.
  const step = thick + (tall ? Math.min(10, Math.max(2, s.width / most - thick)) : 16);
  const lengths = columns.map((_, c) => size(c, tall ? "h" : "w"));
  const title = 26, cross = Math.max(step * most, tall ? s.width : 0);
  const room = tall ? 0 : (s.width - sum(lengths) - 4) / sum(gaps);
  const least = data.gap ?? (tall ? 104 : flat ? FLAT : 30), unit = Math.max(room, least);
  const folded = data.folds && (tall ? columns.length > 4 : room < least) && fold(s, columns.map((_, c) => size(c, "w")), size(0, "h"), least);
  let at = 2;
  const starts = columns.map((c, i) => { const here = at; at += lengths[i] + (tall ? title : 0) + (gaps[i] ?? 0) * unit; return here; });
  const W = folded ? s.width : tall ? cross : Math.max(at + 2, s.width), H = folded ? folded.height : tall ? at + 4 : title + step * most;
  s.svg.setAttribute("viewBox", `0 0 ${W} ${H}`);
  s.svg.setAttribute("width", W);
  s.svg.setAttribute("height", H);
  s.svg.setAttribute("aria-label", `${data.label} ${present(s, data.words).replace("#", s.step + 1)}`);
  s.svg.dataset.step = s.step;
  const byId = new Map();
  for (const n of nodes) {
    const middle = (cross / columns[n.c].n) * (n.r + 0.5), spread = title + ((H - title) / columns[n.c].n) * (n.r + 0.5);
    n.x = tall ? middle - n.w / 2 : starts[n.c] + (lengths[n.c] - n.w) / 2;
    n.y = tall ? starts[n.c] + title : spread - n.h / 2;
    if (folded) [n.x, n.y] = folded.places[n.c];
    byId.set(n.id, n);
  }
  s.taken = nodes.map((n) => [n.x, n.y, n.x + n.w, n.y + n.h]);
  if (tall && !folded) s.taken.push(...starts.map((y) => [0, y, 96, y + title]));
  const lines = edges.map((e) => edge(s, e, byId.get(e.a), byId.get(e.b), tall && !folded));
  for (const n of nodes) node(s, n);
  // The numbers stand before all lines and boxes, so that nothing crosses them out.
  const labels = lines.filter((line) => line?.texts.length);
  arrange(s, labels);
  for (const line of labels) label(s, line);
  columns.forEach((c, i) => {
    const t = make(s, "column" + i, "text", s.svg, { class: "column", x: tall ? 6 : starts[i] + lengths[i] / 2, y: tall ? starts[i] + 14 : 16, "text-anchor": tall ? "start" : "middle" });
    symbols(t, c.title);
  });
  for (const [id, item] of s.made) if (!s.used.has(id)) { item.remove(); s.made.delete(id); }
  // A picture wider than its place shows the part where things happen.
  const now = W > s.width + 2 && s.shown !== s.step && s.svg.querySelector(".now, .zero")?.getBBox();
  if (now) s.host.scrollLeft = now.x + now.width / 2 - s.width / 2;
  s.shown = s.step;
  s.tall = tall;
  stick(s);
  sync(s);
  if (!s.places.has(s.at)) s.at = s.places.keys().next().value;
  for (const [id] of s.places) s.made.get("b" + id).setAttribute("tabindex", id === s.at ? 0 : -1);
}

function measure(nodes, cell, flat) {
  for (const n of nodes) {
    n.wide = flat && n.cells.length > 1 ? 2 : 1;
    n.lines = n.cells[0].grad === undefined ? 1 : 2;
    n.cell = n.lines > 1 ? cell : cell - 12;
    n.w = n.wide * n.cell + 2 * PAD;
    n.h = HEAD + Math.ceil(n.cells.length / n.wide) * n.lines * CELL_H + (n.bias ? CELL_H * n.lines : 0) + PAD;
  }
}

// On a phone the layers' names stay in sight, however far a wide picture is scrolled.
function stick(s) {
  if (s.tall) for (const t of s.svg.querySelectorAll(".column")) t.setAttribute("x", 6 + s.host.scrollLeft);
}

// A chain too long for one line goes back and forth over several: to the right, down, to the left.
function fold(s, widths, height, gap) {
  const w = Math.max(...widths), fit = Math.max(2, Math.floor((s.width - 4 + gap) / (w + gap)));
  const lines = Math.ceil(widths.length / fit), each = Math.ceil(widths.length / lines), step = (s.width - 4 - w) / (each - 1), down = height + TURN;
  const places = widths.map((_, i) => {
    const line = Math.floor(i / each), along = i % each;
    return [2 + step * (line % 2 ? each - 1 - along : along), 4 + line * down];
  });
  return { places, height: 8 + lines * down - TURN };
}

function make(s, id, tag, parent, attributes) {
  let item = s.made.get(id);
  if (!item) { item = document.createElementNS(NS, tag); s.made.set(id, item); }
  if (item.parentNode !== parent) parent.append(item);
  s.used.add(id);
  for (const [name, value] of Object.entries(attributes)) item.setAttribute(name, value);
  return item;
}

// "H_in" is written with its subscript.
function symbols(text, words) {
  if (text.dataset.words === words) return;
  text.dataset.words = words;
  text.replaceChildren(...words.split(/(_\w+)/).filter(Boolean).map((part) => {
    const span = document.createElementNS(NS, "tspan"), low = part.startsWith("_");
    span.textContent = low ? part.slice(1) : part;
    if (low) { span.setAttribute("font-size", "75%"); span.setAttribute("baseline-shift", "sub"); }
    return span;
  }));
}

function button(s, thing, parent, x, y, classes) {
  const id = thing.id, name = present(s, thing.name), picked = !!thing.selects && thing.selects === s.selected;
  const g = make(s, "b" + id, "g", parent, { class: classes, role: "button", "aria-label": name, "data-id": id, "aria-pressed": picked });
  make(s, "t" + id, "title", g, {}).textContent = present(s, thing.full);
  s.places.set(id, [x, y]);
  s.targets.set(id, thing);
  return g;
}

function edge(s, e, a, b, tall) {
  const [x1, y1, x2, y2] = tall || Math.abs(a.x - b.x) < 1
    ? [a.x + a.w / 2, a.y + (a.y < b.y ? a.h : 0), b.x + b.w / 2, b.y + (a.y < b.y ? 0 : b.h)]
    : [a.x + (a.x < b.x ? a.w : 0), a.y + a.h / 2, b.x + (a.x < b.x ? 0 : b.w), b.y + b.h / 2];
  if (!e.name) {
    make(s, "l" + e.id, "line", s.svg, { class: "edge", x1, y1, x2, y2 });
    return;
  }
  const state = present(s, e.state), told = e.always || state || e.selects === s.selected, way = (t) => [x1 + (x2 - x1) * t, y1 + (y2 - y1) * t];
  const g = button(s, e, s.svg, ...way(e.t), "link " + state);
  make(s, "h" + e.id, "line", g, { class: "hit", x1, y1, x2, y2 });
  make(s, "l" + e.id, "line", g, { class: `edge ${e.sign}${e.always ? "" : " many"}`, x1, y1, x2, y2, "stroke-width": e.width });
  // A number keeps its place while others come: room is left for the longest it can be.
  const texts = told ? [[e.text, "value"], [e.grad, "grad"]].filter(([t]) => longest(t)) : [];
  return { e, state, way, texts, w: Math.max(0, ...texts.map(([t]) => longest(t))) * 3.8 + 4, h: texts.length * 8.5 };
}

const longest = (thing) => Math.max(...(thing?.told ?? [[0, thing ?? ""]]).map(([, words]) => words.length));

// Each label's place on its line, as near to where it should be as can be without covering another one or a box.
function arrange(s, labels) {
  const key = labels.map(({ e, way, w, h }) => [e.id, ...way(0), ...way(1), w, h].join()).join(";");
  if (s.arranged?.key === key) return labels.forEach((label, i) => { label.at = s.arranged.places[i]; });
  const common = (a, b) => Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0])) * Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const block = ({ way, w, h }, t) => { const [x, y] = way(t); return [x - w, y - h, x + w, y + h]; };
  for (const label of labels) label.t = label.e.t;
  for (let round = 0, moved = true; moved && round < 6; round++) {
    moved = false;
    for (const label of labels) {
      const others = labels.filter((other) => other !== label).map((other) => block(other, other.t));
      let best = label.t, least = Infinity;
      for (let t = 0.08; t < 0.93; t += 0.02) {
        const here = block(label, t);
        const cost = s.taken.reduce((all, b) => all + common(here, b), others.reduce((all, b) => all + common(here, b), 0)) + 40 * Math.abs(t - label.e.t);
        if (cost < least - 1e-9) { least = cost; best = t; }
      }
      if (best !== label.t) { label.t = best; moved = true; }
    }
  }
  for (const label of labels) label.at = label.way(label.t);
  s.arranged = { key, places: labels.map((label) => label.at) };
}

function label(s, { e, state, texts, at: [x, y] }) {
  const g = make(s, "label" + e.id, "g", s.svg, { class: `label ${state} ${e.selects && e.selects === s.selected ? "picked" : ""}`, "aria-hidden": true, "data-of": e.id });
  s.svg.append(g);
  texts.forEach(([words, kind], i) => {
    const t = make(s, kind + e.id, "text", g, { class: kind, x, y: y + 5 + (i - (texts.length - 1) / 2) * 17, "text-anchor": "middle" });
    symbols(t, present(s, words) ?? "");
  });
}

function node(s, n) {
  const g = make(s, "n" + n.id, "g", s.svg, { class: "node " + present(s, n.state), role: "group", "aria-label": n.name });
  s.svg.append(g);
  make(s, "box " + n.id, "rect", g, { class: "box", x: n.x, y: n.y, width: n.w, height: n.h, rx: 8 });
  symbols(make(s, "c" + n.id, "text", g, { class: "caption", x: n.x + n.w / 2, y: n.y + 16, "text-anchor": "middle" }), present(s, n.caption));
  n.cells.forEach((cell, i) => {
    const x = n.x + PAD + (i % n.wide) * n.cell, y = n.y + HEAD + Math.floor(i / n.wide) * n.lines * CELL_H;
    part(s, g, cell, x, y, n.cell, "value");
    if (cell.grad) part(s, g, cell.grad, x, y + CELL_H, n.cell, "grad");
  });
  if (n.bias) {
    const y = n.y + n.h - PAD - CELL_H * n.lines;
    part(s, g, n.bias, n.x + PAD, y, n.w - 2 * PAD, "value");
    if (n.bias.grad) part(s, g, n.bias.grad, n.x + PAD, y + CELL_H, n.w - 2 * PAD, "grad");
  }
}

function part(s, parent, cell, x, y, w, kind) {
  const g = button(s, cell, parent, x + w / 2, y + CELL_H / 2, `cell ${kind} ${present(s, cell.state)}`);
  make(s, "r" + cell.id, "rect", g, { class: "back", x: x + 1, y: y + 1, width: w - 2, height: CELL_H - 2, rx: 4 });
  symbols(make(s, "w" + cell.id, "text", g, { x: x + w / 2, y: y + 16, "text-anchor": "middle" }), present(s, cell.text));
}
