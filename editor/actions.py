"""Everything a person can do, one row each: menus, toolbar, shortcuts and the command palette all read this table.

What a row does is a method of the window, found by the row's id.
"""

from dataclasses import dataclass

SEPARATOR = "-"


@dataclass(frozen=True)
class Action:
    """One row. `label` has the mnemonic `&`; `shortcuts` are portable key texts, the first is the one shown.

    `needs` names the state in which the action is possible, "" for always: see `Window.action_states`. `on_canvas` keys
    work only while the canvas has the focus, so that they do not take letters away from text fields.
    """

    id: str
    label: str
    menu: str
    shortcuts: tuple[str, ...] = ()
    icon: str = ""
    help: str = ""
    needs: str = ""
    checkable: bool = False
    on_canvas: bool = False
    keywords: str = ""

    @property
    def title(self) -> str:
        """The label without its mnemonic and dots."""
        return self.label.replace("&", "").removesuffix("…")


ACTIONS: tuple[Action, ...] = (
    Action("new", "&New", "File", ("Ctrl+N",), "file-plus", "Start an empty workflow"),
    Action("new_window", "New &Window", "File", ("Ctrl+Shift+N",), "", "Open another window"),
    Action("open", "&Open…", "File", ("Ctrl+O",), "folder-open", "Open a workflow file, or JSON from the API"),
    Action("open_example", "Open &Example", "File", (), "sparkles", "Open the Document Summarizer", keywords="sample"),
    Action("open_server", "Open from Ser&ver…", "File", ("Ctrl+Alt+O",), "platform", "Open a workflow of a server"),
    Action(
        "save", "&Save", "File", ("Ctrl+S",), "save", "Save the workflow where it lives: in its file, on its server"
    ),
    Action("save_as", "Save &As…", "File", ("Ctrl+Shift+S",), "", "Save the workflow to another file"),
    Action("save_server", "Save &to Server…", "File", ("Ctrl+Alt+S",), "upload", "Save the workflow to a server"),
    Action("export_image", "Export &Image…", "File", (), "", "Save a picture of the whole workflow as PNG", "blocks"),
    Action("quit", "&Quit", "File", ("Ctrl+Q",), "", "Close this window"),
    Action("undo", "&Undo", "Edit", ("Ctrl+Z",), "undo-2", "Take the last step back", "undo"),
    Action("redo", "&Redo", "Edit", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo-2", "Do the undone step again", "redo"),
    Action("cut", "Cu&t", "Edit", ("Ctrl+X",), "", "Copy the selected blocks and delete them", "block", on_canvas=True),
    Action("copy", "&Copy", "Edit", ("Ctrl+C",), "copy", "Copy the selected blocks as JSON", "block", on_canvas=True),
    Action("paste", "&Paste", "Edit", ("Ctrl+V",), "clipboard-paste", "Paste blocks from JSON", on_canvas=True),
    Action("duplicate", "&Duplicate", "Edit", ("Ctrl+D",), "", "Copy the selected blocks beside them", "block"),
    Action(
        "delete", "De&lete", "Edit", ("Del", "Backspace"), "trash-2", "Delete what is selected", "any", on_canvas=True
    ),
    Action(
        "heal",
        "Delete and &Join",
        "Edit",
        ("Ctrl+Del",),
        "",
        "Delete blocks, join their neighbours",
        "block",
        on_canvas=True,
    ),
    Action("select_all", "Select &All", "Edit", ("Ctrl+A",), "", "Select every block", "blocks", on_canvas=True),
    Action("rename", "Re&name", "Edit", ("F2",), "pencil", "Rename the selected block and references to it", "one"),
    Action(
        "toggle_enabled", "Turn On or &Off", "Edit", ("D",), "", "Leave the block out of runs", "block", on_canvas=True
    ),
    Action(
        "connect", "Conn&ect Blocks", "Edit", ("L", "Ctrl+L"), "link", "Join two selected blocks", "two", on_canvas=True
    ),
    Action("quick_add", "Add &Block…", "Edit", ("Tab",), "plus", "Add a block at the cursor", on_canvas=True),
    Action("find", "&Find Block…", "Edit", ("Ctrl+F",), "search", "Go to a block by name", "blocks"),
    Action("commands", "Co&mmand Palette…", "View", ("Ctrl+Shift+P",), "command", "Find and do anything by name"),
    Action("zoom_in", "Zoom &In", "View", ("Ctrl++", "Ctrl+="), "zoom-in", "Show the canvas larger"),
    Action("zoom_out", "Zoom &Out", "View", ("Ctrl+-",), "zoom-out", "Show the canvas smaller"),
    Action("zoom_100", "&Actual Size", "View", ("Ctrl+0",), "", "Show the canvas at 100 %"),
    Action("fit", "&Fit", "View", ("Ctrl+1",), "maximize", "Show the selected blocks, or all", "blocks"),
    Action("snap", "&Snap to Grid", "View", (), "", "Place blocks on the grid; hold Alt to do the opposite", "", True),
    Action("minimap", "Mi&nimap", "View", (), "", "Show the overview in the corner", "", True),
    Action(
        "show_palette", "&Blocks", "View", ("Ctrl+Shift+B",), "panel-left", "Show the list of block types", "", True
    ),
    Action(
        "show_inspector", "Inspec&tor", "View", ("Ctrl+Shift+I",), "panel-right", "Show the settings panel", "", True
    ),
    Action("show_runs", "&Run Panel", "View", ("Ctrl+Shift+R",), "panel-bottom", "Show what the run did", "", True),
    Action(
        "show_problems", "&Problems", "View", ("Ctrl+Shift+M",), "", "Show what is wrong with the workflow", "", True
    ),
    Action("show_history", "Ser&ver Runs", "View", (), "history", "Show the workflow's runs on its server", "", True),
    Action("show_compare", "&Comparison", "View", (), "columns-2", "Show what differs here and there", "", True),
    Action("show_outline", "Out&line", "View", ("Ctrl+Shift+O",), "list-tree", "Show all blocks as a list", "", True),
    Action("next_pane", "N&ext Pane", "View", ("Ctrl+F6",), "", "Move the keyboard to the next panel"),
    Action("theme_system", "Theme: Follow S&ystem", "View", (), "sun-moon", "Light or dark as the system", "", True),
    Action("theme_light", "Theme: Li&ght", "View", (), "sun", "Always light", "", True),
    Action("theme_dark", "Theme: &Dark", "View", (), "moon", "Always dark", "", True),
    Action("run", "&Run", "Run", ("F5",), "play", "Run the workflow on this machine", "idle"),
    Action("run_again", "Run A&gain", "Run", ("Ctrl+R",), "refresh-cw", "Run with the same input, unasked", "idle"),
    Action(
        "run_on_server", "R&un on Server", "Run", ("Ctrl+F5",), "platform", "Save the workflow and run it there", "idle"
    ),
    Action("run_to_here", "Run to &Here", "Run", ("F6",), "step-forward", "Run up to the selected block", "idle one"),
    Action("stop", "&Stop", "Run", ("Shift+F5",), "square", "Stop the run", "running"),
    Action("clear_run", "&Clear Run", "Run", (), "", "Take the run's marks off the blocks", "run"),
    Action(
        "compare_runs",
        "Co&mpare Here and Server",
        "Run",
        (),
        "columns-2",
        "Run with the same input in both places, and list what differs",
        "idle",
        keywords="difference",
    ),
    Action("open_run", "&Open Recorded Run…", "Run", (), "history", "Show a run that was recorded in a file"),
    Action("save_run", "Sa&ve Run…", "Run", (), "", "Record the shown run in a file", "run"),
    Action(
        "stand_ins", "Use Local Stand-&Ins", "Run", (), "plug", "Answer this workflow's web calls here", "blocks", True
    ),
    Action(
        "library",
        "&Agents and Orchestrations…",
        "Tools",
        (),
        "agent",
        "What blocks ask by name: make, change and try it",
        keywords="library stored team",
    ),
    Action(
        "settings",
        "&Settings…",
        "Tools",
        ("Ctrl+,",),
        "settings",
        "Models, keys, code, network and appearance",
        keywords="preferences options",
    ),
    Action(
        "connections", "&Connections…", "Server", (), "plug", "Add, change and try servers", keywords="key url login"
    ),
    Action("start_server", "&Start Local Server", "Server", (), "play", "Run a server on this computer", "server_off"),
    Action("stop_server", "S&top Local Server", "Server", (), "square", "End the server on this computer", "server_on"),
    Action(
        "detach_server", "&Leave the Server", "Server", (), "unlink", "Let Save not write to the server", "on_server"
    ),
    Action("arm", "&Arm for One Call", "Server", (), "timer", "Let the webhook take one call within ten minutes"),
    Action("deploy", "&Deploy…", "Server", (), "rocket", "See what changes, and let the webhook take every call"),
    Action("undeploy", "&Undeploy…", "Server", (), "", "Let the webhook refuse calls, and the schedule rest", "live"),
    Action("show_webhook", "&Webhook…", "Server", (), "webhook", "Show address, secret and calls of the webhook block"),
    Action("shortcuts", "&Keyboard Shortcuts", "Help", ("F1",), "", "List every key"),
    Action("about", "&About Blockloom", "Help", (), "info", "Version and licences"),
)

MENU_ORDER = ("File", "Edit", "View", "Run", "Server", "Tools", "Help")
MENU_BREAKS = frozenset(
    {"save", "export_image", "quit", "cut", "select_all", "rename", "find", "zoom_in", "snap", "show_palette"}
    | {"next_pane", "theme_system", "stop", "clear_run", "open_run"}
    | {"stand_ins", "settings", "start_server", "detach_server", "arm", "about"}
)
"""Actions with a separator line above them."""
TOOLBAR: tuple[str, ...] = (
    "open", "save", SEPARATOR, "undo", "redo", SEPARATOR, "quick_add", "fit", SEPARATOR, "run", "stop"
)  # fmt: skip


def by_id(action_id: str) -> Action:
    """The row with this id."""
    return next(action for action in ACTIONS if action.id == action_id)
