"""Published numbers, claims, and the rule that judges them."""

import math

import pytest

from awdlib import paper

WITHOUT = "AWD without interpretation loss"


def values(table, row, source="paper"):
    frame = paper.published(table, source=source)
    frame = frame[frame["row"] == row]
    return dict(zip(frame["column"], frame["value"], strict=True))


def test_table_1_is_the_published_one():
    assert values("table1", "R2") == {"AWD": 0.262, "DB5": 0.197, "LSTM": 0.237, WITHOUT: 0.231}
    compression = values("table1", "compression factor")
    assert math.isnan(compression.pop("LSTM"))
    assert compression == {"AWD": 0.574, "DB5": 0.704, WITHOUT: 0.651}
    assert values("table1", "computation time") == {
        "AWD": 0.0002, "DB5": 0.0002, "LSTM": 0.0449, WITHOUT: 0.0002,
    }  # fmt: skip
    frame = paper.published("table1").set_index(["row", "column"])
    assert frame["uncertainty"].dropna().to_dict() == {
        ("R2", "AWD"): 0.001,
        ("R2", WITHOUT): 0.001,
        ("compression factor", "AWD"): 0.010,
        ("compression factor", WITHOUT): 0.003,
    }


def test_table_2_is_the_published_one():
    assert values("table2", "RMSE of Omega_m") == {
        "AWD": 1.029, "Roberts-Cross": 1.259, "Laplace": 1.369, "DB5": 1.569, "ResNet": 1.156,
        WITHOUT: 1.354,
    }  # fmt: skip
    frame = paper.published("table2")
    assert frame["uncertainty"].dropna().tolist() == [0.033, 0.039, 0.047, 0.048, 0.024, 0.047]
    compression = values("table2", "compression factor")
    assert {key: value for key, value in compression.items() if value == value} == {
        "AWD": 0.610, "DB5": 0.620, WITHOUT: 0.616,
    }  # fmt: skip
    assert set(frame["unit"]) == {"1e-2", "1"}


def test_numbers_that_only_the_authors_code_shows_are_kept_apart():
    assert values("table2", "RMSE of Omega_m", "authors-notebook") == {
        "AWD": 1.026, "DB5": 1.569, WITHOUT: 1.353,
    }  # fmt: skip
    both = paper.published("table1", source=None)
    assert len(both) == len(paper.published("table1")) + 2
    assert set(both["source"]) == {"paper", "authors-report"}


def test_table_d1():
    table = paper.cosmologies()
    assert table.shape == (10, 3)
    assert table.columns.tolist() == ["m_nu", "Omega_m", "A_s"]
    assert table["Omega_m"].std(ddof=0) == pytest.approx(0.0586, abs=1e-4)
    # typed a second time, from the arXiv text
    assert table["m_nu"].tolist() == [
        0.0, 0.06271, 0.06522, 0.06773, 0.07024, 0.07275, 0.07526, 0.07778, 0.0803, 0.08282,
    ]  # fmt: skip
    assert table["Omega_m"].tolist() == [
        0.3, 0.3815, 0.2821, 0.4159, 0.2023, 0.3283, 0.3355, 0.2597, 0.2783, 0.2758,
    ]  # fmt: skip
    assert table["A_s"].tolist() == [
        2.1, 2.2004, 1.8826, 1.6231, 2.3075, 2.2883, 1.5659, 2.4333, 2.3824, 1.8292,
    ]  # fmt: skip


@pytest.mark.parametrize("table", ["table1", "table2", "cosmologies"])
def test_published_tables_have_no_gaps_but_na(table):
    frame = paper.published(table, source=None)
    assert frame.columns.tolist() == [
        "table", "row", "column", "value", "uncertainty", "unit", "better", "source", "note",
    ]  # fmt: skip
    assert set(frame["table"]) == {table}
    absent = frame["value"].isna()
    assert (frame.loc[absent, "note"] == "N/A in the paper").all()
    printed = frame[frame["source"] == "paper"]
    assert not printed.duplicated(["row", "column"]).any()
    assert set(frame["better"]) <= {"higher", "lower", ""}


def test_an_unknown_table_is_named():
    with pytest.raises(ValueError, match="called 'table3'; known are: claims, cosmologies"):
        paper.published("table3")


def test_claims_have_a_rule_each():
    frame = paper.claims()
    assert not frame["id"].duplicated().any()
    assert not frame["quantity"].duplicated().any()
    assert set(frame["relation"]) <= {">", "<", "="}
    assert frame["bound"].notna().all()
    numbers = frame[frame["relation"] == "="]
    assert not numbers["quantity"].str.startswith("claims.").any()
    assert (numbers["bound"] == numbers["paper_value"]).all()
    assert (numbers["size_low"] <= numbers["bound"]).all()
    assert (numbers["bound"] <= numbers["size_high"]).all()
    words = frame[frame["relation"] != "="]
    assert words["quantity"].str.startswith("claims.").all()
    for text in ("id", "inventory", "where", "claim", "chapter"):
        assert (frame[text] != "").all()


def test_every_published_value_obeys_its_own_rule():
    """A rule that the paper's own number breaks would be a slip of the pen."""
    for claim in paper.claims().dropna(subset=["paper_value"]).to_dict("records"):
        rule = {key: claim[key] for key in ("relation", "bound", "size_low", "size_high")}
        value = claim["paper_value"]
        assert paper.verdict(value, value, value, **rule) == "reproduced"


def test_claims_of_the_cme_chapter():
    frame = paper.claims("cme").set_index("quantity")
    frame = frame[frame["relation"] != "="]
    r2, compression, seconds = (
        values("table1", row) for row in ("R2", "compression factor", "computation time")
    )
    over_lstm, without = r2["AWD"] - r2["LSTM"], r2[WITHOUT]
    published = {
        "awd_authors_minus_db5": r2["AWD"] - r2["DB5"],
        "awd_authors_minus_lstm_authors": over_lstm,
        "awd_ours_minus_lstm_ours": over_lstm,
        "no_interpretation_minus_db5": without - r2["DB5"],
        "no_interpretation_minus_lstm_authors": without - r2["LSTM"],
        "no_interpretation_minus_lstm_ours": without - r2["LSTM"],
        "compression_reduction": 1 - compression["AWD"] / compression["DB5"],
        "time_ratio": seconds["LSTM"] / seconds["AWD"],
    }
    printed = frame["paper_value"].dropna()
    assert set(printed.index) == {f"claims.{quantity}" for quantity in published}
    for quantity, value in published.items():
        assert printed[f"claims.{quantity}"] == pytest.approx(value, rel=5e-3)
    # Where the paper gives a picture or words, bound and measure are ours, and the row says so.
    ours = frame[frame["paper_value"].isna()]
    assert set(ours.index) == {
        f"claims.{quantity}" for quantity in (
            "seed_distance", "edge_response", "build_up_drop", "abortive_ratio", "sym5_distance",
            "penalty_ratio",
        )
    }  # fmt: skip
    assert ours["note"].str.contains("bound is|measure is ours").all()
    assert ours[["size_low", "size_high"]].isna().all(axis=None)
    assert paper.claims("none").empty


TEN_PER_CENT = {"relation": "=", "bound": 1, "size_low": 0.9, "size_high": 1.1}


@pytest.mark.parametrize(
    ("estimate", "low", "high", "rule", "expected"),
    [
        (0.05, 0.01, 0.09, {"relation": ">", "bound": 0}, "reproduced"),
        (0.05, 0.0, 0.09, {"relation": ">", "bound": 0}, "direction only"),  # touches the bound
        (0.05, -0.01, 0.09, {"relation": ">", "bound": 0}, "direction only"),
        (0.0, -0.1, 0.1, {"relation": ">", "bound": 0}, "not reproduced"),
        (-0.05, -0.1, 0.1, {"relation": ">", "bound": 0}, "not reproduced"),
        (-0.05, -0.1, -0.01, {"relation": "<", "bound": 0}, "reproduced"),
        (-0.05, -0.1, 0.01, {"relation": "<", "bound": 0}, "direction only"),
        (0.05, 0.01, 0.1, {"relation": "<", "bound": 0}, "not reproduced"),
        (0.2, 0.1, 0.25, {"relation": "<", "bound": 0.3}, "reproduced"),
        (0.05, 0.01, 0.09, {"relation": ">", "bound": 0, "size_low": 0.09}, "direction only"),
        (0.05, 0.01, 0.09, {"relation": ">", "bound": 0, "size_high": 0.04}, "direction only"),
        (0.05, 0.01, 0.09, {"relation": ">", "bound": 0, "size_low": 0.05}, "reproduced"),
        (
            0.05, 0.01, 0.09,
            {"relation": ">", "bound": 0, "size_low": math.nan, "size_high": math.nan},
            "reproduced",
        ),
        (math.nan, 0, 1, {"relation": ">", "bound": 0}, "not testable here"),
        (0.5, math.nan, 1, {"relation": ">", "bound": 0}, "not testable here"),
        (0.5, 0.1, None, {"relation": ">", "bound": 0}, "not testable here"),
        (None, None, None, {"relation": ">", "bound": 0}, "not testable here"),
        (1.05, 0.9, 1.2, TEN_PER_CENT, "reproduced"),
        (1.05, None, None, TEN_PER_CENT, "reproduced"),  # a count has no interval
        (1.2, 0.9, 1.5, TEN_PER_CENT, "direction only"),  # off, but the interval includes it
        (1.2, 1.1, 1.5, TEN_PER_CENT, "not reproduced"),
        (1.2, None, None, TEN_PER_CENT, "not reproduced"),
        (None, None, None, TEN_PER_CENT, "not testable here"),
    ],
)  # fmt: skip
def test_verdict(estimate, low, high, rule, expected):
    assert paper.verdict(estimate, low, high, **rule) == expected
    assert expected in paper.VERDICTS


def test_verdict_refuses_a_broken_rule():
    with pytest.raises(ValueError, match="relation"):
        paper.verdict(1, 0, 2, relation=">=", bound=0)
    with pytest.raises(ValueError, match="upside down"):
        paper.verdict(1, 2, 0, relation=">", bound=0)
    with pytest.raises(ValueError, match="bound"):
        paper.verdict(1, 0, 2, relation=">", bound=math.nan)
    with pytest.raises(ValueError, match="needs sizes that include it"):
        paper.verdict(1, 0, 2, relation="=", bound=1, size_low=2, size_high=3)


NUMBERS = {
    "claims": {
        "awd_authors_minus_db5": {
            "estimate": 0.05, "low": 0.01, "high": 0.09, "n": 374, "kind": "95 %, tracks",
        },
        "awd_ours_minus_lstm_ours": {"estimate": -0.01, "low": -0.05, "high": 0.03, "n": 374},
        "time_ratio": {"estimate": 220.0, "low": 190.0, "high": 250.0, "n": 374},
    }
}  # fmt: skip


def test_judge_gives_each_claim_a_row():
    table = paper.judge(NUMBERS, "cme", "laptop", "real").set_index("id")
    assert len(table) == len(paper.claims("cme"))
    assert table["verdict"]["cme_awd_beats_db5"] == "reproduced"
    assert table["verdict"]["cme_awd_beats_lstm_ours"] == "not reproduced"
    assert table["verdict"]["cme_time"] == "direction only"
    assert table["verdict"]["cme_compression"] == "not testable here"
    row = table.loc["cme_awd_beats_db5"]
    assert (row["paper"], row["ours"], row["low"], row["high"], row["n"]) == (
        0.065, 0.05, 0.01, 0.09, 374,
    )  # fmt: skip
    assert (row["data"], row["profile"], row["kind"]) == ("real", "laptop", "95 %, tracks")
    others = table.drop(index="cme_awd_beats_db5")
    assert set(others["kind"]) == {""}  # what a run does not say is no word of its own


def test_the_rule_stands_beside_its_verdict():
    rules = paper.judge(NUMBERS, "cme", "laptop", "real").set_index("id")["rule"]
    assert rules["cme_awd_beats_db5"] == "> 0"
    assert rules["cme_awd_beats_lstm_ours"] == "> 0, same size from 0.0125"
    assert rules["cme_compression"] == "> 0, same size from 0.09 to 0.28"
    assert rules["cme_time"] == "> 200"
    assert rules["cme_stable"] == "< 0.3"


def test_the_time_claim_is_held_to_its_200():
    slower = {"claims": {"time_ratio": {"estimate": 120.0, "low": 90.0, "high": 150.0}}}
    table = paper.judge(slower, "cme", "laptop", "real").set_index("id")
    assert table["verdict"]["cme_time"] == "not reproduced"


def test_judge_reads_flat_keys_too():
    flat = {f"claims.{key}": value for key, value in NUMBERS["claims"].items()}
    nested = paper.judge(NUMBERS, "cme", "paper", "real")
    assert paper.judge(flat, "cme", "paper", "real").equals(nested)


@pytest.mark.parametrize(("profile", "source"), [("smoke", "real"), ("laptop", "simulated")])
def test_neither_smoke_nor_simulated_data_judge_the_paper(profile, source):
    table = paper.judge(NUMBERS, "cme", profile, source)
    assert set(table["verdict"]) == {"not testable here"}
    assert table["ours"].notna().sum() == 3  # shown all the same
    assert set(table["data"]) == {source}


def test_a_number_is_given_what_stands_beside_it_and_nothing_else():
    numbers = {
        "data": {"n_test": 7},
        "table1": {
            "awd_authors": {"r2": 0.3, "r2_low": 0.2, "r2_high": 0.4, "compression": 0.6,
                            "compression_sd": 0.01, "members": 5, "low": -1.0, "high": 1.0},
        },
    }  # fmt: skip
    rows = paper.judge(numbers, "cme", "paper", "real").set_index("id")
    r2, compression = rows.loc["cme_r2_awd"], rows.loc["cme_compression_awd"]
    assert (r2["ours"], r2["low"], r2["high"], r2["n"]) == (0.3, 0.2, 0.4, 7)
    assert r2["verdict"] == "direction only"  # .262 is in the interval, and more than 10 % off
    assert math.isnan(compression["low"])
    assert (compression["kind"], compression["n"]) == ("sd over seeds 0.010", 5)
    assert compression["verdict"] == "reproduced"
    other = {"table2": {"awd": {"rmse": 0.0104, "low": 0.01, "high": 0.011}}}
    row = paper.judge(other, "cosmology", "paper", "none").set_index("id").loc["cosmology_rmse_awd"]
    assert (row["low"], row["high"], row["verdict"]) == (0.01, 0.011, "reproduced")


def test_a_run_that_is_too_small_does_not_judge_the_papers_numbers():
    numbers = {
        "data": {"believable": False},
        "table2": {"awd": {"rmse": 0.0104, "low": 0.01, "high": 0.011}},
        "claims": {"symmetry": {"estimate": 0.95, "low": 0.94, "high": 0.96, "n": 2}},
    }
    rows = paper.judge(numbers, "cosmology", "laptop", "none").set_index("id")["verdict"]
    assert rows["cosmology_rmse_awd"] == "not testable here"
    assert rows["cosmology_symmetric"] == "reproduced"


def test_judge_of_a_chapter_without_claims_is_empty():
    assert paper.judge({}, "none", "laptop", "real").empty
