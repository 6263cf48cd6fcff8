"""The history of the tables. A change of `schema.py` comes with a new file in `versions`."""
