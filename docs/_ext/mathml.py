"""Formulas as MathML, which browsers draw by themselves: no network, no script, no LaTeX."""

import re

from docutils.nodes import SkipNode
from latex2mathml.converter import convert
from sphinx.util.math import get_node_equation_number

# A formula of several lines, or with marks of alignment, that is not in an environment yet.
_LINES = re.compile(r"\\\\|(?<!\\)&")

# An operator with what is below it: always, and in formulas that are set apart.
_BELOW = re.compile(r"\\operatorname\*\{([^}]*)\}_(\w|\{[^}]*\})")
_LEAST = re.compile(r"\\min_(\w|\{[^{}]*\})")


def _mathml(latex, display):
    if display == "block" and _LINES.search(latex) and r"\begin" not in latex:
        latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
    latex = _BELOW.sub(r"\\underset{\2}{\\mathrm{\1}}", latex)
    if display == "block":
        latex = _LEAST.sub(r"\\underset{\1}{\\mathrm{min}} \\,", latex)
    return convert(latex, display=display)


def _visit_inline(translator, node):
    translator.body.append(_mathml(node.astext(), "inline"))
    raise SkipNode


def _visit_block(translator, node):
    body = translator.body
    body.append(translator.starttag(node, "div", CLASS="math-block"))
    if node["number"]:
        body.append(f'<span class="eqno">({get_node_equation_number(translator, node)})')
        translator.add_permalink_ref(node, "Link to this equation")
        body.append("</span>")
    # As elsewhere in Sphinx, an empty line separates formulas.
    for part in node.astext().split("\n\n"):
        body.append(_mathml(part.strip(), "block"))
    body.append("</div>\n")
    raise SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (_visit_inline, None), (_visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
