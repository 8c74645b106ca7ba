"""Everything that knows Streamlit or Plotly; the mathematics is in nnlib."""
