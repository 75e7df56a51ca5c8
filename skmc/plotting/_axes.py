"""Where displays draw: the only file that imports matplotlib, and only when something is drawn."""

import numpy as np

# Holes and unknown values in heat maps.
HOLE = "0.6"
# Names of columns below a picture: at most, and from how many characters in all they stand upright.
LABELS, LEVEL = 30, 60


def axes_for(display, ax, n=1, **options):
    """Axes to draw in: those given, or `n` side by side in a new figure.

    Parameters
    ----------
    display : object
        The display, named in messages.
    ax : matplotlib Axes, sequence of them or None
        What the user gave.
    n : int, default=1
        How many are needed.
    **options : dict
        Of `matplotlib.pyplot.subplots`, if a figure is made.

    Returns
    -------
    axes : ndarray of matplotlib Axes, shape (n,)
        The axes.
    """
    plt = pyplot(display)
    if ax is None:
        options = {"figsize": (1.0 + 4.6 * n, 4.2), "layout": "constrained"} | options
        return np.atleast_1d(plt.subplots(1, n, squeeze=True, **options)[1])
    axes = np.ravel(np.asarray(ax, dtype=object))
    if axes.size != n:
        raise ValueError(
            f"{type(display).__name__}.plot draws {n} panels here; got {axes.size} axes. Pass "
            f"{n}, or none for a new figure."
        )
    return axes


def pyplot(display):
    """Import `matplotlib.pyplot`, or say what to install.

    Parameters
    ----------
    display : object
        The display, named in the message.

    Returns
    -------
    plt : module
        The module.
    """
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f"{type(display).__name__}.plot needs matplotlib, which is not installed. Install it "
            'with "python -m pip install matplotlib", or with skmc as "skmc[plot]".'
        ) from error
    return plt


def with_holes(name):
    """Colour map in which NaN is grey.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    cmap : matplotlib Colormap
        A copy.
    """
    import matplotlib

    return matplotlib.colormaps[name].with_extremes(bad=HOLE)


def ends_of(name):
    """Colour map of two colours, the first and the last of another.

    Parameters
    ----------
    name : str
        Its name.

    Returns
    -------
    cmap : matplotlib Colormap
        The map.
    """
    import matplotlib

    return matplotlib.colormaps[name].resampled(2)


def power_norm(gamma, largest):
    """Colours in proportion to a power of values from 0 to a largest one.

    Parameters
    ----------
    gamma, largest : float
        The power and the largest value.

    Returns
    -------
    norm : matplotlib PowerNorm
        For `imshow`.
    """
    from matplotlib.colors import PowerNorm

    return PowerNorm(gamma, vmin=0.0, vmax=largest)


def plain_logarithmic(axis):
    """Give a logarithmic axis few labels, in plain numbers.

    Parameters
    ----------
    axis : matplotlib Axis
        The axis.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    axis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_major_formatter(lambda value, _: f"{value:g}")
    axis.set_minor_formatter(NullFormatter())


def tidy(ax):
    """Remove what a line plot does not need, and add a faint grid.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.grid(alpha=0.3)


def bins_of(places, max_cells):
    """Bins of the lines of a table that has more of them than a picture has cells.

    Parameters
    ----------
    places : ndarray of int
        Where each line is drawn.
    max_cells : int
        Number of bins at most.

    Returns
    -------
    bins : ndarray of int
        The bin of each line.
    sizes : ndarray of int
        Number of lines in each bin.
    """
    size = places.size
    k = min(size, max_cells)
    # As Python counts: bin b of k has the places from b * size / k.
    bins = places.astype(np.int64) * k // size
    return bins, np.bincount(bins, minlength=k)


def mark_lines(ax, rows, columns, colour):
    """Mark rows by ticks on the right, and columns by ticks above the picture.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes, with rows and columns of the table for coordinates.
    rows, columns : ndarray of int
        Places of the lines to mark.
    colour : str
        Colour of the ticks.
    """
    style = {"color": colour, "clip_on": False, "linestyle": "none"}
    right, above = ax.get_yaxis_transform(), ax.get_xaxis_transform()
    if rows.size:
        ax.plot(np.full(rows.size, 1.015), rows, marker=0, transform=right, **style)
    if columns.size:
        # In axes coordinates 1 is the top, whichever way rows are counted.
        ax.plot(columns, np.full(columns.size, 1.015), marker=2, transform=above, **style)


def draw_table(ax, image, shape, **options):
    """Draw a table, or bins of it, with ticks at the middles of its rows and columns.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    image : ndarray
        Values or colours of the bins.
    shape : tuple of int
        Numbers of rows and columns of the table.
    **options : dict
        Of `matplotlib.axes.Axes.imshow`.

    Returns
    -------
    image : matplotlib AxesImage
        The picture.
    """
    n, m = shape
    around = (-0.5, m - 0.5, n - 0.5, -0.5)
    drawn = ax.imshow(image, aspect="auto", interpolation="nearest", extent=around, **options)
    ax.set(xlim=around[:2], ylim=around[2:], xlabel="column", ylabel="row")
    for axis in (ax.xaxis, ax.yaxis):
        axis.get_major_locator().set_params(integer=True)
    return drawn


def label_columns(ax, names):
    """Write names of columns below a picture, some of them where there are many.

    Parameters
    ----------
    ax : matplotlib Axes
        The axes.
    names : array-like of str or None
        The names; None leaves numbers.
    """
    if names is None:
        return
    step = -(-len(names) // LABELS)
    shown = [str(name) for name in names[::step]]
    upright = sum(map(len, shown)) > LEVEL
    ax.set_xticks(np.arange(0, len(names), step), shown, rotation=90 if upright else 0)
