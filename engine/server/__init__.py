"""The server: the platform's API on one's own machine. One module per resource; `app.py` puts them together."""
