import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from gensim.models import KeyedVectors

from mimicflow.errors import CheckpointError, CohortError
from mimicflow.evaluation.study import Study
from mimicflow.mortality.embedding import (
    _titles,
    describe_neighbours,
    fit_embedding,
    load_embedding,
    read_visits,
    save_embedding,
    vocabulary_hash,
)

from .conftest import EMBEDDING, draw_visits, write_visits


def test_codes_that_occur_together_lie_together(tmp_path):
    topics = [[f"{kind}{number}" for number in range(8)] for kind in ("ICD10:A", "DRUG:b ")]
    rng = np.random.default_rng(0)
    visits = pd.DataFrame(
        {
            "stay_id": np.arange(400),
            "position": 1,
            "codes": [rng.permutation(topics[n % 2])[:5].tolist() for n in range(400)],
        }
    )
    spine = pd.DataFrame({"stay_id": np.arange(400), "split": "train"})
    spine.to_parquet(tmp_path / "spine.parquet")
    paths = write_visits(visits, tmp_path / "visits")

    fit_embedding(paths, tmp_path / "spine.parquet", {**EMBEDDING, "epochs": 40}, tmp_path / "x.kv")

    vectors = load_embedding(tmp_path / "x.kv")
    assert vectors.vector_size == EMBEDDING["dimensions"]
    for code in topics[0]:
        nearest = [other for other, _ in vectors.most_similar(code, topn=7)]
        assert set(nearest) <= set(topics[0])


def test_only_training_patients_are_embedded(made, tmp_path):
    spine, visits = draw_visits(60)
    elsewhere = visits.head(1).assign(stay_id=99_999)  # of a patient who is not in the cohort
    visits = pd.concat([visits, elsewhere], ignore_index=True)
    marked = visits["stay_id"].map(spine.set_index("stay_id")["split"]).fillna("elsewhere")
    visits["codes"] = visits["codes"] + ("ICD10:" + marked).map(lambda code: [code])
    spine.to_parquet(tmp_path / "spine.parquet")
    paths = write_visits(visits, tmp_path / "visits")

    def marks(patients):
        output = tmp_path / f"{patients}.kv"
        fit_embedding(paths, tmp_path / "spine.parquet", EMBEDDING, output, patients=patients)
        return {"train", "validation", "test", "elsewhere"} & {
            code.removeprefix("ICD10:") for code in load_embedding(output).index_to_key
        }

    assert marks("training") == {"train"}
    assert marks("all") == {"train", "validation", "test"}
    assert marks("hospital") == {"train", "validation", "test", "elsewhere"}


def test_the_same_bytes_in_another_process_with_other_hashes_and_shards(made, tmp_path):
    _, visits = draw_visits(300)
    other = write_visits(visits, tmp_path / "visits", shards=5)
    program = (
        "import sys, json; from mimicflow.mortality.embedding import fit_embedding; "
        "fit_embedding(sys.argv[3:], sys.argv[1], json.loads(sys.argv[2]), 'other.kv')"
    )
    subprocess.run(
        [sys.executable, "-c", program, str(made.spine), json.dumps(EMBEDDING), *map(str, other)],
        check=True,
        cwd=tmp_path,
        env={**os.environ, "PYTHONHASHSEED": "7"},
    )

    assert (tmp_path / "other.kv").read_bytes() == made.embedding.read_bytes()


def test_codes_with_blanks_and_percent_signs_come_back_as_they_are(tmp_path):
    codes = ["DRUG:sodium chloride 0.9%  flush", "DRUG:a%20b", "DRUG:a b", "ICD10:I10", "DRUG:é\n"]
    vectors = KeyedVectors(3)
    vectors.add_vectors(codes, np.arange(15, dtype=np.float32).reshape(5, 3) / 7)

    save_embedding(vectors, tmp_path / "med2vec.kv")
    found = load_embedding(tmp_path / "med2vec.kv")

    assert found.index_to_key == codes
    assert np.array_equal(found.vectors, vectors.vectors)
    assert vocabulary_hash(found) == vocabulary_hash(vectors)


def test_any_reader_of_word2vec_files_reads_it(made):
    plain = KeyedVectors.load_word2vec_format(str(made.embedding), binary=True)

    assert len(plain) == len(load_embedding(made.embedding))
    assert "DRUG:docusate%20sodium" in plain


def test_the_hash_differs_for_other_codes_and_other_vectors(made):
    vectors = load_embedding(made.embedding)
    changed = load_embedding(made.embedding)
    changed.vectors[0, 0] += 1e-3
    renamed = load_embedding(made.embedding)
    renamed.index_to_key[0] += "X"

    assert vocabulary_hash(vectors) == vocabulary_hash(load_embedding(made.embedding))
    assert len({vocabulary_hash(each) for each in (vectors, changed, renamed)}) == 3


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:200],
        lambda content: b"",
        lambda content: b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        lambda content: b"99999999999 12\n" + content,
        lambda content: b"-1 12\n" + content,
        lambda content: b"word2vec\n" + content,
    ],
)
def test_a_damaged_embedding_is_refused(made, tmp_path, damage):
    file = tmp_path / "med2vec.kv"
    file.write_bytes(damage(made.embedding.read_bytes()))

    with pytest.raises(CheckpointError, match=r"med2vec\.kv: not a readable embedding"):
        load_embedding(file)


def test_an_absent_embedding_is_reported(tmp_path):
    with pytest.raises(CheckpointError, match="no such file"):
        load_embedding(tmp_path / "med2vec.kv")


@pytest.mark.parametrize("options", [{"min_count": 10_000}, {}])
def test_nothing_to_embed_is_reported_and_leaves_no_file(made, tmp_path, options):
    spine = pd.read_parquet(made.spine)
    if not options:  # nobody trains
        spine["split"] = "test"
    spine.to_parquet(tmp_path / "spine.parquet")

    with pytest.raises(CohortError, match="nothing to embed"):
        fit_embedding(
            made.visits, tmp_path / "spine.parquet", {**EMBEDDING, **options}, tmp_path / "x.kv"
        )
    assert sorted(file.name for file in tmp_path.iterdir()) == ["spine.parquet"]


def test_visits_are_read_by_stay_and_position(made):
    table = read_visits(made.visits).to_pandas()
    expected = draw_visits(300)[1].sort_values(["stay_id", "position"], ignore_index=True)

    pd.testing.assert_frame_equal(
        table[["stay_id", "position"]], expected[["stay_id", "position"]], check_dtype=False
    )
    assert (
        read_visits(made.visits, np.array([3004])).num_rows == (expected["stay_id"] == 3004).sum()
    )


def test_a_title_is_found_as_the_codes_of_the_visits_are_spelled(tmp_path):
    written = {"ICD": ["414.01", "370.0"], "PROC": ["38.93", "370.0"]}
    for prefix, codes in written.items():
        table = pd.DataFrame({"icd_code": codes, "icd_version": 9, "long_title": "Any"})
        table.to_parquet(tmp_path / f"{prefix}.parquet")

    known = _titles({prefix: tmp_path / f"{prefix}.parquet" for prefix in written})
    assert list(known) == ["ICD9:41401", "ICD9:3700", "PROC9:3893", "PROC9:370"]


def test_neighbours_of_the_most_frequent_codes(made, tmp_path):
    titles = pd.DataFrame(
        {"icd_code": ["I10 "], "icd_version": [10], "long_title": ["Essential hypertension"]}
    )
    titles.to_parquet(tmp_path / "titles.parquet")

    describe_neighbours(
        made.embedding,
        made.visits,
        {"ICD": [tmp_path / "titles.parquet"], "PROC": []},
        tmp_path / "neighbours.csv",
        Study(synthetic=True),
        codes=4,
        neighbours=2,
    )

    table = pd.read_csv(tmp_path / "neighbours.csv", keep_default_na=False)
    visits = draw_visits(300)[1]
    counts = visits["codes"].explode().value_counts()
    assert table["code"].nunique() == 4 and len(table) == 8
    assert table["visits"].tolist() == counts[table["code"]].tolist()
    assert set(table["code"]) == set(counts.index[:4])
    assert set(table.loc[table["code"] == "ICD10:I10", "title"]) == {"Essential hypertension"}
    assert set(table.loc[table["code"] == "ICD9:4019", "title"]) <= {""}
    assert (table.groupby("code")["similarity"].diff().dropna() <= 0).all()
    vectors = load_embedding(made.embedding)
    first = table.iloc[0]
    assert first["similarity"] == pytest.approx(
        vectors.similarity(first["code"], first["neighbour"]), abs=1e-6
    )


def test_codes_of_few_real_patients_stand_nowhere(made, tmp_path):
    visits = draw_visits(300)[1][["stay_id", "codes"]].explode("codes")
    patients = visits.groupby("codes")["stay_id"].nunique()
    study = Study(smallest=int(patients.median()))
    rare = set(patients.index[patients < study.smallest_cell])
    output = tmp_path / "neighbours.csv"
    for of, found in ((Study(synthetic=True), True), (study, False)):
        describe_neighbours(made.embedding, made.visits, {}, output, of, codes=100, neighbours=3)
        table = pd.read_csv(output)
        named = set(table["code"]) | set(table["neighbour"])
        assert table["rank"].max() == 3 and bool(named & rare) is found
