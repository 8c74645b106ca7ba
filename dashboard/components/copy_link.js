// "Copy link". Where the browser does not let a page write to the clipboard, the link is shown, selected, to be copied.

// Served by a route, this module brings its style sheet; sent inline, Streamlit brings it.
if (!import.meta.url.startsWith("blob:")) {
  const link = document.createElement("link")
  link.rel = "stylesheet"
  link.href = import.meta.url.replace(/js$/, "css")
  document.head.append(link)
}

const views = new WeakMap()
const told = new Map() // what each part of the page says about the link, by the node that it is mounted in
let opening = {} // values that a link need not name

export default function ({ data, parentElement }) {
  told.set(parentElement, data.places)
  if (!data.opening) return () => told.delete(parentElement)
  opening = data.opening
  let view = views.get(parentElement)
  if (!view) views.set(parentElement, (view = build(parentElement)))
  if (!view.box.hidden && view.box.value !== address()) close(view)
  return () => {
    view.root.remove()
    views.delete(parentElement)
    told.delete(parentElement)
  }
}

function build(parent) {
  const root = document.createElement("div")
  root.className = "nn-copy"
  const button = document.createElement("button")
  button.type = "button"
  button.textContent = "Copy link"
  button.title = "Copies an address that restores exactly this view."
  const said = document.createElement("span")
  said.setAttribute("role", "status")
  const box = document.createElement("input")
  box.readOnly = true
  box.hidden = true
  box.setAttribute("aria-label", "Link to this view")
  root.append(button, said, box)
  parent.append(root)
  const view = { root, said, box }
  button.onclick = () => copy(view)
  return view
}

// The address bar follows the controls; the rest is where within the page the visitor stands.
function address() {
  const here = new URL(location.href)
  const places = Object.assign({}, ...told.values(), inPictures())
  for (const [name, text] of Object.entries(places)) {
    if (text && text !== opening[name]) here.searchParams.set(name, text)
    else here.searchParams.delete(name)
  }
  for (const name of ["embed", "embed_options"]) here.searchParams.delete(name)
  if ([...here.searchParams.keys()].some((name) => name !== "v")) here.searchParams.set("v", opening.v)
  here.hash = ""
  // Brackets, commas and colons may stand in an address as they are, and are shorter so.
  here.search = here.search.replace(/%5B|%5D|%2C|%3A/g, decodeURIComponent)
  return here.href
}

const CLOCKS = { optimizers: "lab_moment" } // the parameter of a clock; every other clock is the first of its page

// Where the stages' camera stands, and the step of each clock unless it is the last. stage.js keeps both.
function inPictures() {
  const stage = globalThis[Symbol.for("nnlib.stage")]
  const [camera] = stage?.cameras?.values() ?? []
  const places = {}
  for (const [name, { members }] of stage?.clocks ?? []) {
    const view = [...members].find((view) => view.drawn)
    if (view) places[CLOCKS[name] ?? "moment"] = view.t < view.last ? String(view.drawn.runs.steps[view.t]) : ""
  }
  if (!camera || !Object.keys(places).length) return {}
  const parts = [camera.at.eye, camera.at.center].flatMap(({ x, y, z }) => [x, y, z])
  return { ...places, camera: parts.map((v) => String(Number(v.toFixed(4)))).join(" ") }
}

async function copy(view) {
  try {
    await navigator.clipboard.writeText(address())
    close(view)
    view.said.textContent = "Copied."
  } catch {
    view.box.hidden = false
    view.box.value = address()
    view.box.focus()
    view.box.select()
    view.said.textContent = "Copy the link below."
  }
}

function close(view) {
  view.box.hidden = true
  view.said.textContent = ""
}
