"""The table of actions holds together."""

from collections import Counter

from PySide6.QtGui import QKeySequence

from editor.actions import ACTIONS, MENU_BREAKS, MENU_ORDER, SEPARATOR, TOOLBAR
from editor.theme import RESOURCES


def test_every_row_has_its_own_id_and_stands_in_a_menu() -> None:
    """No action is there twice or nowhere."""
    assert [name for name, count in Counter(row.id for row in ACTIONS).items() if count > 1] == []
    assert {row.menu for row in ACTIONS} == set(MENU_ORDER)


def test_no_key_means_two_things() -> None:
    """One key, one action."""
    keys = Counter(QKeySequence(keys).toString() for row in ACTIONS for keys in row.shortcuts)

    assert [key for key, count in keys.items() if count > 1 or not key] == []


def test_every_icon_named_is_there() -> None:
    """No row asks for a picture that we do not ship."""
    missing = [row.icon for row in ACTIONS if row.icon and not (RESOURCES / "icons" / f"{row.icon}.svg").exists()]

    assert missing == []


def test_toolbar_and_separators_name_rows_that_exist() -> None:
    """A renamed row does not vanish from the toolbar."""
    ids = {row.id for row in ACTIONS}

    assert set(TOOLBAR) - {SEPARATOR} <= ids
    assert ids >= MENU_BREAKS


def test_mnemonics_within_a_menu_differ() -> None:
    """Alt and a letter opens one entry of a menu."""
    for menu in MENU_ORDER:
        letters = Counter(row.label[row.label.index("&") + 1].lower() for row in ACTIONS if row.menu == menu)

        assert [letter for letter, count in letters.items() if count > 1] == [], menu
