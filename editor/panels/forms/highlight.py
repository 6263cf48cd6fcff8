"""Colours in text: references in any field, and source text by what Pygments says of it."""

from collections.abc import Iterable
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtGui import QColor, QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from editor.theme import Theme
from engine import references

MAX_HIGHLIGHTED = 60_000
"""Characters of source text that are coloured; longer text stays plain, so that typing stays quick."""

READ_AT_ONCE = 6_000
"""Characters that are read anew at each keystroke: some milliseconds."""
PAUSE_MS = 200


class ReferenceHighlighter(QSyntaxHighlighter):
    """Shows `<Block.path>` and `{{variables.x}}` as what they are."""

    def __init__(self, document: QTextDocument, theme: Theme) -> None:
        super().__init__(document)
        self._theme = theme
        theme.changed.connect(self.rehighlight)

    def highlightBlock(self, text: str) -> None:
        if len(text) > MAX_HIGHLIGHTED:
            return
        for reference in references.find(text):
            self.setFormat(*_place(text, reference.start, reference.end), _reference_format(self._theme))


class SourceHighlighter(QSyntaxHighlighter):
    """Colours source text. The whole text is read once per change; each line then takes its part.

    A line's state says whether a string goes on into the next line, so that Qt colours the following lines anew when
    one is opened or closed. In a longer text only the lines that change are read while somebody types, each for itself,
    and the whole again after a pause.
    """

    def __init__(self, document: QTextDocument, theme: Theme, language: str, *, with_references: bool = False) -> None:
        super().__init__(document)
        self._theme = theme
        self._language = language
        self._with_references = with_references
        self._text = ""
        self._is_read = False
        self._lines: list[_Spans] = []
        self._open: list[bool] = []
        self._lexer: Any = None
        self._pause = QTimer(self)
        self._pause.setSingleShot(True)
        self._pause.setInterval(PAUSE_MS)
        self._pause.timeout.connect(self._read_all)
        theme.changed.connect(self.rehighlight)
        # Slots are called in the order they were connected, and the text must be known before it is coloured.
        self.setDocument(None)
        document.contentsChange.connect(self._on_contents_change)
        self.setDocument(document)

    def set_language(self, language: str) -> None:
        """Colour the text as this language; one that nobody knows is not coloured."""
        if language != self._language:
            self._language, self._lexer, self._is_read = language, None, False
            self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        size = self.document().characterCount()
        if size > MAX_HIGHLIGHTED:
            return
        if self._is_read or size <= READ_AT_ONCE:
            if not self._is_read:
                self._read()
            self._show_known(text, self.currentBlock().blockNumber())
        else:
            self._pause.start()
            self._show(text, self._read_text(text)[0][0])
        if self._with_references:
            for reference in references.find(text):
                self.setFormat(*_place(text, reference.start, reference.end), _reference_format(self._theme))

    def _on_contents_change(self, _place: int, _removed: int, _added: int) -> None:
        text = self.document().toPlainText()
        if text != self._text:  # new colours arrive here as well
            self._text, self._is_read = text, False

    def _show_known(self, text: str, number: int) -> None:
        if number < len(self._lines):
            self._show(text, self._lines[number])
            self.setCurrentBlockState(int(self._open[number]))

    def _show(self, text: str, spans: "_Spans") -> None:
        for start, end, color in spans:
            self.setFormat(*_place(text, start, end), _format(getattr(self._theme.colors, color), color))

    def _read_all(self) -> None:
        self._read()
        self.rehighlight()

    def _read(self) -> None:
        self._is_read = True
        self._lines, self._open = self._read_text(self.document().toPlainText())

    def _read_text(self, text: str) -> "tuple[list[_Spans], list[bool]]":
        """The coloured spans of each line, and whether something goes on into the next."""
        lines: list[_Spans] = [[]]
        is_open = [False]
        column = 0
        for kind, value in self._tokens(text):
            color = _color_of(str(kind))
            for index, part in enumerate(value.split("\n")):
                if index:
                    is_open[-1] = bool(color)
                    lines.append([])
                    is_open.append(False)
                    column = 0
                if part and color:
                    lines[-1].append((column, column + len(part), color))
                column += len(part)
        return lines, is_open

    def _tokens(self, text: str) -> Iterable[tuple[Any, str]]:
        if self._lexer is None:
            from pygments.lexers import get_lexer_by_name
            from pygments.util import ClassNotFound

            options = {"stripnl": False, "ensurenl": False}
            try:
                self._lexer = get_lexer_by_name(self._language, **options)
            except ClassNotFound:
                self._lexer = get_lexer_by_name("text", **options)
        tokens: Iterable[tuple[Any, str]] = self._lexer.get_tokens(text)
        return tokens


_Spans = list[tuple[int, int, str]]


def _color_of(kind: str) -> str:
    for prefix, color in _COLORS:
        if kind.startswith(prefix):
            return color
    return ""


_COLORS = (
    ("Token.Comment", "code_comment"),
    ("Token.Keyword.Constant", "code_number"),
    ("Token.Keyword", "code_keyword"),
    ("Token.Operator.Word", "code_keyword"),
    ("Token.Literal.String", "code_string"),
    ("Token.Literal.Number", "code_number"),
    ("Token.Name.Builtin", "code_name"),
    ("Token.Name.Function", "code_name"),
    ("Token.Name.Class", "code_name"),
    ("Token.Name.Tag", "code_name"),
    ("Token.Error", "error"),
)


def _format(color: str, name: str) -> QTextCharFormat:
    style = QTextCharFormat()
    style.setForeground(QColor(color))
    if name == "code_comment":
        style.setFontItalic(True)
    return style


def _reference_format(theme: Theme) -> QTextCharFormat:
    style = QTextCharFormat()
    style.setForeground(QColor(theme.colors.code_reference))
    style.setFontWeight(QFont.Weight.DemiBold)
    return style


def _place(text: str, start: int, end: int) -> tuple[int, int]:
    """Start and length in UTF-16 units, as Qt counts, of a span in characters."""
    if text.isascii():
        return start, end - start
    before = len(text[:start].encode("utf-16-le", "surrogatepass")) // 2
    return before, len(text[start:end].encode("utf-16-le", "surrogatepass")) // 2
