"""The least that a Streamlit app can do: one slider and one text."""

import streamlit as st

value = st.slider("Value", 0.0, 100.0, 10.0, key="value")
st.write(f"The value is {value}.")
