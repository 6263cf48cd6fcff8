"""The open document and all that belongs to it: history, selection, problems, runs, files. QtCore only, no widgets."""
