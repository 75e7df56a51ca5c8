"""The changelog as a page: what is released, after what is not yet."""

import re
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList

_ROOT = Path(__file__).parents[2]
_KINDS = ("added", "changed", "fixed", "removed")


class Changes(Directive):
    """Fragments of `changelog.d`, then the releases of `CHANGELOG.md`."""

    def run(self):
        parsed = nodes.container()
        lines = StringList([*_unreleased(), *_released()], source="CHANGELOG.md")
        self.state.nested_parse(lines, 0, parsed)
        return parsed.children


def _unreleased():
    fragments = {kind: sorted((_ROOT / "changelog.d").glob(f"*.{kind}.md")) for kind in _KINDS}
    if any(fragments.values()):
        yield from (".. rubric:: Not yet released", "")
    for kind, files in fragments.items():
        if files:
            yield from (f"*{kind.capitalize()}*", "")
        for file in files:
            yield from _item(file.read_text(encoding="utf-8").split("\n"))
            yield ""


def _item(lines):
    for number, line in enumerate(line for line in lines if line.strip()):
        yield ("- " if number == 0 else "  ") + line.strip()


def _released():
    text = (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    _, _, releases = text.partition("<!-- towncrier release notes start -->\n")
    for line in releases.split("\n"):
        heading = re.match(r"(#+) (.*)", line)
        if not heading:
            yield line
        elif heading[1] == "##":
            yield from (f".. rubric:: {heading[2]}", "")
        else:
            yield from (f"*{heading[2]}*", "")


def setup(app):
    app.add_directive("changes", Changes)
    return {"parallel_read_safe": True}
