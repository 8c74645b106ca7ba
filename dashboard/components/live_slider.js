// A slider that speaks while it is dragged. Its Python half, live_slider.py, says what it promises.
//
// The rule that keeps a queue from forming: at most one value is on its way. While the page works on it, newer values
// only replace each other here; when the page has answered and come to rest, the newest one is sent. What the server
// says about the value never moves the thumb while the hand has something newer to say.

// Served by a route, this module brings its style sheet, before anything is drawn; sent inline, Streamlit brings it.
if (!import.meta.url.startsWith("blob:"))
  await new Promise((done) => {
    const link = document.createElement("link")
    link.rel = "stylesheet"
    link.href = import.meta.url.replace(/js$/, "css")
    link.onload = link.onerror = done
    document.head.append(link)
  })

const PLACES = 400 // stops of a logarithmic track, and of a linear one without a step
const PATIENCE = 3000 // ms after which an unanswered value is given up for lost
const views = new WeakMap()

const AHEAD = 350 // ms for which a part that was drawn before the rest of the page has the browser to itself

// The sliders by their keys.
const sliders = (globalThis[Symbol.for("nnlib.sliders")] ??= {})

// The parts of the page that follow sliders outside them: by slider, the way to speak to the part, and the last of the
// slider's messages that the part has answered.
const followers = (globalThis[Symbol.for("nnlib.followers")] ??= {})

export default function (component) {
  const { parentElement } = component
  if (component.data?.follow) return follow(component, component.data)
  let view = views.get(parentElement)
  if (!view) views.set(parentElement, (view = build(parentElement)))
  view.component = component
  update(view)
  return () => {
    clearTimeout(view.timer)
    clearTimeout(view.settle)
    view.root.remove()
    views.delete(parentElement)
    if (sliders[view.data?.key] === view) delete sliders[view.data.key]
  }
}

// A follower shows nothing; it hands what its sliders say to the part of the page that it is in. Those that it follows
// wholly change nothing else, so it also hears when they are let go. A part that was drawn ahead of the rest of the page
// brings the sliders' values, and has the rest drawn a little later.
function follow(component, { follow: { heard, wholly, ahead }, brings: { stages: brings } }) {
  const { parentElement } = component
  const box = parentElement.closest('[data-testid="stElementContainer"]')
  if (box) Object.assign(box.style, { position: "absolute", width: 0, overflow: "hidden" })
  for (const [slider, number] of Object.entries(heard)) {
    const known = followers[slider]?.of === parentElement ? followers[slider].heard : 0
    const say = (message) => component.setStateValue("slide", message)
    followers[slider] = { of: parentElement, heard: Math.max(known, number), say, wholly: wholly.includes(slider) }
  }
  const taken = bring(brings)
  for (const [slider, value] of Object.entries(ahead ?? {})) if (sliders[slider]) listen(sliders[slider], value)
  const rest = () => {
    if (!parentElement.isConnected) return
    if (pageIsBusy()) setTimeout(rest, 50)
    else component.setTriggerValue("rest", true)
  }
  if (ahead) setTimeout(rest, AHEAD)
  return () => {
    for (const slider of Object.keys(followers)) if (followers[slider].of === parentElement) delete followers[slider]
    for (const data of brings) if (taken.get(data.stage) === data) taken.delete(data.stage)
  }
}

// What the part's stages draw comes with its follower: so the answer to a moving hand is one message. A stage that is
// not there yet finds it when it comes.
function bring(brings) {
  const stages = (globalThis[Symbol.for("nnlib.stage")] ??= {})
  stages.runs ??= new Map()
  for (const data of brings) {
    stages.runs.set(data.stage, data)
    stages.views?.get(data.stage)?.take(data)
  }
  return stages.runs
}

function build(parent) {
  const make = (tag, className, inside, attributes = {}) => {
    const node = document.createElement(tag)
    node.className = className
    Object.assign(node, attributes)
    inside?.append(node)
    return node
  }
  const id = `nn${Math.random().toString(36).slice(2)}`
  const root = make("div", "nn-slider", parent)
  const head = make("div", "nn-slider-head", root)
  const label = make("label", "nn-slider-label", head, { htmlFor: `${id}r` })
  const info = make("button", "nn-slider-info", head, { type: "button", textContent: "?" })
  const tip = make("div", "nn-slider-tip", root, { id: `${id}h` })
  tip.setAttribute("popover", "auto")
  info.setAttribute("popovertarget", tip.id)
  const box = make("input", "nn-slider-box", head, { type: "number", step: "any" })
  const unit = make("span", "nn-slider-unit", head)
  const range = make("input", "nn-slider-range", root, { type: "range", min: 0, id: `${id}r` })
  range.setAttribute("aria-describedby", tip.id)
  const marks = make("div", "nn-slider-marks", root)
  marks.setAttribute("aria-hidden", "true")
  const said = make("span", "nn-slider-said", root)
  said.setAttribute("role", "status")

  const view = { root, label, info, tip, box, unit, range, marks, said, value: NaN, sent: 0, heard: 0, sentAt: 0 }
  range.oninput = () => {
    view.held = true
    show(view, snapped(view, valueAt(view, range.valueAsNumber)), range)
    want(view, false)
    // What neither a hand nor a key holds has no release: a value that stays for a moment is the last one.
    clearTimeout(view.settle)
    view.settle = setTimeout(() => letGo(view), 500)
  }
  range.onchange = () => letGo(view)
  // A key that is held says "change" with every repeat, but it is let go only once.
  range.onpointerdown = range.onkeydown = () => (view.down = true)
  range.onpointerup = range.onpointercancel = range.onkeyup = range.onblur = () => ((view.down = false), letGo(view))
  box.onchange = () => {
    const { low, high } = view.data
    const typed = box.valueAsNumber
    if (Number.isFinite(typed)) {
      const value = Math.min(high, Math.max(low, typed))
      view.said.textContent = value === typed ? "" : `${written(typed)} is out of range; the nearest is ${written(value)}`
      show(view, value, null)
      want(view, true)
    } else show(view, view.value, null)
  }
  return view
}

function update(view) {
  const data = view.component.data?.slider
  if (!data) return
  view.data = data
  view.places = data.step ? Math.max(1, Math.round((data.high - data.low) / data.step)) : PLACES
  if (data.scale === "log") view.places = PLACES
  setText(view.label, data.label)
  setText(view.tip, data.help)
  setText(view.unit, data.unit)
  view.info.hidden = !data.help
  view.unit.hidden = !data.unit
  view.info.setAttribute("aria-label", `About: ${data.label}`)
  view.box.setAttribute("aria-label", `${data.label}, as a number`)
  view.box.min = data.low
  view.box.max = data.high
  view.range.max = view.places
  view.range.disabled = view.box.disabled = data.disabled
  drawMarks(view)
  sliders[data.key] = view
  view.heard = Math.max(view.heard, data.heard)
  listen(view, data.value)
  pump(view)
}

// The server's word counts only when the hand has nothing newer to say.
function listen(view, value) {
  view.heard = Math.max(view.heard, followers[view.data.key]?.heard ?? 0)
  const silent = !view.held && !view.waiting && view.heard >= view.sent
  if (Number.isNaN(view.value) || (silent && value !== view.value)) show(view, value, null)
}

// Where values and places on the track meet.
function placeOf({ data, places }, value) {
  const { low, high, scale } = data
  const share = scale === "log" ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low)
  return share * places
}

function valueAt({ data, places }, place) {
  const { low, high, scale, step } = data
  if (place <= 0) return low
  if (place >= places) return high
  const value = scale === "log" ? low * (high / low) ** (place / places) : low + (place * (high - low)) / places
  // Round away the dust of floating point: three digits on a logarithmic track, the step's own digits on a linear one.
  return scale === "log" ? Number(value.toPrecision(3)) : Number(value.toPrecision(step ? 12 : 4))
}

function snapped(view, value) {
  const place = placeOf(view, value)
  const near = view.data.marks.find((mark) => Math.abs(placeOf(view, mark.value) - place) <= view.places * 0.004)
  return near ? near.value : value
}

function show(view, value, from) {
  view.value = value
  const { data, range, box } = view
  if (from !== range) range.value = Math.round(placeOf(view, value))
  if (document.activeElement !== box || from !== null || box.valueAsNumber !== value) box.value = short(value)
  box.title = String(value)
  range.style.setProperty("--share", Math.min(1, Math.max(0, placeOf(view, value) / view.places)))
  const mark = data.marks.find((m) => m.value === value)
  range.setAttribute("aria-valuetext", [written(value), data.unit, mark?.label].filter(Boolean).join(" "))
}

function drawMarks(view) {
  const key = JSON.stringify([view.data.marks, view.data.low, view.data.high, view.data.scale])
  if (view.marksKey === key) return
  view.marksKey = key
  view.marks.replaceChildren(
    ...view.data.marks.map((mark) => {
      const node = document.createElement("span")
      const share = placeOf(view, mark.value) / view.places
      node.style.setProperty("--at", share)
      node.dataset.side = share > 0.75 ? "left" : share < 0.25 ? "right" : "middle"
      node.textContent = mark.label
      return node
    }),
  )
  view.marks.hidden = !view.data.marks.length
}

// Sending.
function want(view, final) {
  view.waiting = true
  view.final = final
  clearTimeout(view.timer)
  // "input" and then at once "change", or a key that is let go: wait for both, they are one message.
  view.timer = setTimeout(() => pump(view))
}

function letGo(view) {
  clearTimeout(view.settle)
  if (view.down || !view.held) return
  view.held = false
  want(view, true)
}

function pump(view) {
  clearTimeout(view.timer)
  if (!view.waiting) return
  const now = performance.now()
  const heard = Math.max(view.heard, followers[view.data.key]?.heard ?? 0)
  const answered = heard >= view.sent || now - view.sentAt > PATIENCE
  if (!answered || (pageIsBusy() && now - view.sentAt < PATIENCE)) {
    view.timer = setTimeout(() => pump(view), 12)
    return
  }
  view.waiting = false
  view.sent = Math.max(view.sent + 1, Date.now()) // grows across reloads too
  view.sentAt = now
  view.root.dataset.sent = Number(view.root.dataset.sent || 0) + 1
  const message = { value: view.value, number: view.sent, final: view.final }
  const follower = followers[view.data.key]
  if (follower && (!view.final || follower.wholly)) follower.say({ ...message, slider: view.data.key })
  else view.component.setStateValue("sent", message)
}

// Asking Streamlit for a new run while one is going on would stop that run before its pictures are drawn. The state of
// the script is written on its outermost element; should that ever go missing, the answer to our own value is enough.
function pageIsBusy() {
  const state = document.querySelector('[data-testid="stApp"]')?.dataset.testScriptState
  return state === "running" || state === "rerunRequested"
}

// Writing.
const short = (value) => String(Number(value.toPrecision(6)))
const written = (value) => short(value).replace("-", "\u2212")
function setText(node, text) {
  if (node.textContent !== text) node.textContent = text
}
