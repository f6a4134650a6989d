"""The doors to the programs that pxl lives in."""
