"""What is said of groups that are not shown."""

from pathlib import Path

import pandas as pd
import pytest

from mimicflow.evaluation.study import Study
from mimicflow.report import ProtocolFiles, SharedFiles, SystemFiles, build_report


@pytest.mark.parametrize("hidden", [True, False])
def test_hidden_groups_are_spoken_of_only_where_there_are_some(results: Path, tmp_path, hidden):
    frame = pd.read_csv(results / "admission/nested/subgroups.csv")
    frame.assign(suppressed=hidden & frame["suppressed"]).to_csv(tmp_path / "subgroups.csv")
    files = ProtocolFiles(subgroups=tmp_path / "subgroups.csv")
    output = tmp_path / "page.html"
    system = {"admission": SystemFiles(protocols={"nested": files})}
    build_report("T", system, SharedFiles(), output, Study(synthetic=True))
    html = output.read_text(encoding="utf-8")
    assert ("those that would give such a group away, are not shown" in html) is hidden
