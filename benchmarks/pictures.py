"""How pictures are made: with matplotlib, as SVG, the same file from the same figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def pyplot() -> Any:  # noqa: ANN401 - matplotlib has no types
    """Return ``matplotlib.pyplot``, set up.

    Raises
    ------
    ImportError
        Without matplotlib, which the extra ``bench`` installs.
    """
    import matplotlib as mpl  # noqa: PLC0415 - optional

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "fastpath-prover"  # the same report gives the same files
    from matplotlib import pyplot as plt  # noqa: PLC0415 - optional, and after the choice of renderer

    return plt


def save(figure: Any, path: Path) -> Path:  # noqa: ANN401 - likewise
    """Write a figure and forget it; return the path."""
    from matplotlib import pyplot as plt  # noqa: PLC0415 - it was made by it

    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)
    return path
