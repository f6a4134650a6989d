"""The film strip, asked for in JSON, and as a picture to look at."""
