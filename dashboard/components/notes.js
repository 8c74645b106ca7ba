// Words, formulas and tables, drawn at once when the graph moves. All text arrives ready to show.
const desk = (globalThis[Symbol.for("nnlib.desk")] ??= { views: new Map(), asked: {}, now: {} });
const ICONS = { ":material/hearing:": "hearing", ":material/hearing_disabled:": "hearing_disabled" };
let loading, typeset;

export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".notes");
  loading ??= import(location.origin + data.typesetter).then((module) => { typeset = module.default(); });
  const view = (host.nnlib ??= {});
  for (const [name, value] of Object.entries(data.colours)) host.style.setProperty("--" + name, value);
  view.sync = () => {
    const told = [desk.asked[data.part], data].find((d) => d?.at === desk.now[data.with]);
    if (!typeset || !told || (told.at === view.at && told.look === view.look)) return;
    [view.at, view.look] = [told.at, told.look];
    host.replaceChildren(...told.blocks.flatMap(block));
  };
  desk.views.set(data.part, view);
  loading.then(view.sync);
  view.sync();
}

function block(told) {
  const [[kind, what]] = Object.entries(told);
  if (kind === "badges") return [add("div", { class: "badges" }, what.map(badge))];
  if (kind === "formula") return [formula(what)];
  if (kind === "table") return [add("div", { class: "sheet", tabindex: 0 }, [table(what)])];
  return [add("p", { class: kind }, words(what))];
}

function add(tag, attributes, children) {
  const item = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) item.setAttribute(name, value);
  item.append(...children);
  return item;
}

// "**bold**", "*stress*" and "$a formula$" in a line of text.
function words(text) {
  return text.split(/(\*\*.+?\*\*|\$.+?\$|\*.+?\*)/).filter(Boolean).map((part) => {
    if (part[0] === "$") return math(part.slice(1, -1), false);
    if (part.startsWith("**")) return add("strong", {}, words(part.slice(2, -2)));
    return part[0] === "*" && part.length > 2 ? add("em", {}, [part.slice(1, -1)]) : part;
  });
}

// Most formulas of a page stay when its numbers change: each is typeset once and copied.
const kept = new Map(), MOST_KEPT = 400;

function math(tex, display) {
  const name = `${display} ${tex}`;
  if (!kept.has(name)) {
    if (kept.size === MOST_KEPT) kept.clear();
    kept.set(name, typesetNow(tex, display));
  }
  return kept.get(name).cloneNode(true);
}

// Streamlit's typesetter rewrites a tree in which a formula is a piece of code.
function typesetNow(tex, display) {
  const code = { type: "element", tagName: "code", properties: { className: ["language-math", display ? "math-display" : "math-inline"] }, children: [{ type: "text", value: tex }] };
  const tree = { type: "root", children: [code] };
  typeset(tree, { message: () => {} });
  const item = grown(tree.children[0], document.createElement("span"));
  // What may be too wide scrolls, so it must be within reach of the keyboard.
  const scrolls = item.querySelector(".katex-display");
  for (const [name, value] of Object.entries({ tabindex: 0, role: "group", "aria-label": "Formula" })) scrolls?.setAttribute(name, value);
  return item;
}

const SPACES = { math: "http://www.w3.org/1998/Math/MathML", svg: "http://www.w3.org/2000/svg" };

function grown(leaf, parent, space) {
  if (leaf.type !== "element") { parent.append(leaf.value ?? ""); return parent; }
  space = SPACES[leaf.tagName] ?? space;
  const item = space ? document.createElementNS(space, leaf.tagName) : document.createElement(leaf.tagName);
  for (const [name, value] of Object.entries(leaf.properties)) item.setAttribute(name === "className" ? "class" : name.replace(/^aria(?=[A-Z])/, "aria-"), Array.isArray(value) ? value.join(" ") : value);
  for (const child of leaf.children) grown(child, item, leaf.tagName === "foreignObject" ? undefined : space);
  parent.append(item);
  return parent;
}

// A formula that may be written in several widths; the first that fits its place is shown.
function formula(widths) {
  const item = add("div", { class: "formula" }, [math(widths[0], true)]);
  item.nnlib = { widths, shown: 0 };
  if (widths.length > 1) places.observe(item);
  return item;
}

// A place tells its width when the page has been laid out: to ask before would lay it out once more.
const places = new ResizeObserver((all) => all.forEach(({ target }) => target.isConnected && fit(target)));

function fit(item) {
  const { widths } = item.nnlib;
  if (item.nnlib.width === item.clientWidth) return;
  item.nnlib.width = item.clientWidth;
  for (const [i, tex] of widths.entries()) {
    if (item.nnlib.shown !== i) item.replaceChildren(math(tex, true));
    item.nnlib.shown = i;
    const inner = item.querySelector(".katex-display");
    if (inner.scrollWidth <= inner.clientWidth) break;
  }
}

function table(columns) {
  const heads = Object.keys(columns), cells = Object.values(columns);
  const row = (tag, texts) => add("tr", {}, texts.map((text) => add(tag, tag === "th" ? { scope: "col" } : {}, words(text.replaceAll("\\", text.includes("$") ? "\\" : "")))));
  return add("table", {}, [add("thead", {}, [row("th", heads)]), add("tbody", {}, cells[0].map((_, i) => row("td", cells.map((c) => c[i]))))]);
}

function badge({ text, icon, colour }) {
  return add("span", { class: `badge ${colour}` }, [add("span", { class: "icon", "aria-hidden": true }, [ICONS[icon] ?? ""]), text]);
}
