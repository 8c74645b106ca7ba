// Matrices side by side, with the cells of the present step marked. All text arrives ready to show.
const states = new WeakMap();
const desk = (globalThis[Symbol.for("nnlib.desk")] ??= { views: new Map(), asked: {}, now: {} });

export default function ({ data, parentElement, setTriggerValue }) {
  const host = parentElement.querySelector(".matrices");
  if (!states.has(parentElement)) {
    host.addEventListener("click", (e) => {
      const cell = e.target.closest("[data-id]");
      if (!cell) return;
      // The graph shows it at once.
      host.dispatchEvent(new CustomEvent("nnlib-pick", { detail: cell.dataset.id, bubbles: true, composed: true }));
      states.get(parentElement)(cell.dataset.id);
    });
  }
  states.set(parentElement, (id) => setTriggerValue("pick", id));
  if (data.part) {
    // These go with the graph: they show its step, as soon as they have been told of it.
    const view = (host.nnlib ??= {});
    view.sync = () => {
      const told = [desk.asked[data.part], data].find((d) => d?.at === desk.now[data.with]);
      if (!told || (told.at === view.at && told.look === view.look)) return;
      [view.at, view.look] = [told.at, told.look];
      draw(host, told);
    };
    desk.views.set(data.part, view);
    view.sync();
  } else draw(host, data);
  return () => states.delete(parentElement);
}

function draw(host, data) {
  for (const [name, value] of Object.entries(data.colours)) host.style.setProperty("--" + name, value);
  const focused = host.contains(host.getRootNode().activeElement) && host.getRootNode().activeElement.dataset.id;
  host.replaceChildren(...data.matrices.map((m) => table(m)));
  if (focused) host.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}

function add(parent, tag, text, attributes = {}) {
  const item = document.createElement(tag);
  if (text !== undefined) item.textContent = text;
  for (const [name, value] of Object.entries(attributes)) item.setAttribute(name, value);
  parent.append(item);
  return item;
}

function table(m) {
  const t = document.createElement("table");
  t.className = m.kind;
  const caption = add(t, "caption");
  for (const part of m.title.split(/(_\w+)/).filter(Boolean)) add(caption, part[0] === "_" ? "sub" : "span", part.replace(/^_/, ""));
  add(caption, "span", m.shape, { class: "shape" });
  if (m.columns) {
    const row = add(t, "tr");
    if (m.rows) add(row, "td");
    for (const name of m.columns) add(row, "th", name, { scope: "col" });
  }
  m.cells.forEach((cells, i) => {
    const row = add(t, "tr");
    if (m.rows) add(row, "th", m.rows[i], { scope: "row" });
    for (const cell of cells) {
      const place = add(row, "td", undefined, { class: cell.state });
      if (!cell.id) { place.textContent = cell.text; continue; }
      add(place, "button", cell.text, { type: "button", title: cell.full, "aria-label": cell.name, "aria-pressed": !!cell.selected, "data-id": cell.id });
    }
  });
  return t;
}
