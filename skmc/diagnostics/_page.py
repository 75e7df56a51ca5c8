"""A report as a page of HTML that needs nothing besides itself."""

from html import escape

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:56em;margin:2.5em auto;padding:0 1.5em}
h1{font-size:1.5em;margin-bottom:.2em}h2{font-size:1.15em;margin:2em 0 .4em}
p.lead{color:#555;margin-top:0}
ul.marks{list-style:none;padding:0;margin:1em 0}
li{padding:.45em .8em;margin:.35em 0;border-left:.35em solid;border-radius:.2em}
li.good{border-color:#2a8f4f;background:#eef7f0}li.poor{border-color:#c8541b;background:#fcf1ea}
li.open{border-color:#7a8794;background:#f2f4f6}
table{border-collapse:collapse;width:100%}caption{display:none}
th,td{padding:.25em 1em .25em 0;vertical-align:top;font-weight:normal}
th,td{border-bottom:1px solid #e4e7ea}
th{width:38%;color:#555}
@media(prefers-color-scheme:dark){body{background:#15181b;color:#ddd}p.lead,th{color:#aaa}
th,td{border-color:#333}li.good{background:#16281c}li.poor{background:#301f16}
li.open{background:#22272c}}
"""


def page(title, lead, marks, sections):
    """Put a page together.

    Parameters
    ----------
    title, lead : str
        Title, and what it is about in a sentence.
    marks : list of (str, str, str)
        The summary: "good", "poor" or "open", what it is about, and what is found.
    sections : dict of str to str
        HTML of the reports by their headings.

    Returns
    -------
    html : str
        The page.
    """
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width">',
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>",
        f'<h1>{escape(title)}</h1><p class="lead">{escape(lead)}</p>',
        marks_as_html(marks),
    ]
    parts += [f"<h2>{escape(name)}</h2>{html}" for name, html in sections.items()]
    return "\n".join([*parts, "</body></html>\n"])


def marks_as_html(marks):
    """The summary as a list.

    Parameters
    ----------
    marks : list of (str, str, str)
        As of `page`.

    Returns
    -------
    html : str
        The list.
    """
    items = "".join(
        f'<li class="{mark}"><b>{escape(name)}</b>: {escape(text)}</li>'
        for mark, name, text in marks
    )
    return f'<ul class="marks">{items}</ul>'
