// The stage: a loss surface in 3-D, its contour and the loss curve, with one clock. stage.py says what it promises.
//
// nnlib has computed everything; nothing is computed here but pixels. A stage is two mounted pieces: one brings the
// surface, one the runs. A view draws them only as a pair that names the same parameters; until the pair is complete it
// keeps showing the last complete one and says that it is updating. Further pieces may bring a film of surfaces, which
// is shown as far as it has arrived.

// Served by a route, this module brings its style sheet, before anything is drawn; sent inline, Streamlit brings it.
if (!import.meta.url.startsWith("blob:"))
  await new Promise((done) => {
    const link = document.createElement("link")
    link.rel = "stylesheet"
    link.href = import.meta.url.replace(/js$/, "css")
    link.onload = link.onerror = done
    document.head.append(link)
  })

// Views share surfaces, cameras, clocks and the one copy of Plotly, also when the module itself was loaded twice.
const shared = (globalThis[Symbol.for("nnlib.stage")] ??= {})
shared.surfaces ??= new Map()
shared.views ??= new Map()
shared.films ??= new Map()
shared.runs ??= new Map()
shared.cameras ??= new Map()
shared.clocks ??= new Map()
shared.frameMs ??= []
const pieces = new WeakMap()
const calm = matchMedia("(prefers-reduced-motion: reduce)")

export default function (component) {
  const data = component.data?.piece
  if (!data) return
  if (data.kind === "surface") return takeSurface(component, data)
  if (data.kind === "view") return showView(component, data)
  return data.kind === "film" ? takeFilm(component, data) : showRuns(component, data)
}

// ------------------------------------------------------------------------------------------------ the two pieces

// These pieces show nothing, so they take no part in the page's spacing.
function hide(parentElement) {
  const box = parentElement.closest('[data-testid="stElementContainer"]')
  if (box) Object.assign(box.style, { position: "absolute", width: 0, overflow: "hidden" })
}

function takeSurface({ parentElement }, data) {
  hide(parentElement)
  if (pieces.get(parentElement) !== data.hash) {
    const { hash, origin, terraces } = data
    const [x, y, z] = [data.x, data.y, data.z].map((values) => numbers(values, Float32Array))
    const surface = { hash, origin, terraces, x, y, z, range: extent(z) }
    if (data.frame_steps) {
      const [low, high] = data.frame_range
      surface.range = [Math.min(low, surface.range[0]), Math.max(high, surface.range[1])]
      surface.filmRange = data.frame_range
      surface.frameSteps = data.frame_steps
      surface.frames = [z]
    }
    pieces.set(parentElement, hash)
    shared.surfaces.set(data.stage, surface)
    joinFilm(data.stage)
    shared.views.get(data.stage)?.pair()
  }
  return () => {
    if (shared.surfaces.get(data.stage)?.hash === pieces.get(parentElement)) shared.surfaces.delete(data.stage)
    pieces.delete(parentElement)
  }
}

// A part of a film: each height is what differs from the point before, and from the frame before; the low bytes of all
// stand before the high ones.
async function takeFilm({ parentElement }, data) {
  hide(parentElement)
  const name = `${data.hash} ${data.first}`
  if (pieces.get(parentElement) === name) return
  pieces.set(parentElement, name)
  let film = shared.films.get(data.stage)
  if (film?.hash !== data.hash) shared.films.set(data.stage, (film = { hash: data.hash, parts: new Map() }))
  const packed = new Blob([numbers(data.frames, Uint8Array)]).stream()
  const bytes = new Uint8Array(await new Response(packed.pipeThrough(new DecompressionStream("deflate"))).arrayBuffer())
  film.parts.set(data.first, Uint16Array.from(bytes.subarray(0, bytes.length / 2), (v, i) => v | (bytes[bytes.length / 2 + i] << 8)))
  joinFilm(data.stage)
}

function joinFilm(stage) {
  const [surface, film] = [shared.surfaces.get(stage), shared.films.get(stage)]
  if (!surface?.frames || film?.hash !== surface.hash) return
  const [low, high] = surface.filmRange
  const [size, width] = [surface.z.length, surface.x.length]
  for (const [first, part] of film.parts) {
    film.parts.delete(first)
    for (let p = 0; p < part.length; p++) {
      if (p % width) part[p] += part[p - 1]
    }
    for (let p = size; p < part.length; p++) part[p] += part[p - size]
    for (let f = 0; f * size < part.length; f++)
      surface.frames[first + f] = Float32Array.from(part.subarray(f * size, (f + 1) * size), (v) => low + (v / 65535) * (high - low))
  }
  const view = shared.views.get(stage)
  if (view?.drawn?.surface === surface) view.frame()
}

// A view whose runs a follower brings (live_slider.js), before it or after it.
function showView(component, data) {
  const remove = viewOf(component, data)
  const view = shared.views.get(data.stage)
  if (shared.runs.has(data.stage)) view.take(shared.runs.get(data.stage))
  return remove
}

function showRuns(component, data) {
  const remove = viewOf(component, data)
  shared.views.get(data.stage).take(data)
  return remove
}

function viewOf(component, data) {
  const { parentElement } = component
  let view = pieces.get(parentElement)
  if (!view) {
    pieces.set(parentElement, (view = new View(parentElement, data)))
    shared.views.set(data.stage, view)
  }
  view.component = component
  return () => {
    view.remove()
    pieces.delete(parentElement)
    if (shared.views.get(data.stage) === view) shared.views.delete(data.stage)
    markLive()
  }
}

// Whether a hand is still choosing, for the style of the text about the runs. It stands on the body itself: a rule that
// asks what the body :has makes every tick of the clock look through the whole page.
function markLive() {
  document.body.toggleAttribute("data-nn-live", [...shared.views.values()].some((view) => "live" in view.root.dataset))
}

// A message of runs as the view draws it: with numbers.
function opened(data) {
  // A path that stands still travels as one number.
  const series = (base64, Kind) => {
    const found = numbers(base64, Kind)
    return found.length < data.steps.length ? new Kind(data.steps.length).fill(found[0]) : found
  }
  return {
    ...data,
    steps: Int32Array.from(data.steps),
    runs: data.runs.map((run) => ({
      ...run,
      still: [run.first, run.second, run.loss].every((packed) => packed.length < 13), // one number each
      first: series(run.first, Float64Array),
      second: series(run.second, Float64Array),
      loss: series(run.loss, Float64Array),
      downFirst: series(run.down_first, Float64Array),
      downSecond: series(run.down_second, Float64Array),
      height: run.height && series(run.height, Float64Array),
    })),
    curves: data.curves.map((curve) => ({ ...curve, loss: series(curve.loss, Float32Array) })),
  }
}

// Whether the path may be drawn over the surface: the message names this very surface, and every run comes from the
// parameters that the surface was computed from.
const belong = (surface, runs) =>
  surface && surface.hash === runs.surface && runs.runs.every((run) => run.origin === surface.origin)

// ------------------------------------------------------------------------------------------------ one view

const PRESETS = { corner: [1.1, -1.42, 0.78], top: [0, -0.01, 1.9], first: [1.9, 0.01, 0.3], second: [0.01, -1.9, 0.3] }
const MARGIN = { left: 50, right: 12, top: 26, bottom: 44 }
const DASHES = { solid: [], dash: [8, 5], dot: [2, 4], dashdot: [9, 4, 2, 4], longdash: [15, 5] }
const SPEEDS = [2, 5, 10, 20, 50, 100]
const BANDS = 14
const ICONS = {
  start: { d: "M3 3h2v10H3zM14 3v10L6 8z" },
  back: { d: "M9 3v10L2 8zM11 3h2.5v10H11z" },
  play: { d: "M4 2.5v11L13 8z" },
  pause: { d: "M4 3h3v10H4zM9 3h3v10H9z" },
  next: { d: "M2.5 3H5v10H2.5zM7 3v10l7-5z" },
}

class View {
  constructor(parent, data) {
    this.key = data.stage
    this.drawn = null
    this.build(parent)
    this.camera = member(shared.cameras, data.camera_group || data.stage, this, () => ({ at: data.camera?.length ? cameraAt(data.camera) : cameraFrom("corner") }))
    this.clock = member(shared.clocks, data.clock_group || data.stage, this, () => ({ t: data.at ?? -1, speed: 20 }))
    // Sizes are learnt from the observer, never asked for while drawing: asking makes the browser lay out the page.
    this.resizes = new ResizeObserver((changes) => {
      for (const { target, contentRect } of changes) target.box = [contentRect.width, contentRect.height]
      this.family = getComputedStyle(this.root).fontFamily
      this.resize()
    })
    for (const picture of [this.space, this.contour, this.curve]) this.resizes.observe(picture)
  }

  build(parent) {
    const root = (this.root = make("div", { className: "nn-stage" }, parent))
    this.title = make("div", { className: "nn-stage-title" }, root)
    this.title.setAttribute("role", "heading")
    this.title.setAttribute("aria-level", "3")
    const pictures = make("div", { className: "nn-pictures" }, root)

    const solid = make("div", { className: "nn-picture nn-solid" }, pictures)
    this.space = make("div", { className: "nn-space", tabIndex: 0 }, solid)
    this.space.setAttribute("role", "application")
    this.plot = make("div", { className: "nn-plot" }, this.space)
    this.note = make("div", { className: "nn-note", hidden: true }, this.space)
    this.presets = make("div", { className: "nn-presets" }, solid)
    this.presets.setAttribute("role", "group")
    this.presetButtons = Object.keys(PRESETS).map((name) =>
      button(this.presets, name, () => this.turnTo(cameraFrom(name))),
    )

    const map = make("div", { className: "nn-picture nn-map" }, pictures)
    this.contour = make("canvas", { tabIndex: 0 }, map)
    this.contour.setAttribute("role", "application")
    this.hover = make("div", { className: "nn-hover", hidden: true }, map)

    const fall = make("div", { className: "nn-picture nn-fall" }, pictures)
    this.curve = make("canvas", {}, fall)
    this.curve.setAttribute("role", "img")
    this.legend = make("div", { className: "nn-legend" }, fall)

    const transport = (this.transport = make("div", { className: "nn-transport" }, root))
    transport.setAttribute("role", "group")
    this.toStart = button(transport, ICONS.start, () => this.go(0), "To the start")
    this.back = button(transport, ICONS.back, () => this.go(this.t - 1), "One step back")
    this.play = button(transport, ICONS.play, () => playOrPause(this.clock), "Play")
    this.play.classList.add("nn-play")
    this.next = button(transport, ICONS.next, () => this.go(this.t + 1), "One step forward")
    this.pace = make("select", { title: "Speed" }, transport)
    for (const speed of SPEEDS) make("option", { value: speed, textContent: `${speed} / s` }, this.pace)
    this.pace.onchange = () => {
      this.clock.speed = Number(this.pace.value)
      for (const view of this.clock.members) view.showClock()
    }
    this.scrub = make("input", { type: "range", min: 0, step: 1, className: "nn-scrub" }, transport)
    this.scrub.oninput = () => this.go(this.scrub.valueAsNumber)
    this.step = make("output", { className: "nn-step" }, transport)

    this.figures = make("table", { className: "nn-figures" }, root)
    this.figures.setAttribute("role", "table")
    const foot = make("div", { className: "nn-foot" }, root)
    this.more = button(foot, "Show the steps as a table", () => this.toggleTable())
    this.more.setAttribute("aria-expanded", "false")
    this.status = make("span", { className: "nn-status" }, foot)
    this.status.setAttribute("role", "status")
    this.twin = make("div", { className: "nn-twin", hidden: true, tabIndex: 0 }, root)
    this.twin.setAttribute("role", "region")

    this.bindSpace()
    this.space.onkeydown = (event) => this.turnByKey(event)
    this.bindContour()
    this.bindCurve()
  }

  remove() {
    this.removed = true
    clearTimeout(this.slow)
    cancelAnimationFrame(this.next3d)
    this.resizes.disconnect()
    leave(shared.cameras, this.camera, this)
    leave(shared.clocks, this.clock, this)
    if (this.drawn3d) globalThis.Plotly?.purge(this.plot)
    this.root.remove()
  }

  take(data) {
    if (this.message !== data) this.waiting = opened((this.message = data))
    this.pair()
  }

  // A new message, a new surface or a new theme: draw, if the two pieces belong together.
  pair() {
    const surface = shared.surfaces.get(this.key)
    const runs = this.waiting
    if (!runs) return
    if (!belong(surface, runs)) {
      this.root.dataset.state = "updating"
      this.slow ??= setTimeout(() => this.say("Updating \u2026"), 200)
      return
    }
    clearTimeout(this.slow)
    this.slow = null
    if (this.root.dataset.state === "updating") this.say("")
    const dark = isDark(this.root)
    if (this.root.dataset.state === "ready" && this.drawn.surface === surface && this.drawn.runs === runs && this.dark === dark) return
    const opens = !this.drawn
    const atEnd = opens || this.clock.t < 0 || this.clock.t >= this.last
    this.drawn = { surface, runs }
    this.root.dataset.state = "ready"
    this.root.dataset.surface = surface.hash
    this.root.dataset.runs = runs.hash
    this.root.toggleAttribute("data-live", Boolean(runs.live))
    markLive()
    if (this.dark !== dark) this.base = null
    this.dark = dark
    this.look = runs[this.dark ? "dark" : "light"]
    this.colours = runs.runs.map((run) => run[this.dark ? "dark" : "light"])
    if (atEnd && !this.clock.playing) this.clock.t = (opens ? runs.at : null) ?? this.last
    this.clock.t = Math.min(this.clock.t, lastOf(this.clock))
    this.words()
    this.showClock()
    this.drawFlat()
    this.draw3d()
    if (!this.twin.hidden) this.fillTable()
  }

  get last() {
    return this.drawn ? this.drawn.runs.steps.length - 1 : 0
  }

  // The step index of this view. A film of surfaces stands still on the steps that have a surface.
  get t() {
    const t = Math.max(0, Math.min(this.clock.t, this.last))
    const { surface, runs } = this.drawn
    if (!surface.frames) return t
    const frame = frameAt(surface, runs.steps[t])
    const on = runs.steps.indexOf(surface.frameSteps[frame])
    return on < 0 ? t : on
  }

  get z() {
    const { surface, runs } = this.drawn
    return surface.frames ? surface.frames[frameAt(surface, runs.steps[this.t])] : surface.z
  }

  go(t) {
    if (!this.drawn) return
    const { surface, runs } = this.drawn
    let wanted = Math.max(0, Math.min(t, this.last))
    if (surface.frames && t > this.t) {
      // Between two frames of a film there is nothing to show: the next step is the next frame.
      const next = surface.frameSteps.find((step) => step >= runs.steps[wanted])
      if (next !== undefined) wanted = runs.steps.indexOf(next)
    }
    setPlaying(this.clock, false)
    moveClock(this.clock, wanted)
  }

  // One tick: the same step index in every picture.
  frame() {
    if (!this.drawn) return
    const began = performance.now()
    this.showClock()
    this.drawFlat()
    this.move3dInTurn()
    shared.frameMs.push(performance.now() - began)
    if (shared.frameMs.length > 600) shared.frameMs.shift()
  }

  say(text) {
    if (this.status.textContent !== text) this.status.textContent = text
  }

  words() {
    const { runs } = this.drawn
    const [first, second] = runs.names
    setText(this.title, runs.title)
    this.title.hidden = !runs.title
    const views = [
      ["Corner", "From a corner, as it opens"],
      ["Top", "From above, like the map"],
      [`Along ${first}`, `Look along ${first}; ${second} runs from side to side`],
      [`Along ${second}`, `Look along ${second}; ${first} runs from side to side`],
    ]
    this.presetButtons.forEach((node, i) => {
      setText(node, views[i][0])
      node.title = views[i][1]
    })
    const mine = (what) => [what, runs.who].filter(Boolean).join(", ")
    this.presets.setAttribute("aria-label", mine("Views of the surface in 3-D"))
    this.transport.setAttribute("aria-label", mine("The steps"))
    this.scrub.setAttribute("aria-label", mine("Step"))
    this.pace.setAttribute("aria-label", mine("Speed"))
    this.figures.setAttribute("aria-label", mine("The present point"))
    this.twin.setAttribute("aria-label", mine("The steps as a table"))
    this.legend.hidden = !runs.curves.length
    // Many runs have their samples in the table of the present points.
    this.legend.replaceChildren(
      ...[...(runs.runs.length > 1 ? [] : runs.runs), ...runs.curves].map((line) => {
        const node = make("span", {})
        node.append(sample(line[this.dark ? "dark" : "light"], line.dash), line.label)
        return node
      }),
    )
    const many = runs.runs.length > 1
    const head = [many ? "Run" : null, "Step", first, second, "MSE", `\u2212\u2202MSE/\u2202${first}`, `\u2212\u2202MSE/\u2202${second}`]
    if (runs.runs.some((run) => run.height)) head.push("Gap")
    this.columns = head.filter(Boolean)
    this.figures.replaceChildren()
    this.figures.classList.toggle("nn-many", many)
    // In narrow places the cells stand below each other, each with its name; the roles keep it a table.
    const roled = (tag, role, properties, parent) => {
      const node = make(tag, properties, parent)
      node.setAttribute("role", role)
      return node
    }
    const top = roled("tr", "row", {}, roled("thead", "rowgroup", {}, this.figures))
    for (const text of this.columns) roled("th", "columnheader", { textContent: text }, top)
    const body = roled("tbody", "rowgroup", {}, this.figures)
    this.rows = runs.runs.map((run, r) => {
      const row = roled("tr", "row", {}, body)
      if (many) {
        const name = roled("th", "rowheader", { scope: "row" }, row)
        name.append(sample(this.colours[r], run.dash))
        name.append(run.label)
      }
      return this.columns.slice(many ? 1 : 0).map((text) => {
        const cell = roled("td", "cell", {}, row)
        cell.dataset.name = text
        return cell
      })
    })
    const { surface: words, losses } = runs.alt
    this.space.setAttribute("aria-label", `${words} As a surface in 3-D: arrow keys turn it, plus and minus zoom.`)
    this.contour.setAttribute(
      "aria-label",
      `${words} As a map.` + (runs.can_start ? " Arrow keys move a cross, Enter starts there." : ""),
    )
    this.curve.setAttribute("aria-label", losses)
    this.contour.classList.toggle("nn-clickable", runs.can_start)
  }

  showClock() {
    if (!this.drawn) return
    const { runs } = this.drawn
    const t = this.t
    const step = runs.steps[t]
    this.root.dataset.step = step
    if (Number(this.scrub.max) !== this.last) this.scrub.max = this.last
    if (this.scrub.valueAsNumber !== t) this.scrub.value = t
    this.scrub.setAttribute("aria-valuetext", `step ${step} of ${runs.steps[this.last]}`)
    setText(this.step, `step ${step} / ${runs.steps[this.last]}`)
    const playing = Boolean(this.clock.playing)
    this.play.querySelector("path").setAttribute("d", playing ? ICONS.pause.d : ICONS.play.d)
    this.play.setAttribute("aria-label", playing ? "Pause" : "Play")
    this.play.title = playing ? "Pause" : "Play"
    if (Number(this.pace.value) !== this.clock.speed) this.pace.value = this.clock.speed
    this.toStart.disabled = this.back.disabled = t === 0
    this.next.disabled = t >= this.last
    runs.runs.forEach((run, r) => {
      const values = [step, run.first[t], run.second[t], run.loss[t], run.downFirst[t], run.downSecond[t]]
      if (run.height) values.push(run.loss[t] - run.height[t])
      this.rows[r].forEach((cell, c) => {
        if (c < values.length) setText(cell, c === 0 ? String(step) : shown(values[c]))
        if (c > 0 && c < values.length) cell.title = String(values[c])
      })
    })
    if (!this.twin.hidden) this.markRow()
  }

  toggleTable() {
    this.twin.hidden = !this.twin.hidden
    this.more.setAttribute("aria-expanded", String(!this.twin.hidden))
    setText(this.more, this.twin.hidden ? "Show the steps as a table" : "Hide the table")
    if (!this.twin.hidden) this.fillTable()
  }

  fillTable() {
    if (!this.drawn) return
    const { runs } = this.drawn
    const table = make("table", {})
    make("caption", { textContent: `${runs.names.join(" and ")} and the MSE at the shown steps` }, table)
    const top = make("tr", {}, make("thead", {}, table))
    make("th", { textContent: "Step", scope: "col" }, top)
    for (const run of runs.runs)
      for (const name of [...runs.names, "MSE"])
        make("th", { textContent: [run.label, name].filter(Boolean).join(": "), scope: "col" }, top)
    const body = make("tbody", {}, table)
    runs.steps.forEach((step, t) => {
      const row = make("tr", {}, body)
      make("th", { textContent: step, scope: "row" }, row)
      for (const run of runs.runs)
        for (const value of [run.first[t], run.second[t], run.loss[t]])
          make("td", { textContent: shown(value), title: String(value) }, row)
    })
    this.twin.replaceChildren(table)
    this.tableRows = body.rows
    this.markRow()
  }

  markRow() {
    this.marked?.removeAttribute("aria-current")
    this.marked = this.tableRows?.[this.t]
    this.marked?.setAttribute("aria-current", "step")
  }

  // ---------------------------------------------------------------------------------------------- flat pictures

  resize() {
    if (!this.drawn || this.removed) return
    this.base = null
    this.drawFlat()
    if (this.drawn3d) Plotly.relayout(this.plot, size(this.space))
  }

  drawFlat() {
    this.drawContour()
    this.drawCurve()
  }

  drawContour() {
    const { surface, runs } = this.drawn
    const area = fit(this.contour, this.family)
    if (!area) return
    const { pen, width, height, ratio } = area
    const axes = (this.mapAxes = {
      x: scaleOf(surface.x[0], surface.x.at(-1), MARGIN.left, width - MARGIN.right),
      y: scaleOf(surface.y[0], surface.y.at(-1), height - MARGIN.bottom, MARGIN.top),
    })
    const z = this.z
    if (!this.base || this.baseOf !== z) {
      // Colours and lines change only with the surface: draw them once, aside.
      this.base = paintBands(surface, z, this.look, (width - MARGIN.left - MARGIN.right) * ratio, (height - MARGIN.top - MARGIN.bottom) * ratio)
      this.baseOf = z
    }
    pen.clearRect(0, 0, width, height)
    drawScale(pen, surface.range, this.look, width)
    pen.drawImage(this.base, MARGIN.left, MARGIN.top, width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom)
    drawAxes(pen, axes, runs.names[0], runs.names[1], this.look, width, height)
    pen.save()
    pen.beginPath()
    pen.rect(MARGIN.left, MARGIN.top, width - MARGIN.left - MARGIN.right, height - MARGIN.top - MARGIN.bottom)
    pen.clip()
    const paper = this.dark ? "#000000" : "#ffffff"
    const t = this.t
    runs.runs.forEach((run, r) => {
      const x = (i) => axes.x.to(run.first[i])
      const y = (i) => axes.y.to(run.second[i])
      stroke(pen, x, y, 0, this.last, { colour: paper, width: 4, alpha: 0.5 })
      stroke(pen, x, y, 0, this.last, { colour: this.colours[r], width: 1.5, dash: run.dash, alpha: 0.75 })
      stroke(pen, x, y, 0, t, { colour: paper, width: 5, alpha: 0.8 })
      stroke(pen, x, y, 0, t, { colour: this.colours[r], width: 3, dash: run.dash })
      square(pen, x(0), y(0), this.colours[r], paper)
    })
    runs.runs.forEach((run, r) => {
      const arrow = this.arrowOf(run, t)
      if (arrow) drawArrow(pen, axes.x.to(run.first[t]), axes.y.to(run.second[t]), axes.x.to(arrow.first), axes.y.to(arrow.second), this.look.arrow, paper)
      dot(pen, axes.x.to(run.first[t]), axes.y.to(run.second[t]), 6.5, this.colours[r], paper)
    })
    if (this.cross) {
      const [cx, cy] = [axes.x.to(this.cross.first), axes.y.to(this.cross.second)]
      for (const [colour, w] of [[paper, 4], [this.look.ink, 1.5]]) {
        pen.strokeStyle = colour
        pen.lineWidth = w
        pen.beginPath()
        pen.moveTo(cx - 11, cy)
        pen.lineTo(cx + 11, cy)
        pen.moveTo(cx, cy - 11)
        pen.lineTo(cx, cy + 11)
        pen.stroke()
      }
    }
    pen.restore()
  }

  // Where minus the gradient points, in the two weights' own units; its length grows with the gradient's.
  arrowOf(run, t) {
    const { surface } = this.drawn
    const length = Math.hypot(run.downFirst[t], run.downSecond[t])
    if (!(length > 0) || !Number.isFinite(length)) return null
    let largest = (run.largest ??= run.downFirst.reduce((m, v, i) => Math.max(m, Math.hypot(v, run.downSecond[i]) || 0), 0))
    largest ||= length
    const span = Math.min(surface.x.at(-1) - surface.x[0], surface.y.at(-1) - surface.y[0])
    const scale = (span * (0.06 + 0.14 * Math.sqrt(length / largest))) / length
    return {
      first: run.first[t] + run.downFirst[t] * scale,
      second: run.second[t] + run.downSecond[t] * scale,
      fall: -length * length * scale,
    }
  }

  drawCurve() {
    const { runs } = this.drawn
    const area = fit(this.curve, this.family)
    if (!area) return
    const { pen, width, height } = area
    const lines = [...runs.runs, ...runs.curves]
    let [low, high] = lines.reduce(([l, h], line) => extent(line.loss, l, h), runs.loss_range ?? [Infinity, -Infinity])
    if (runs.loss_cap) high = Math.min(high, runs.loss_cap)
    const log = low > 0 && high / low > 30
    if (!log) low = Math.min(0, low)
    if (high === low) high = low + 1
    const steps = runs.steps
    const axes = (this.curveAxes = {
      x: scaleOf(0, Math.max(1, runs.until, steps.at(-1)), MARGIN.left, width - MARGIN.right),
      y: scaleOf(low, log ? high : high + 0.05 * (high - low), height - MARGIN.bottom, MARGIN.top, log),
    })
    pen.clearRect(0, 0, width, height)
    drawAxes(pen, axes, "step", log ? "MSE (log)" : "MSE", this.look, width, height, true)
    const t = this.t
    pen.save()
    pen.beginPath()
    pen.rect(MARGIN.left - 8, MARGIN.top - 8, width - MARGIN.left - MARGIN.right + 16, height - MARGIN.top - MARGIN.bottom + 16)
    pen.clip()
    runs.runs.forEach((run, r) => {
      const x = (i) => axes.x.to(steps[i])
      const y = (i) => axes.y.to(run.loss[i])
      stroke(pen, x, y, 0, this.last, { colour: this.colours[r], width: 1.5, dash: run.dash, alpha: 0.6 })
      stroke(pen, x, y, 0, t, { colour: this.colours[r], width: 3, dash: run.dash })
    })
    const paper = this.dark ? "#000000" : "#ffffff"
    runs.curves.forEach((curve) => {
      const colour = curve[this.dark ? "dark" : "light"]
      const [x, y] = [(i) => axes.x.to(steps[i]), (i) => axes.y.to(curve.loss[i])]
      stroke(pen, x, y, 0, this.last, { colour, width: 2, dash: curve.dash })
    })
    runs.runs.forEach((run, r) => dot(pen, axes.x.to(steps[t]), axes.y.to(run.loss[t]), 5.5, this.colours[r], paper))
    pen.restore()
  }

  bindContour() {
    let pressed = null
    this.contour.onpointerdown = (event) => (pressed = [event.offsetX, event.offsetY])
    this.contour.onpointerup = (event) => {
      const still = pressed && Math.hypot(event.offsetX - pressed[0], event.offsetY - pressed[1]) < 6
      pressed = null
      const point = still && this.pointAt(event.offsetX, event.offsetY)
      if (point) this.startAt(point)
    }
    this.contour.onpointermove = (event) => {
      const point = this.pointAt(event.offsetX, event.offsetY)
      this.hover.hidden = !point
      if (!point) return
      const [first, second] = this.drawn.runs.names
      const loss = between(this.drawn.surface, this.z, point)
      setText(this.hover, `${first} ${shown(point.first)}   ${second} ${shown(point.second)}   MSE \u2248 ${shown(loss)}`)
    }
    this.contour.onpointerleave = () => (this.hover.hidden = true)
    this.contour.onblur = () => {
      this.cross = null
      if (this.drawn) this.drawFlat()
    }
    this.contour.onkeydown = (event) => {
      if (!this.drawn?.runs.can_start) return
      const { surface, runs } = this.drawn
      const run = runs.runs[0]
      const move = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] }[event.key]
      if (move) {
        const clamp = (axis, value) => Math.min(axis.at(-1), Math.max(axis[0], value))
        const from = this.cross ?? { first: run.first[this.t], second: run.second[this.t] }
        const share = event.shiftKey ? 0.1 : 0.02
        this.cross = {
          first: clamp(surface.x, from.first + move[0] * share * (surface.x.at(-1) - surface.x[0])),
          second: clamp(surface.y, from.second + move[1] * share * (surface.y.at(-1) - surface.y[0])),
        }
        this.say(`${runs.names[0]} ${shown(this.cross.first)}, ${runs.names[1]} ${shown(this.cross.second)}`)
        this.drawFlat()
      } else if (event.key === "Enter" && this.cross) this.startAt(this.cross)
      else return
      event.preventDefault()
    }
  }

  pointAt(px, py) {
    if (!this.drawn || !this.mapAxes) return null
    const { surface } = this.drawn
    const point = { first: this.mapAxes.x.from(px), second: this.mapAxes.y.from(py) }
    const inside =
      point.first >= surface.x[0] && point.first <= surface.x.at(-1) && point.second >= surface.y[0] && point.second <= surface.y.at(-1)
    return inside ? point : null
  }

  startAt(point) {
    const { surface, runs } = this.drawn
    if (!runs.can_start) return
    this.component.setTriggerValue("start", { first: point.first, second: point.second, surface: surface.hash })
  }

  // Plotly's own click wants the button held while it draws a picture, which may be longer than a click lasts. A click is
  // one without a turn of the camera; what lies under it is known a picture later.
  bindSpace() {
    let pressed = [0, 0]
    this.space.addEventListener("pointerdown", (event) => (pressed = [event.clientX, event.clientY]), true)
    this.space.addEventListener("click", (event) => {
      if (Math.hypot(event.clientX - pressed[0], event.clientY - pressed[1]) > 5) return
      requestAnimationFrame(() =>
        requestAnimationFrame(() => {
          if (this.touched) this.startAt({ first: this.touched.x, second: this.touched.y })
        }),
      )
    }, true)
  }

  bindCurve() {
    const scrub = (event) => {
      if (!this.drawn || !this.curveAxes) return
      const wanted = this.curveAxes.x.from(event.offsetX)
      const steps = this.drawn.runs.steps
      let near = 0
      for (let i = 1; i < steps.length; i++) if (Math.abs(steps[i] - wanted) < Math.abs(steps[near] - wanted)) near = i
      this.go(near)
    }
    this.curve.onpointerdown = (event) => {
      this.curve.setPointerCapture(event.pointerId)
      scrub(event)
    }
    this.curve.onpointermove = (event) => event.buttons && scrub(event)
  }

  // ---------------------------------------------------------------------------------------------- in 3-D

  // Everything that needs a full drawing; if only paths have changed, moving them at once is enough.
  draw3d() {
    cancelAnimationFrame(this.next3d)
    if (this.root.dataset.space === "ready" && this.drawn3d === this.looks()) this.move3dInTurn()
    else this.next3d = requestAnimationFrame(() => this.draw3dNow())
  }

  looks() {
    const { surface, runs } = this.drawn
    this.heights = this.heightRange()
    return JSON.stringify([
      surface.hash, this.dark, runs.names, runs.mode, this.heights, this.colours, runs.runs.map((r) => [r.label, r.dash]),
    ])
  }

  async draw3dNow() {
    if (this.removed || this.no3d || !this.drawn) return
    try {
      if (!hasWebGL()) throw new Error("this browser has no WebGL")
      await loadPlotly(this.drawn.runs.plotly)
    } catch (error) {
      this.no3d = true
      this.root.dataset.space = "missing"
      this.note.hidden = false
      this.note.textContent = `No 3-D picture: ${error.message}. The map shows the same surface.`
    }
    if (this.removed || this.no3d || !this.drawn) return
    const { runs } = this.drawn
    const looks = this.looks()
    if (this.drawn3d === looks) return this.move3d()
    this.drawn3d = looks
    this.rememberCamera()
    await Plotly.react(this.plot, this.traces(), this.layout3d(), { displayModeBar: false, scrollZoom: false })
    if (!this.listens) {
      this.listens = true
      for (const name of ["plotly_relayouting", "plotly_relayout"])
        this.plot.on(name, (change) => change["scene.camera"] && this.turned(change["scene.camera"]))
      const touch = ({ points } = {}) => (this.touched = points?.find((p) => p.curveNumber === 0))
      this.plot.on("plotly_hover", touch)
      this.plot.on("plotly_unhover", () => touch())
    }
    this.root.dataset.space = "ready"
    this.shownZ = this.z
    this.pathsIn3d = runs
    if (this.drawn3d === looks) this.move3d()
  }

  heightRange() {
    const { surface, runs } = this.drawn
    let [low, high] = surface.range
    // Only a path that may leave the drawn surface needs room of its own.
    if (runs.mode === "first") for (const run of runs.runs) [low, high] = extent(run.loss, low, high)
    const pad = 0.04 * (high - low) || 0.5
    return [low - pad, high + pad]
  }

  layout3d() {
    const { surface, runs } = this.drawn
    const font = { size: 14, color: this.look.ink }
    const axis = (text, range) => ({
      title: { text, font },
      tickfont: { size: 14, color: this.look.faint },
      range,
      nticks: 5,
      gridcolor: this.look.grid,
      zerolinecolor: this.look.grid,
      linecolor: this.look.faint,
      showbackground: false,
      showspikes: false,
    })
    // A scene fills the height of its place: in a narrow one it is made smaller, or the title of an axis is cut off.
    const { width, height } = size(this.space), part = Math.min(1, width / height / 1.18)
    return {
      ...size(this.space),
      margin: { t: 0, b: 0, l: 0, r: 0 },
      paper_bgcolor: "rgba(0,0,0,0)",
      font: { family: this.family },
      showlegend: false,
      hoverlabel: { font: { size: 14 } },
      scene: {
        xaxis: axis(runs.names[0], [surface.x[0], surface.x.at(-1)]),
        yaxis: axis(runs.names[1], [surface.y[0], surface.y.at(-1)]),
        zaxis: axis("MSE", this.heights),
        aspectmode: "manual",
        aspectratio: { x: part, y: part, z: 0.75 * part },
        dragmode: "turntable",
        camera: structuredClone(this.camera.at),
      },
    }
  }

  traces() {
    const { surface, runs } = this.drawn
    const [first, second] = runs.names
    const [low, high] = surface.range
    const lines = this.lines3d()
    const line = (at, line, extra = {}) => ({ type: "scatter3d", mode: "lines", ...lines[at], line, hoverinfo: "skip", ...extra })
    const traces = [
      {
        type: "surface",
        ...grid3d(surface, this.z),
        colorscale: this.look.scale,
        cmin: low,
        cmax: high > low ? high : low + 1,
        showscale: false,
        // A loss that floats off the surface may be below it.
        opacity: runs.mode === "first" ? 0.6 : 1,
        lighting: { ambient: 0.7, diffuse: 0.6, specular: 0.05, roughness: 0.9 },
        contours: { x: { highlight: false }, y: { highlight: false }, z: { highlight: false } },
        hovertemplate: `${plain(first)} %{x:.4g}<br>${plain(second)} %{y:.4g}<br>MSE %{z:.4g}<extra></extra>`,
      },
    ]
    runs.runs.forEach((run, r) => {
      traces.push(line(1 + 2 * r, { color: this.colours[r], width: 3, dash: run.dash }, { opacity: 0.6 }))
      traces.push(line(2 + 2 * r, { color: this.colours[r], width: 8, dash: run.dash }))
    })
    const after = 1 + 2 * runs.runs.length
    traces.push(line(after, { color: this.look.arrow, width: 6 }))
    traces.push(line(after + 1, { color: this.look.ink, width: 3, dash: "dot" }))
    traces.push({
      ...line(after + 2, {}),
      mode: "markers",
      marker: { size: 7, color: this.colours, line: { color: this.look.ink, width: 2 } },
    })
    return traces
  }

  // The points of every line: for each run its whole path and the part walked so far; then the arrows, the stems
  // between the surface and a loss that floats off it, and the present points.
  lines3d() {
    const { surface, runs } = this.drawn
    const t = this.t
    // Drawn a hair above the surface, which between its grid points is flat where the loss is curved.
    const lift = runs.mode === "first" ? 0 : 0.012 * (this.heights[1] - this.heights[0])
    const lines = [null]
    const arrows = [[], [], []]
    const stems = [[], [], []]
    const points = [[], [], []]
    const push = (to, x, y, z) => (to[0].push(x), to[1].push(y), to[2].push(z))
    for (const run of runs.runs) {
      const whole = (run.whole3d ??= this.within(run))
      const z = run.lifted === lift ? run.z3d : (run.z3d = Float32Array.from(run.loss, (v) => v + lift))
      run.lifted = lift
      for (const end of run.still ? [1, 1] : [this.last + 1, t + 1])
        lines.push({ x: whole.x.subarray(0, end), y: whole.y.subarray(0, end), z: z.subarray(0, end) })
      const here = [whole.x[t], whole.y[t], z[t]]
      push(points, here[0], here[1], z[t] + lift)
      const arrow = this.arrowOf(run, t)
      const end = arrow ? [arrow.first, arrow.second, z[t] + arrow.fall] : here
      if (arrow) {
        // Along the tangent: over the two weights it is minus the gradient, upwards what the loss would do.
        const low = this.heights[0]
        end[2] = Math.max(low, end[2])
        const [dx, dy, dz] = [0, 1, 2].map((k) => end[k] - here[k])
        const sx = (surface.x.at(-1) - surface.x[0]) * 0.02
        const sy = (surface.y.at(-1) - surface.y[0]) * 0.02
        const across = Math.hypot(dx / sx, dy / sy) || 1
        const [bx, by] = [(-dy / sy / across) * sx, (dx / sx / across) * sy]
        push(arrows, ...here)
        push(arrows, ...end)
        push(arrows, end[0] - dx * 0.25 + bx, end[1] - dy * 0.25 + by, end[2] - dz * 0.25)
        push(arrows, ...end)
        push(arrows, end[0] - dx * 0.25 - bx, end[1] - dy * 0.25 - by, end[2] - dz * 0.25)
      } else push(arrows, ...here)
      push(arrows, NaN, NaN, NaN)
      push(stems, ...here)
      push(stems, here[0], here[1], run.height ? run.height[t] : here[2])
      push(stems, NaN, NaN, NaN)
    }
    for (const [x, y, z] of [arrows, stems, points]) lines.push({ x, y, z })
    return lines
  }

  // A path outside the drawn window has no place in the box: it is interrupted there.
  within(run) {
    const { surface } = this.drawn
    const inside = (axis, v) => v >= axis[0] && v <= axis.at(-1)
    const x = Float32Array.from(run.first, (v, i) => (inside(surface.x, v) && inside(surface.y, run.second[i]) ? v : NaN))
    return { x, y: Float32Array.from(run.second, (v, i) => (Number.isNaN(x[i]) ? NaN : v)) }
  }

  // Without a graphics card one picture in 3-D takes longer than all else. Then it rests for twice as long as it took, so
  // that the map and the curve keep up with the hand; the last change is always drawn.
  move3dInTurn() {
    this.due3d = true
    if (this.resting3d || this.removed) return
    this.due3d = false
    const began = performance.now()
    if (!this.move3d()) return
    this.resting3d = true
    const rested = () => {
      this.resting3d = false
      if (this.due3d) this.move3dInTurn()
    }
    const drawn = () => {
      const took = performance.now() - began
      setTimeout(rested, took > 60 ? Math.min(1000, 2 * took) : 0)
    }
    requestAnimationFrame(() => requestAnimationFrame(drawn))
  }

  // Moving lines is 20 times cheaper than a new drawing, but asks for Plotly's inner parts; should they have changed,
  // its public way does the same. Returns whether anything has moved.
  move3d() {
    if (!this.drawn3d || this.root.dataset.space !== "ready") return false
    const lines = this.lines3d()
    const gd = this.plot
    let changed = false
    try {
      const scene = gd._fullLayout.scene._scene
      const z = this.z
      if (this.shownZ !== z) {
        const full = gd._fullData[0]
        full.z = full._input.z = grid3d(this.drawn.surface, z).z
        scene.traces[full.uid].update(full)
        this.shownZ = z
        changed = true
      }
      const many = this.drawn.runs.runs.length
      for (let i = 1; i < lines.length; i++) {
        // A tick of the clock leaves the whole paths as they are, and without gaps there are no stems.
        const stands = i <= 2 * many ? i % 2 === 1 && this.pathsIn3d === this.drawn.runs : i === 2 * many + 2 && this.drawn.runs.mode !== "first"
        if (stands) continue
        const full = gd._fullData[i]
        // What stays where it is need not be drawn again, and a scene without changes is not.
        if (["x", "y", "z"].every((k) => alike(full[k], lines[i][k]))) continue
        Object.assign(full, lines[i], { _length: lines[i].x.length })
        scene.traces[full.uid].update(full)
        changed = true
      }
      // No call to redraw: the lines are marked as changed, and the scene looks for that before each picture.
      this.pathsIn3d = this.drawn.runs
    } catch {
      const at = lines.map((_, i) => i).slice(1)
      Plotly.restyle(gd, { x: at.map((i) => lines[i].x), y: at.map((i) => lines[i].y), z: at.map((i) => lines[i].z) }, at)
      changed = true
    }
    return changed
  }

  // The camera. It belongs to the group, never to a drawing: whatever is drawn next is drawn from where it is.
  rememberCamera() {
    const scene = this.plot._fullLayout?.scene?._scene
    if (this.turning && scene?.getCamera) this.camera.at = structuredClone(scene.getCamera())
  }

  turned(camera) {
    if (same(camera, this.camera.at)) return
    this.camera.at = structuredClone(camera)
    for (const view of this.camera.members) if (view !== this) view.follow()
  }

  turnTo(camera) {
    this.camera.at = camera
    for (const view of this.camera.members) view.follow()
  }

  follow() {
    cancelAnimationFrame(this.nextTurn)
    this.nextTurn = requestAnimationFrame(() => {
      if (this.removed || !this.drawn3d) return
      Plotly.relayout(this.plot, { "scene.camera": structuredClone(this.camera.at) })
    })
  }

  turnByKey(event) {
    const { eye } = this.camera.at
    const far = Math.hypot(eye.x, eye.y, eye.z)
    let around = Math.atan2(eye.y, eye.x)
    let up = Math.asin(eye.z / far)
    let distance = far
    if (event.key === "ArrowLeft") around -= Math.PI / 24
    else if (event.key === "ArrowRight") around += Math.PI / 24
    else if (event.key === "ArrowUp") up += Math.PI / 36
    else if (event.key === "ArrowDown") up -= Math.PI / 36
    else if (event.key === "+" || event.key === "=") distance /= 1.1
    else if (event.key === "-") distance *= 1.1
    else return
    event.preventDefault()
    up = Math.max(-1.45, Math.min(1.55, up))
    distance = Math.max(0.8, Math.min(6, distance))
    const flat = distance * Math.cos(up)
    const turned = { x: flat * Math.cos(around), y: flat * Math.sin(around), z: distance * Math.sin(up) }
    this.turnTo({ ...this.camera.at, eye: turned })
  }
}

// ------------------------------------------------------------------------------------------------ groups and clock

function member(groups, name, view, fresh) {
  let group = groups.get(name)
  if (!group) groups.set(name, (group = { ...fresh(), name, members: new Set() }))
  group.members.add(view)
  return group
}

function leave(groups, group, view) {
  group.members.delete(view)
  // The camera and the clock of a group outlive a page for a moment's absence only within it.
  if (!group.members.size) {
    setPlaying(group, false)
    groups.delete(group.name)
  }
}

const lastOf = (clock) => Math.max(0, ...[...clock.members].map((view) => view.last))

function moveClock(clock, t) {
  if (clock.t === t) return
  clock.t = t
  for (const view of clock.members) view.frame()
}

function setPlaying(clock, on) {
  cancelAnimationFrame(clock.tick)
  const was = clock.playing
  clock.playing = on
  if (was !== on && clock.members) for (const view of clock.members) view.showClock()
}

function playOrPause(clock) {
  if (clock.playing) return setPlaying(clock, false)
  if (clock.t >= lastOf(clock)) moveClock(clock, 0)
  setPlaying(clock, true)
  // Time decides, not the number of pictures: a slow machine skips steps and still arrives on time.
  let from = clock.t
  let began = performance.now()
  let speed = clock.speed
  const tick = (now) => {
    if (speed !== clock.speed) [from, began, speed] = [clock.t, now, clock.speed]
    const last = lastOf(clock)
    let t = from + Math.floor((Math.max(0, now - began) / 1000) * speed)
    // Who wants little motion gets ten still pictures instead of a film.
    if (calm.matches) t = Math.min(last, Math.floor((now - began) / 800) * Math.max(1, Math.ceil(last / 10)) + from)
    moveClock(clock, Math.min(t, last))
    if (t >= last) return setPlaying(clock, false)
    clock.tick = requestAnimationFrame(tick)
  }
  clock.tick = requestAnimationFrame(tick)
}

// ------------------------------------------------------------------------------------------------ helpers: pictures

function cameraFrom(name) {
  return cameraAt(PRESETS[name])
}

function cameraAt([x, y, z, a = -0.06, b = -0.06, c = -0.14]) {
  return { eye: { x, y, z }, center: { x: a, y: b, z: c }, up: { x: 0, y: 0, z: 1 } }
}

const alike = (a, b) => a.length === b.length && a.every((v, i) => Object.is(v, b[i]) || v === b[i])

const same = (a, b) =>
  ["eye", "center", "up"].every((part) => ["x", "y", "z"].every((k) => Math.abs((a[part]?.[k] ?? 0) - (b[part]?.[k] ?? 0)) < 1e-9))

function hasWebGL() {
  if (shared.webgl !== undefined) return shared.webgl
  const canvas = document.createElement("canvas")
  const found = canvas.getContext("webgl2") || canvas.getContext("webgl")
  found?.getExtension("WEBGL_lose_context")?.loseContext()
  return (shared.webgl = Boolean(found))
}

function loadPlotly(address) {
  if (!address) return Promise.reject(new Error("this server does not bring Plotly.js"))
  if (globalThis.Plotly) return Promise.resolve()
  shared.plotly ??= new Promise((done, failed) => {
    const script = document.createElement("script")
    script.src = new URL(address, location.origin).href
    script.onload = () => (globalThis.Plotly ? done() : failed(new Error("Plotly.js did not start")))
    script.onerror = () => {
      shared.plotly = null
      failed(new Error("Plotly.js could not be loaded"))
    }
    document.head.append(script)
  })
  return shared.plotly
}

function size(node) {
  return { width: Math.max(160, node.clientWidth), height: Math.max(160, node.clientHeight) }
}

// A canvas as large as its box in device pixels, with a pen in CSS pixels.
function fit(canvas, family) {
  const [width, height] = canvas.box ?? [0, 0]
  if (width < 60 || height < 60) return null
  const ratio = Math.min(2, devicePixelRatio || 1)
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio)
    canvas.height = Math.round(height * ratio)
  }
  const pen = canvas.getContext("2d")
  pen.setTransform(ratio, 0, 0, ratio, 0, 0)
  pen.font = `14px ${family}`
  return { pen, width, height, ratio }
}

function scaleOf(low, high, start, end, log = false) {
  const f = log ? Math.log10 : (v) => v
  const [a, b] = [f(low), f(high)]
  return {
    low,
    high,
    log,
    to: (v) => start + ((f(v) - a) / (b - a)) * (end - start),
    from: (p) => {
      const v = a + ((p - start) / (end - start)) * (b - a)
      return log ? 10 ** v : v
    },
  }
}

function ticks({ low, high, log }, wanted) {
  if (log) {
    const all = []
    for (let e = Math.ceil(Math.log10(low) - 1e-9); e <= Math.log10(high) + 1e-9; e++) all.push(10 ** e)
    if (all.length < 2) return [low, high]
    const every = Math.ceil(all.length / wanted)
    return all.filter((_, i) => i % every === 0)
  }
  const rough = (high - low) / wanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough)
  const found = []
  for (let v = Math.ceil(low / step - 1e-9) * step; v <= high + step * 1e-9; v += step) found.push(Math.abs(v) < step * 1e-9 ? 0 : v)
  return found
}

function drawAxes(pen, axes, xTitle, yTitle, look, width, height, grid = false) {
  const bottom = height - MARGIN.bottom
  pen.fillStyle = look.faint
  pen.strokeStyle = look.grid
  pen.lineWidth = 1
  pen.textBaseline = "top"
  pen.textAlign = "center"
  for (const v of ticks(axes.x, Math.max(4, Math.floor((width - MARGIN.left) / 80)))) {
    const x = Math.round(axes.x.to(v)) + 0.5
    segment(pen, x, bottom, x, bottom + 4)
    pen.textAlign = x > width - 24 ? "right" : "center"
    pen.fillText(tickText(v), x > width - 24 ? width : x, bottom + 6)
  }
  pen.textAlign = "right"
  pen.textBaseline = "middle"
  for (const v of ticks(axes.y, Math.max(2, Math.floor((height - MARGIN.top - MARGIN.bottom) / 45)))) {
    const y = Math.round(axes.y.to(v)) + 0.5
    segment(pen, grid ? MARGIN.left : MARGIN.left - 4, y, grid ? width - MARGIN.right : MARGIN.left, y)
    pen.fillText(tickText(v), MARGIN.left - 7, y)
  }
  pen.fillStyle = look.ink
  pen.textBaseline = "alphabetic"
  pen.textAlign = "left"
  pen.fillText(yTitle, 2, 15)
  pen.textAlign = "right"
  pen.fillText(xTitle, width - MARGIN.right, height - 5)
}

// What the map's colours mean, and those of the surface: the bands from the lowest to the highest loss, at the top right.
function drawScale(pen, [low, high], look, width) {
  const right = width - MARGIN.right
  pen.textBaseline = "alphabetic"
  pen.textAlign = "right"
  pen.fillStyle = look.faint
  const texts = [low, high].map((v) => tickText(v))
  const strip = Math.min(112, right - 110 - texts.reduce((sum, text) => sum + pen.measureText(text).width, 0))
  if (strip < 28 || !(high > low)) return
  pen.fillText(texts[1], right, 15)
  const end = right - pen.measureText(texts[1]).width - 6
  bandColours(look).forEach(([r, g, b], band) => {
    pen.fillStyle = `rgb(${r} ${g} ${b})`
    pen.fillRect(end - strip + (band * strip) / BANDS, 4, strip / BANDS + 0.5, 12)
  })
  pen.strokeStyle = look.faint
  pen.lineWidth = 1
  pen.strokeRect(end - strip - 0.5, 3.5, strip + 1, 13)
  pen.fillStyle = look.faint
  pen.fillText(`MSE  ${texts[0]}`, end - strip - 6, 15)
}

const bandColours = (look) => Array.from({ length: BANDS }, (_, b) => colourAt(look.scale, (b + 0.5) / BANDS))

function segment(pen, x0, y0, x1, y1) {
  pen.beginPath()
  pen.moveTo(x0, y0)
  pen.lineTo(x1, y1)
  pen.stroke()
}

function tickText(value) {
  if (value === 0) return "0"
  const size = Math.abs(value)
  const text = size >= 1e-3 && size < 1e4 ? String(Number(value.toPrecision(3))) : value.toExponential(size ? 0 : 0).replace("e+", "e")
  return text.replaceAll("-", "\u2212")
}

// The colours of the map in bands, with a line where one band meets the next: the surface between its grid points is
// drawn straight, as in 3-D.
function paintBands(surface, z, look, wide, high) {
  const [w, h] = [Math.max(1, Math.round(wide)), Math.max(1, Math.round(high))]
  const canvas = document.createElement("canvas")
  canvas.width = w
  canvas.height = h
  const pen = canvas.getContext("2d")
  const image = pen.createImageData(w, h)
  const [low, top] = surface.range
  const nx = surface.x.length
  const palette = bandColours(look)
  const bands = new Int8Array(w * h)
  const factor = top > low ? BANDS / (top - low) : 0
  // A grid need not be even: a step's has a line through the start.
  const across = Array.from({ length: w }, (_, px) => placeOn(surface.x, (px + 0.5) / w))
  for (let py = 0; py < h; py++) {
    const [j, fy] = placeOn(surface.y, 1 - (py + 0.5) / h)
    for (let px = 0; px < w; px++) {
      const [i, fx] = across[px]
      const k = j * nx + i
      // Terraces are painted cell by cell, each around its grid point.
      const value = surface.terraces
        ? z[(fy < 0.5 ? k : k + nx) + (fx < 0.5 ? 0 : 1)]
        : (z[k] * (1 - fx) + z[k + 1] * fx) * (1 - fy) + (z[k + nx] * (1 - fx) + z[k + nx + 1] * fx) * fy
      bands[py * w + px] = Math.max(0, Math.min(BANDS - 1, Math.floor((value - low) * factor)))
    }
  }
  for (let p = 0; p < w * h; p++) {
    const band = bands[p]
    const edge = ((p + 1) % w && bands[p + 1] !== band) || (p + w < w * h && bands[p + w] !== band)
    const [r, g, b] = palette[band]
    const shade = edge ? 0.72 : 1
    image.data[4 * p] = r * shade
    image.data[4 * p + 1] = g * shade
    image.data[4 * p + 2] = b * shade
    image.data[4 * p + 3] = 255
  }
  pen.putImageData(image, 0, 0)
  return canvas
}

function colourAt(scale, share) {
  let k = 1
  while (k < scale.length - 1 && scale[k][0] < share) k++
  const [[a, from], [b, to]] = [scale[k - 1], scale[k]]
  const f = Math.max(0, Math.min(1, (share - a) / (b - a)))
  const parts = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16))
  const [p, q] = [parts(from), parts(to)]
  return p.map((v, c) => v + f * (q[c] - v))
}

// Where a share of an axis lies: after which grid point, and how far on the way to the next.
function placeOn(axis, share) {
  const value = axis[0] + share * (axis.at(-1) - axis[0])
  let [low, high] = [0, axis.length - 1]
  while (high - low > 1) {
    const middle = (low + high) >> 1
    if (axis[middle] <= value) low = middle
    else high = middle
  }
  return [low, (value - axis[low]) / (axis[high] - axis[low])]
}

// The surface's height at a point, straight between its grid points, or that of the cell on a terrace.
export function between({ x, y, terraces }, z, { first, second }) {
  const share = (axis, v) => (v - axis[0]) / (axis.at(-1) - axis[0])
  const [[i, fx], [j, fy]] = [placeOn(x, share(x, first)), placeOn(y, share(y, second))]
  const k = j * x.length + i
  const n = x.length
  if (terraces) return z[(fy < 0.5 ? k : k + n) + (fx < 0.5 ? 0 : 1)]
  return (z[k] * (1 - fx) + z[k + 1] * fx) * (1 - fy) + (z[k + n] * (1 - fx) + z[k + n + 1] * fx) * fy
}

function stroke(pen, x, y, from, to, { colour, width, dash = "solid", alpha = 1 }) {
  pen.save()
  pen.globalAlpha = alpha
  pen.strokeStyle = colour
  pen.lineWidth = width
  pen.lineJoin = "round"
  pen.setLineDash(DASHES[dash] ?? [])
  pen.beginPath()
  let [px, py] = [finite(x(from)), finite(y(from))]
  let joined = false
  for (let i = from + 1; i <= to; i++) {
    const [qx, qy] = [finite(x(i)), finite(y(i))]
    const piece = pieceWithin(pen.canvas.box, px, py, qx, qy)
    if (piece) {
      const [x0, y0, x1, y1] = piece
      if (!joined || x0 !== px || y0 !== py) pen.moveTo(x0, y0)
      pen.lineTo(x1, y1)
    }
    joined = piece?.[2] === qx && piece[3] === qy
    ;[px, py] = [qx, qy]
  }
  pen.stroke()
  pen.restore()
}

const finite = (v) => Math.max(-1e15, Math.min(1e15, v))

// The piece of a line that may be seen in a box from (0, 0), or null. A diverging path's lines are millions of pixels long:
// a browser counts all their dashes, which takes it minutes, and loses lines that end beyond what 32 bits can hold.
export function pieceWithin([width, height], x0, y0, x1, y1, margin = 40) {
  let [from, to] = [0, 1]
  for (const [a, b, end] of [[x0, x1, width], [y0, y1, height]]) {
    // Where the line enters and leaves the strip between the two edges, as shares of its length.
    const [first, second] = [(-margin - a) / (b - a), (end + margin - a) / (b - a)]
    if (a === b) {
      if (a < -margin || a > end + margin) return null
      continue
    }
    from = Math.max(from, Math.min(first, second))
    to = Math.min(to, Math.max(first, second))
  }
  if (!(from <= to)) return null
  const at = (share) => (share === 0 ? [x0, y0] : share === 1 ? [x1, y1] : [x0 + share * (x1 - x0), y0 + share * (y1 - y0)])
  return [...at(from), ...at(to)]
}

function dot(pen, x, y, radius, colour, paper) {
  pen.beginPath()
  pen.arc(x, y, radius, 0, 2 * Math.PI)
  pen.fillStyle = colour
  pen.fill()
  pen.lineWidth = 2
  pen.strokeStyle = paper
  pen.stroke()
}

function square(pen, x, y, colour, paper) {
  pen.fillStyle = paper
  pen.strokeStyle = colour
  pen.lineWidth = 2
  pen.fillRect(x - 4.5, y - 4.5, 9, 9)
  pen.strokeRect(x - 4.5, y - 4.5, 9, 9)
}

function drawArrow(pen, x0, y0, x1, y1, colour, paper) {
  const angle = Math.atan2(y1 - y0, x1 - x0)
  for (const [ink, width] of [[paper, 6], [colour, 3]]) {
    pen.strokeStyle = ink
    pen.lineWidth = width
    pen.lineCap = "round"
    pen.beginPath()
    pen.moveTo(x0, y0)
    pen.lineTo(x1, y1)
    for (const turn of [-0.5, 0.5]) {
      pen.moveTo(x1 - 10 * Math.cos(angle + turn), y1 - 10 * Math.sin(angle + turn))
      pen.lineTo(x1, y1)
    }
    pen.stroke()
    pen.lineCap = "butt"
  }
}

function sample(colour, dash) {
  const dashes = (DASHES[dash] ?? []).join(" ")
  const line = { x1: 0, x2: 44, y1: 5, y2: 5, stroke: colour, "stroke-width": 3, "stroke-dasharray": dashes }
  return drawing(null, "line", 44, 10, line)
}

// ------------------------------------------------------------------------------------------------ helpers: values

function numbers(base64, Kind) {
  return new Kind(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer)
}

function rows(z, width) {
  return Array.from({ length: z.length / width }, (_, j) => z.subarray(j * width, (j + 1) * width))
}

// A step's surface is flat in every cell with a cliff halfway to the next: joining its points would invent slopes.
function grid3d({ x, y, terraces }, z) {
  if (!terraces) return { x, y, z: rows(z, x.length) }
  const edges = (axis) => [axis[0], ...Array.from(axis.subarray(1), (v, i) => (v + axis[i]) / 2).flatMap((v) => [v, v]), axis.at(-1)]
  const doubled = rows(z, x.length).map((row) => Float32Array.from({ length: 2 * row.length }, (_, i) => row[i >> 1]))
  return { x: edges(x), y: edges(y), z: doubled.flatMap((row) => [row, row]) }
}

function extent(values, low = Infinity, high = -Infinity) {
  for (const v of values) {
    if (v < low) low = v
    if (v > high && v < Infinity) high = v
  }
  return [low, high]
}

// The last frame of a film that is not after the step, as far as the film has arrived.
function frameAt({ frameSteps, frames }, step) {
  let frame = 0
  for (let f = 1; f < frameSteps.length && frameSteps[f] <= step; f++) if (frames[f]) frame = f
  return frame
}

// Four significant digits and a true minus, as dashboard/text.py writes them: only an exact 0 is "0".
function shown(value) {
  if (Number.isNaN(value)) return "undefined"
  if (!Number.isFinite(value)) return value > 0 ? "too large" : "\u2212too large"
  if (value === 0) return "0"
  const size = Math.abs(value)
  let text = size >= 1e-3 && size < 1e5 ? String(Number(size.toPrecision(4))) : size.toExponential(3)
  if (text.includes("e")) {
    const [digits, exponent] = text.split("e")
    text = `${Number(digits)}e${Number(exponent)}`.replaceAll("-", "\u2212")
  }
  return (value < 0 ? "\u2212" : "") + text
}

// Plotly reads a little HTML in its texts.
const plain = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

function isDark(node) {
  const probe = getComputedStyle(node).getPropertyValue("--st-background-color").trim()
  const pen = (shared.probe ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true }))
  pen.fillStyle = "#ffffff"
  pen.fillStyle = probe
  pen.fillRect(0, 0, 1, 1)
  const [r, g, b] = pen.getImageData(0, 0, 1, 1).data
  return 0.3 * r + 0.59 * g + 0.11 * b < 128
}

// ------------------------------------------------------------------------------------------------ helpers: nodes

function make(tag, properties, parent) {
  const node = Object.assign(document.createElement(tag), properties)
  parent?.append(node)
  return node
}

function button(parent, text, act, name) {
  const node = make("button", { type: "button", onclick: act }, parent)
  if (text.d) drawing(node, "path", 16, 16, text)
  else node.textContent = text
  if (name) {
    node.setAttribute("aria-label", name)
    node.title = name
  }
  return node
}

function drawing(parent, shape, width, height, attributes) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg")
  const inside = document.createElementNS("http://www.w3.org/2000/svg", shape)
  const all = { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": true, fill: "currentcolor" }
  for (const [name, value] of Object.entries(all)) svg.setAttribute(name, value)
  for (const [name, value] of Object.entries(attributes)) inside.setAttribute(name, value)
  svg.append(inside)
  parent?.append(svg)
  return svg
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}
