from mimicflow.report.blocks import Text
from mimicflow.report.chapters.run import data_versions


def test_the_release_of_each_module_is_named_before_its_files():
    files = {
        "hosp/patients": "MIMIC-IV 3.1",
        "hosp/labevents": "unknown",
        "ed/edstays": "synthetic",
    }
    entry = {"file": "a.csv", "bytes": 1, "sha256": "0", "sha256_verified": False}
    manifest = {"tables": {name: entry | {"release": said} for name, said in files.items()}}

    first = data_versions(manifest).blocks[0]

    assert isinstance(first, Text)
    assert first.text == ("Release of each module: ed: synthetic; hosp: MIMIC-IV 3.1, unknown.")
