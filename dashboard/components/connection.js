// Says when the server cannot be reached or is slow to answer, and asks for the page as soon as it is back.
//
// Streamlit greys out its widgets and connects anew by itself, but without a word; and a server that was started afresh
// does not know the visitor until something asks for a run. It then takes the view from the address.

// Served by a route, this module brings its style sheet; sent inline, Streamlit brings it.
if (!import.meta.url.startsWith("blob:")) {
  const link = document.createElement("link")
  link.rel = "stylesheet"
  link.href = import.meta.url.replace(/js$/, "css")
  document.head.append(link)
}

const app = () => document.querySelector('[data-testid="stApp"]')
const connected = () => !app() || app().dataset.testConnectionState === "CONNECTED"

const TROUBLES = {
  lost: { words: "No connection to the server. Trying again. Nothing is lost: the address holds this view.", after: 700 },
  slow: { words: "The server is slow to answer. Your change is on its way.", after: 0 },
} // and after how many ms they are worth a word
const LATER = 1000 // ms after a change, when what was asked for should be there
const SLOW = 2000 // ms more without a sign of life

const banner = document.createElement("div")
banner.setAttribute("role", "status")
banner.className = "nn-connection"

let ask = null // of the component as it is mounted now
let health = "" // where the server gives a sign of life
let lost = false
let asking = false
let slow = false
let trouble = ""
let timer = 0
let watched = null
const watcher = new MutationObserver(look)

export default function ({ data, setTriggerValue }) {
  health = location.origin + data.health
  ask = () => setTriggerValue("back", Date.now())
  if (watched !== app()) {
    watcher.disconnect()
    watched = app()
    const states = ["data-test-connection-state", "data-test-script-state"]
    if (watched) watcher.observe(watched, { attributeFilter: states })
    // A live region speaks only if it is there before its text is.
    document.body.append(banner)
    banner.hidden = true
  }
  return () => {}
}

function look() {
  if (lost && connected()) ask?.()
  lost = !connected()
  slow &&= asking || app()?.dataset.testScriptState === "running"
  const now = lost ? "lost" : slow ? "slow" : ""
  if (now === trouble) return
  trouble = now
  clearTimeout(timer)
  banner.hidden = true
  banner.textContent = ""
  if (now) timer = setTimeout(say, TROUBLES[now].after)
}

function say() {
  banner.hidden = false
  banner.style.fontFamily = getComputedStyle(app()).fontFamily
  banner.textContent = TROUBLES[trouble].words
}

// Streamlit does not tell what it has sent and what was answered. So after a change we ask for a sign of life, along the
// same way, but not before the answer may have its way; what is done to a stage stays in the browser.
async function changed({ target }) {
  if (asking || !health || !target.closest || target.closest(".nn-stage")) return
  if (!target.closest("input, select, textarea, button, label, a, [role=option]")) return
  asking = true
  await new Promise((done) => setTimeout(done, LATER))
  const patience = setTimeout(() => ((slow = true), look()), SLOW)
  await fetch(health, { cache: "no-store" }).catch(() => {}) // whether there is a connection, Streamlit tells
  clearTimeout(patience)
  asking = false
  look()
}

for (const event of ["change", "click"]) document.addEventListener(event, changed, true)
