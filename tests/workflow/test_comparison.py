"""The cases of a comparison run through the real pipeline."""

import json

import numpy as np
import pytest

from aimcsim.common.storage import read_dataset

pytestmark = pytest.mark.workflow


def test_cases_share_shards_and_stand_side_by_side(project):
    uniform = {"uniform": {"kind": "uniform", "rows": 32, "columns": 24}}
    bits = {
        "keys": ["periphery.adc_bits"],
        "values": [5, 8.714, 12],
        "always": {"evaluation": {"adc_bits": 8.714}},
    }
    alone = project.config("compared", cores=2, weights=uniform)
    project.snakemake("--configfile", alone, "--", "results/compared/summary.nc")
    both = project.config("compared", cores=2, weights=uniform, compare={"bits": bits})
    planned = project.planned("--configfile", both)
    # One core of 5 runs is a shard of at most 8, so 2 for each case; the case of 8.714 bits
    # is the study, judged otherwise.
    assert planned["program"] == 4
    assert planned["evaluate"] == 6
    assert planned["aggregate_case"] == 3
    project.snakemake("--configfile", both)
    again = project.snakemake("--configfile", both)
    assert "Nothing to be done" in again.stdout + again.stderr

    results = project.results("compared")
    joined = read_dataset(results / "comparison.nc")
    assert joined["case"].values.tolist() == ["bits/5", "bits/8.714", "bits/12"]
    assert np.isfinite(joined["mvm_error"]).all()
    # The same cores, judged at the same bits: the same errors as the study's.
    summary = read_dataset(results / "summary.nc")
    of_study = summary["mvm_error"].sel(run=summary["method"] == "iterative")
    case = joined["mvm_error"].sel(case="bits/8.714", programmed_by="iterative")
    np.testing.assert_allclose(case, of_study.isel(tile=0, run=0), rtol=1e-6)
    claims = {claim["id"]: claim for claim in json.loads((results / "claims.json").read_text())}
    claim = claims["C3"]
    assert claim["low"] <= claim["value"] <= claim["high"]
