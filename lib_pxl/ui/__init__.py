"""Gradio, written once for every version the hosts carry."""
