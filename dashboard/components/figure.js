// A Plotly figure that is changed, not replaced: the same node is told what is new. figure.py is its Python half.

// Served by a route, this module brings its style sheet, before anything is drawn; sent inline, Streamlit brings it.
if (!import.meta.url.startsWith("blob:"))
  await new Promise((done) => {
    const link = document.createElement("link")
    link.rel = "stylesheet"
    link.href = import.meta.url.replace(/js$/, "css")
    link.onload = link.onerror = done
    document.head.append(link)
  })

const shared = (globalThis[Symbol.for("nnlib.stage")] ??= {})
const views = new WeakMap()
const viewOf = new WeakMap() // by the node

// What is in sight is drawn at once, the rest when the hand rests or as soon as it comes into sight.
const REST = 300
const sight = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    const view = viewOf.get(target)
    view.inSight = isIntersecting
    if (isIntersecting && view.waiting) draw(view)
  }
})

export default function ({ data: { picture: data } = {}, parentElement }) {
  if (!data) return
  let view = views.get(parentElement)
  if (!view) views.set(parentElement, (view = build(parentElement)))
  view.root.style.height = `${data.height}px`
  view.root.setAttribute("aria-label", data.alt)
  // A picture with buttons in it is not one thing: a reader must come to them.
  view.root.setAttribute("role", data.config.displayModeBar ? "group" : "img")
  take(view, data)
  return () => {
    view.removed = true
    clearTimeout(view.timer)
    view.sizes.disconnect()
    sight.unobserve(view.root)
    globalThis.Plotly?.purge(view.root)
    view.root.remove()
    views.delete(parentElement)
  }
}

function build(parent) {
  const root = document.createElement("div")
  root.className = "nn-figure"
  parent.append(root)
  const view = { root, inSight: false, waiting: null, shape: null }
  view.sizes = new ResizeObserver(() => {
    if (view.waiting && view.inSight) draw(view)
    else if (view.shape && root.clientWidth) Plotly.Plots.resize(root)
  })
  view.sizes.observe(root)
  viewOf.set(root, view)
  sight.observe(root)
  return view
}

async function take(view, data) {
  view.waiting = data
  try {
    await load(data.plotly)
  } catch (error) {
    view.root.textContent = `No picture: ${error.message}. ${data.alt}`
    return
  }
  if (view.waiting !== data) return
  if (view.inSight) {
    if (!move(view, data.figure)) return draw(view)
    view.moved = data
    count(view)
  }
  clearTimeout(view.timer)
  view.timer = setTimeout(() => draw(view), REST)
}

// Draws the newest figure by Plotly.
async function draw(view) {
  const data = view.waiting
  if (!data || view.removed || !globalThis.Plotly) return
  view.waiting = null
  const { data: traces, layout } = data.figure
  const family = getComputedStyle(view.root).fontFamily
  // The same zoom as before, unless the axes themselves have changed.
  const full = { ...layout, autosize: true, uirevision: "kept", font: { ...layout.font, family } }
  view.shape = null
  const shape = shapeOf(data.figure) // before Plotly writes into it
  await Plotly.react(view.root, traces, full, data.config)
  view.shape = shape
  if (data !== view.moved) count(view)
  view.root.dataset.told = view.root.dataset.runs
}

// How often the picture has changed on the screen.
function count(view) {
  view.root.dataset.runs = 1 + Number(view.root.dataset.runs ?? 0)
}

// Where only numbers are new, what is on the screen is moved by hand: that takes a millisecond and Plotly thirty. Plotly
// itself is told when the hand rests, so that zooming and hovering know the new numbers too. Returns false, and has
// changed nothing, if that is not enough: then Plotly has to draw.
function move(view, figure) {
  if (view.shape !== shapeOf(figure)) return false
  const { root } = view
  const images = [...root.querySelectorAll(".heatmaplayer image")]
  const changes = []
  for (const [place, trace] of figure.data.entries()) {
    if (isLine(trace)) {
      const [xAxis, yAxis] = [trace.xaxis, trace.yaxis].map((name) => name.replace(/^./, "$&axis"))
      const [x, y] = [numbers(trace.x), numbers(trace.y)]
      const paths = root.querySelectorAll(`.trace${root._fullData[place].uid} .js-line`)
      // Without a range of its own an axis follows the numbers; a line with gaps is several.
      if (!figure.layout[yAxis].range || paths.length !== 1 || !y.every(Number.isFinite)) return false
      const { [xAxis]: across, [yAxis]: upwards } = root._fullLayout
      const points = Array.from(y, (value, i) => `${across.c2p(x[i]).toFixed(2)},${upwards.c2p(value).toFixed(2)}`)
      changes.push(() => paths[0].setAttribute("d", `M${points.join("L")}`))
    } else if (trace.type === "heatmap") {
      const image = images.shift()
      // A picture that is not made of one dot for each cell has been smoothed by Plotly.
      if (image?.style.imageRendering !== "pixelated" || trace.zmin === undefined) return false
      changes.push(() => image.setAttributeNS("http://www.w3.org/1999/xlink", "xlink:href", painted(trace)))
    }
  }
  if (images.length) return false
  for (const change of changes) change()
  return true
}

const isLine = ({ type, mode }) => type === "scatter" && mode === "lines"

// All of a figure but the numbers that can be moved.
function shapeOf({ data, layout }) {
  const still = data.map((trace) => ({ ...trace, [isLine(trace) ? "y" : trace.type === "heatmap" ? "z" : ""]: null }))
  return JSON.stringify([still, layout])
}

// A heatmap's cells as an image, one dot a cell, the lowest row at the bottom.
function painted({ z, zmin, zmax, colorscale }) {
  const values = numbers(z)
  const [height, width] = z.shape.split(",").map(Number)
  const canvas = Object.assign(document.createElement("canvas"), { width, height })
  const pen = canvas.getContext("2d")
  const image = pen.createImageData(width, height)
  const stops = colorscale.map(([at, colour]) => [at, colour.match(/[\d.]+/g).map(Number)])
  for (let cell = 0; cell < values.length; cell++) {
    if (Number.isNaN(values[cell])) continue
    const share = Math.min(1, Math.max(0, (values[cell] - zmin) / (zmax - zmin)))
    const above = Math.max(1, stops.findIndex(([at]) => at >= share))
    const [[low, from], [high, to]] = [stops[above - 1], stops[above]]
    const part = (share - low) / (high - low)
    const at = 4 * ((height - 1 - Math.floor(cell / width)) * width + (cell % width))
    for (let k = 0; k < 4; k++) image.data[at + k] = (k === 3 ? 255 : 1) * (from[k] + part * (to[k] - from[k]))
  }
  pen.putImageData(image, 0, 0)
  return canvas.toDataURL()
}

const KINDS = { f4: Float32Array, i4: Int32Array }
const numbers = ({ dtype, bdata }) => new KINDS[dtype](Uint8Array.from(atob(bdata), (c) => c.charCodeAt(0)).buffer)

// One copy of Plotly for all components.
function load(address) {
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
