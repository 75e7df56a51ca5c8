"""What all reports share: how they look as text, in a notebook and as a data frame."""

from html import escape
from numbers import Integral, Real

import numpy as np

from skmc._listing import listed

# Numbers that are listed.
SHOWN = 10


class DoesNotApply(ValueError):
    """A report has nothing to say of this kind of fit."""


class Report:
    """Base of the reports: a subclass is a frozen dataclass with a `_title` and its `_lines`."""

    _title = "Report"

    def _lines(self):
        """Pairs of a label and a value, or of a label and a text, to be shown."""
        raise NotImplementedError

    def _columns(self):
        """Columns of the data frame by name."""
        lines = self._lines()
        return {"quantity": [label for label, _ in lines], "value": [value for _, value in lines]}

    def to_frame(self):
        """Data frame of the report.

        Returns
        -------
        frame : pandas.DataFrame
            What the report knows, one row for each quantity, row or column that it is about.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas; install it with `pip install pandas`, or read the "
                "attributes of the report."
            ) from error
        return pd.DataFrame(self._columns())

    def __repr__(self):
        lines = [(label, as_text(value)) for label, value in self._lines()]
        width = max(len(label) for label, _ in lines)
        return "\n".join([self._title, *(f"  {label:<{width}}  {text}" for label, text in lines)])

    def _repr_html_(self):
        rows = "".join(
            f"<tr><th style='text-align:left'>{escape(label)}</th>"
            f"<td style='text-align:left'>{escape(as_text(value))}</td></tr>"
            for label, value in self._lines()
        )
        return f"<table><caption>{escape(self._title)}</caption>{rows}</table>"


def as_text(value):
    """A value as it is read best: numbers to four digits, a few of many.

    Parameters
    ----------
    value : object
        Number, truth value, array or anything else.

    Returns
    -------
    text : str
        To be shown.
    """
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, Integral):
        return f"{int(value):,}".replace(",", " ")
    if isinstance(value, Real):
        return f"{float(value):.4g}"
    if isinstance(value, np.ndarray):
        number = f" ({len(value)} in all)" if len(value) > SHOWN else ""
        return f"{listed(value, limit=SHOWN)}{number}" if len(value) else "none"
    return str(value)


def columns_of_lines(shape, **values):
    """Columns of a data frame of rows, and then columns, of a matrix.

    Parameters
    ----------
    shape : tuple of int
        (n, m).
    **values : tuple of ndarrays of shapes (n,) and (m,)
        What is known of the rows and of the columns, by name.

    Returns
    -------
    columns : dict
        ``line`` and ``number``, and the values one below the other.
    """
    columns = {
        "line": ["row"] * shape[0] + ["column"] * shape[1],
        "number": np.concatenate([np.arange(size) for size in shape]),
    }
    return columns | {name: np.concatenate(parts) for name, parts in values.items()}
