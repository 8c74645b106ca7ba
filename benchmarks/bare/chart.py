"""What anyone would write first: a slider, and Streamlit's own chart of a 101 x 101 surface."""

import numpy as np
import plotly.graph_objects as go
import streamlit as st

value = st.slider("Value", 0.0, 100.0, 10.0, key="value")
x = np.linspace(-3, 3, 101)
z = np.sin(x + value)[:, None] * np.cos(x)
figure = go.Figure(go.Surface(x=x, y=x, z=z), {"title": {"text": str(value)}})
st.plotly_chart(figure, key="surface")
