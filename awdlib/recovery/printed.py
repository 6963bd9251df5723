"""Tables of the synthetic chapter as a reader sees them, from stored results."""

from __future__ import annotations

from typing import Any

from awdlib.recovery import claims
from awdlib.recovery.published import STARTS
from awdlib.results import fmt


def minima(res: Any) -> Any:
    """Smallest distances by start, the published ones beside ours, a pandas.DataFrame of text.

    Parameters
    ----------
    res : awdlib.results.Results
        Of the chapter.
    """
    import pandas as pd

    rows = {}
    for start, label in STARTS.items():
        name = claims.SHORT[start]
        ways = [res[f"recovery.{name}_taps_{rule}"] for rule in ("oracle", "blind")]
        rows[label] = {
            "start, paper": fmt(res[f"published.{name}.distance_start"], ".1f"),
            "start, here": fmt(res[f"start.{name}"], ".1f"),
            "smallest, paper": fmt(res[f"published.{name}.distance"], ".2f"),
            "smallest, here": _range(ways[0]), "wavelets": f"{ways[0]['valid']} of {ways[0]['n']}",
            "chosen blindly": _range(ways[1]), "seeds": fmt(ways[1]["n"]),
        }  # fmt: skip
    return pd.DataFrame(rows).T


def _range(one: dict[str, Any]) -> str:
    if one["distance"] is None:
        return fmt(None)
    low, high = fmt(one["low"], ".2f"), fmt(one["high"], ".2f")
    return f"{fmt(one['distance'], '.2f')} ({low} to {high})"


def cases(table: Any) -> Any:
    """The table of other truths and conditions with few digits; `table` as stored.

    Its first row is the one that the others' conditions differ from.
    """
    import pandas as pd

    usual = table.iloc[0]
    shown = [
        {
            "truth": row["truth"], "differs in": _difference(row, usual),
            "recovered": f"{row['recovered']} of {row['seeds']}", "what happened": row["reason"],
            "distance": f"{fmt(row['distance'], '.2f')} ({fmt(row['distance_low'], '.2f')} to "
                        f"{fmt(row['distance_high'], '.2f')})",
            "taps (true)": f"{row['taps']} ({row['true_taps']})",
            "spread": fmt(row["spread"], ".2f"), "reversed": fmt(row["reversed"], ".2f"),
            "gap": fmt(row["gap"], ".0%"), "network's R²": fmt(row["network_r2"], ".3f"),
        }
        for row in table.to_dict("records")
    ]  # fmt: skip
    return pd.DataFrame(shown).set_index("truth").rename_axis(None)


def _difference(row: dict[str, Any], usual: Any) -> str:
    """The condition of a row where it is not the usual one."""
    band = "cA4" if row["band"] == 0 else f"cD{5 - row['band']}"
    texts = {
        "noise": f"noise {row['noise']:g}", "n": f"n = {row['n']:,}", "band": f"band {band}",
        "shift": fmt(row["shift"], "+d") + " places",
    }  # fmt: skip
    return ", ".join(text for name, text in texts.items() if row[name] != usual[name])
