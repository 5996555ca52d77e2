"""The files of a job get the names that its rule has for them."""

from mimicflow.audit.files import files_in, placed

NAMED = {"spine": "a", "folds": ["b", "c"], "models": {"lstm": ["d", "a"]}, "others": {}}


def test_files_are_listed_in_order_and_put_back_into_their_places():
    listed = files_in(NAMED)

    assert listed == ["a", "b", "c", "d", "a"]
    assert placed(NAMED, listed) == NAMED
    elsewhere = placed(NAMED, [f"/volume/{file}" for file in listed])
    assert elsewhere["models"] == {"lstm": ["/volume/d", "/volume/a"]}
