"""The command line: `blockloom` opens the editor, `blockloom run` and `blockloom check` do without any window."""
