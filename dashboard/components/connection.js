// Says when the server does not answer, and asks for the page as soon as it does again.
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

const PATIENCE = 700 // ms; a shorter break is nothing to talk about
const banner = document.createElement("div")
banner.setAttribute("role", "status")
banner.className = "nn-connection"

let ask = null // of the component as it is mounted now
let lost = false
let timer = 0
let watched = null
const watcher = new MutationObserver(look)

export default function ({ setTriggerValue }) {
  ask = () => setTriggerValue("back", Date.now())
  if (watched !== app()) {
    watcher.disconnect()
    watched = app()
    if (watched) watcher.observe(watched, { attributeFilter: ["data-test-connection-state"] })
    // A live region speaks only if it is there before its text is.
    document.body.append(banner)
    banner.hidden = true
  }
  return () => {}
}

function look() {
  if (!connected()) {
    lost = true
    timer ||= setTimeout(say, PATIENCE)
    return
  }
  clearTimeout(timer)
  timer = 0
  banner.hidden = true
  banner.textContent = ""
  if (lost) ask?.()
  lost = false
}

function say() {
  banner.hidden = false
  banner.style.fontFamily = getComputedStyle(app()).fontFamily
  banner.textContent = "No connection to the server. Trying again. Nothing is lost: the address holds this view."
}
