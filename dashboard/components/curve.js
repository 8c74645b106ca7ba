// A function's curve with points and tangents on it. Ticks and texts arrive ready to show.
const NS = "http://www.w3.org/2000/svg", states = new WeakMap();
const desk = (globalThis[Symbol.for("nnlib.desk")] ??= { views: new Map(), asked: {}, now: {} });
const LEFT = 58, RIGHT = 12, TOP = 10, BOTTOM = 48;

export default function ({ data, parentElement }) {
  const host = parentElement.querySelector(".curve");
  let s = states.get(parentElement);
  if (!s) {
    s = { watch: new ResizeObserver(() => {
      if (Math.abs(host.clientWidth - s.width) <= 2) return;
      s.width = host.clientWidth;
      if (s.data) draw(host, s);
    }) };
    states.set(parentElement, s);
    s.watch.observe(host);
  }
  if (data.part) {
    // It goes with the graph: it shows its step, as soon as it has been told of it.
    s.sync = () => {
      const told = [desk.asked[data.part], data].find((d) => d?.at === desk.now[data.with]);
      if (told && (told.at !== s.data?.at || told.look !== s.data.look)) show(host, s, told);
    };
    desk.views.set(data.part, s);
    s.sync();
  } else show(host, s, data);
  return () => { s.watch.disconnect(); states.delete(parentElement); };
}

function show(host, s, data) {
  s.data = data;
  for (const [name, value] of Object.entries(data.colours)) host.style.setProperty("--" + name, value);
  draw(host, s);
}

function draw(host, s) {
  const { data } = s, W = Math.max((s.width ??= host.clientWidth), 180), H = data.height;
  const [x0, x1] = data.x, [y0, y1] = data.y;
  const X = (x) => LEFT + ((x - x0) / (x1 - x0)) * (W - LEFT - RIGHT), Y = (y) => H - BOTTOM - ((y - y0) / (y1 - y0)) * (H - TOP - BOTTOM);
  const svg = element("svg", { width: W, height: H, viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": data.alt });
  const clip = element("clipPath", { id: "c" });
  clip.append(element("rect", { x: LEFT, y: TOP - 6, width: W - LEFT - RIGHT, height: H - TOP - BOTTOM + 12 }));
  svg.append(clip);
  for (const [value, words] of data.xticks) {
    svg.append(element("line", { class: "grid", x1: X(value), x2: X(value), y1: TOP, y2: H - BOTTOM }), text(words, X(value), H - BOTTOM + 18, "middle"));
  }
  for (const [value, words] of data.yticks) {
    svg.append(element("line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: Y(value), y2: Y(value) }), text(words, LEFT - 8, Y(value) + 5, "end"));
  }
  svg.append(text(data.xname, (LEFT + W - RIGHT) / 2, H - 9, "middle"));
  const side = text(data.yname, 0, 0, "middle");
  side.setAttribute("transform", `translate(14 ${(TOP + H - BOTTOM) / 2}) rotate(-90)`);
  svg.append(side);
  for (const line of data.lines) {
    const d = line.parts.map((part) => "M" + part.map(([x, y]) => `${X(x).toFixed(1)} ${Y(y).toFixed(1)}`).join("L")).join("");
    svg.append(element("path", { class: line.kind, d, "clip-path": "url(#c)" }));
  }
  const names = [];
  for (const p of data.points) {
    const dot = element("circle", { class: p.kind, cx: X(p.at[0]), cy: Y(p.at[1]), r: p.kind === "here" ? 6 : 3 });
    const title = element("title", {});
    title.textContent = p.full;
    dot.append(title);
    svg.append(dot);
    if (!p.words) continue;
    // Points that lie so close that their names would cover each other share one.
    const [x, y] = [X(p.at[0]) - 10, Y(p.at[1]) - 8], near = names.find((name) => Math.abs(name.x - x) < 16 && Math.abs(name.y - y) < 16);
    if (near) near.words += `, ${p.words}`;
    else names.push({ x, y, words: p.words });
  }
  for (const { x, y, words } of names) svg.append(text(words, x, y, "end"));
  host.replaceChildren(svg);
}

function element(tag, attributes) {
  const item = document.createElementNS(NS, tag);
  for (const [name, value] of Object.entries(attributes)) item.setAttribute(name, value);
  return item;
}

function text(words, x, y, anchor) {
  const item = element("text", { x, y, "text-anchor": anchor });
  for (const part of words.split(/(_\w+)/).filter(Boolean)) {
    const low = part.startsWith("_"), span = element("tspan", low ? { "font-size": "75%", "baseline-shift": "sub" } : {});
    span.textContent = low ? part.slice(1) : part;
    item.append(span);
  }
  return item;
}
