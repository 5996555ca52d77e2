import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from gensim.models import KeyedVectors
from hypothesis import given, settings
from hypothesis import strategies as st
from made_hospital_tables import MORTALITY, PROTOCOLS, extract, spine
from torch.nn.utils.rnn import pad_packed_sequence

from mimicflow.errors import InputError
from mimicflow.mortality.embedding import (
    fit_embedding,
    load_embedding,
    read_visits,
    vocabulary_hash,
)
from mimicflow.mortality.sequences import VisitSequences, build_sequences, visit_vectors

from .conftest import EMBEDDING

CODES = [f"ICD10:A{number:02d}" for number in range(8)]
TABLE = np.random.default_rng(0).normal(size=(8, 5)).astype(np.float32)


@pytest.fixture(scope="module")
def embedding():
    vectors = KeyedVectors(5)
    vectors.add_vectors(CODES, TABLE)
    return vectors


def code_by_code(visits, embedding):
    """The notebook's way: a loop over visits and codes."""
    means = []
    for codes in visits:
        known = [embedding[code] for code in codes if code in embedding]
        means.append(np.mean(known, axis=0) if known else np.zeros(embedding.vector_size))
    return np.array(means)


@settings(max_examples=60, deadline=None)
@given(
    visits=st.lists(
        st.lists(st.sampled_from([*CODES, "DRUG:unknown", "DRUG:a b"]), max_size=12),
        min_size=1,
        max_size=12,
    )
)
def test_visit_vectors_are_those_of_a_loop_over_codes(visits):
    vectors = KeyedVectors(5)
    vectors.add_vectors(CODES, TABLE)

    found = visit_vectors(pa.array(visits, pa.list_(pa.string())), vectors)

    assert found.dtype == np.float32
    np.testing.assert_allclose(found, code_by_code(visits, vectors), atol=1e-6)


def test_visits_without_known_codes_are_zeros(embedding):
    found = visit_vectors(pa.array([[], ["DRUG:unknown"], [CODES[3]]]), embedding)

    assert not found[:2].any()
    assert np.array_equal(found[2], TABLE[3])


def test_a_sliced_and_chunked_column_gives_the_same(embedding):
    lists = [[CODES[number % 8], CODES[(3 * number) % 8]] for number in range(20)]
    whole = visit_vectors(pa.array(lists), embedding)
    chunked = pa.chunked_array([pa.array(lists[:7]), pa.array(lists[7:])])

    assert np.array_equal(visit_vectors(chunked, embedding), whole)
    assert np.array_equal(visit_vectors(chunked.slice(5, 9), embedding), whole[5:14])


@pytest.fixture
def sequences(made):
    return VisitSequences.read(made.sequences)


def test_sequences_hold_the_visits_of_every_stay_in_order(made, sequences):
    visits = read_visits(made.visits).to_pandas()
    embedding = load_embedding(made.embedding)
    assert sequences.vocabulary_hash == vocabulary_hash(embedding)
    assert sequences.stay_id.tolist() == sorted(visits["stay_id"].unique())
    for row in (0, 17, len(sequences.stay_id) - 1):
        own = visits[visits["stay_id"] == sequences.stay_id[row]]
        start, length = sequences.start[row], sequences.lengths[row]
        assert length == len(own) == sequences.n_visits[row]
        expected = code_by_code(own["codes"], embedding)
        np.testing.assert_allclose(sequences.vectors[start : start + length], expected, atol=1e-6)
        np.testing.assert_allclose(sequences.means()[row], expected.mean(axis=0), atol=1e-6)


def test_packed_sequences_hold_the_visits_and_nothing_else(sequences):
    rows = np.array([3, 0, 11, 7])

    packed = sequences.pack(rows)

    assert len(packed.data) == sequences.lengths[rows].sum()
    padded, lengths = pad_packed_sequence(packed, batch_first=True)
    assert lengths.tolist() == sequences.lengths[rows].tolist()
    for place, row in enumerate(rows):
        start = sequences.start[row]
        own = torch.from_numpy(sequences.vectors[start : start + lengths[place]])
        assert torch.equal(padded[place, : lengths[place]], own)


def test_a_stay_without_visits_is_reported(made, sequences):
    with pytest.raises(InputError, match="2 of 3 stays of the cohort have no visits\n"):
        sequences.rows_of(np.array([3000, 1, 999_999]), made.sequences)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 but no archive", b"\x93NUMPY"])
def test_a_damaged_file_is_reported(tmp_path, content):
    (tmp_path / "sequences.npz").write_bytes(content)
    with pytest.raises(InputError, match="not a readable file of visit sequences"):
        VisitSequences.read(tmp_path / "sequences.npz")


def test_a_file_with_an_array_too_few_is_reported(tmp_path, sequences):
    np.savez(tmp_path / "sequences.npz", stay_id=sequences.stay_id)
    with pytest.raises(InputError, match="KeyError"):
        VisitSequences.read(tmp_path / "sequences.npz")


NOON = pd.Timestamp("2150-01-01 12:00")


def inputs_of(folder, later_codes, protocol):
    """Build embedding and visit vectors of six patients, from tables on."""
    patients = range(1, 7)
    stays = spine(
        *({"subject_id": p, "stay_id": 30 + p, "hadm_id": 200 + p} for p in patients),
        prediction_time=NOON,
    ).assign(split=["train"] * 4 + ["validation", "test"])
    admissions, diagnoses = [], []
    for patient in patients:
        for number, end in enumerate(
            (NOON - pd.Timedelta(days=90), NOON, NOON + pd.Timedelta("1s"))
        ):
            hadm_id = (100 + patient, 200 + patient, 300 + patient)[number]
            start = end - pd.Timedelta(days=3)
            admissions.append((patient, hadm_id, start, end))
            codes = later_codes if number == 2 else [CODES[patient], CODES[number], "4019"]
            diagnoses += [(patient, hadm_id, k, code, 10) for k, code in enumerate(codes)]
    visits = extract(
        "visit_codes",
        stays,
        PROTOCOLS[protocol],
        admissions=pd.DataFrame(
            admissions, columns=["subject_id", "hadm_id", "admittime", "dischtime"]
        ),
        diagnoses_icd=pd.DataFrame(
            diagnoses, columns=["subject_id", "hadm_id", "seq_num", "icd_code", "icd_version"]
        ),
    )
    folder.mkdir()
    visits.to_parquet(folder / "visits.parquet")
    stays.to_parquet(folder / "spine.parquet")
    whose = MORTALITY["protocols"][protocol]["embedding"]
    fit_embedding(folder / "visits.parquet", folder / "spine.parquet", EMBEDDING,
                  folder / "med2vec.kv", patients=whose)  # fmt: skip
    build_sequences(folder / "visits.parquet", folder / "med2vec.kv", folder / "sequences.npz")
    return [(folder / name).read_bytes() for name in ("med2vec.kv", "sequences.npz")]


def test_what_follows_the_prediction_changes_no_bit_of_the_inputs_but_the_published_ones(tmp_path):
    for protocol, same in (("audited", True), ("published", False)):
        one = inputs_of(tmp_path / f"{protocol}_1", ["C349", "C349", "A03"], protocol)
        other = inputs_of(tmp_path / f"{protocol}_2", ["Z515"], protocol)
        assert (one == other) is same
