"""The stand-alone app."""
