"""Runs on the server: how one is started, recorded, followed and cancelled, whichever process does it."""
