"""The least that a surface can do: a slider, and a component that calls Plotly.react on a 101 x 101 surface."""

import base64

import numpy as np
import streamlit as st

from dashboard.components import assets

JS = """
const load = (address) => globalThis.Plotly ? Promise.resolve() : (globalThis.loading ??= new Promise((done) => {
  const script = document.createElement("script")
  script.src = address
  script.onload = done
  document.head.append(script)
}))
export default async function ({ data, parentElement }) {
  let gd = parentElement.querySelector("div.bare")
  if (!gd) { gd = document.createElement("div"); gd.className = "bare"; parentElement.append(gd) }
  await load(data.plotly)
  const flat = new Float32Array(Uint8Array.from(atob(data.z), (c) => c.charCodeAt(0)).buffer)
  const z = Array.from({ length: data.n }, (_, i) => flat.subarray(i * data.n, (i + 1) * data.n))
  await Plotly.react(gd, [{ type: "surface", z, showscale: false }], { uirevision: "kept", height: 330, width: 500 })
  gd.dataset.runs = data.value
}
"""
value = st.slider("Value", 0.0, 100.0, 10.0, key="value")
x = np.linspace(-3, 3, 101)
z = np.sin(x + value)[:, None] * np.cos(x)
bare = st.components.v2.component("bare_surface", js=JS, isolate_styles=False)
packed = base64.b64encode(z.astype("<f4").tobytes()).decode()
bare(key="surface", data={"n": 101, "z": packed, "value": value, "plotly": assets.plotly_address()})
