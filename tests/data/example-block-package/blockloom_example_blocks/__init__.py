"""Blocks that show how a package adds some."""
