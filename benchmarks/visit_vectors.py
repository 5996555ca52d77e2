"""Vectors of visits and passes over them, against the notebook's way, in one run.

Vectors: a loop that averages code by code, per visit. Training: every sequence padded in front to
20 visits, which the recurrent cell then reads; ours sorts batches by length and packs them. One
thread each.
"""

from __future__ import annotations

import argparse

import numpy as np
import pyarrow as pa
import torch
from _runs import in_turn, one_core, show
from gensim.models import KeyedVectors
from torch.nn import functional

from mimicflow.learning.loop import length_sorted_batches, shuffled_batches
from mimicflow.mortality.model import NetworkConfig, VisitNetwork
from mimicflow.mortality.sequences import VisitSequences, visit_vectors

BARS = {"vectors": 20.0, "difference": 1e-6, "packing": 1.2}
VOCABULARY, DIMENSIONS, LONGEST = 20_000, 100, 20


def draw(visits: int, rng: np.random.Generator) -> tuple[KeyedVectors, list[list[str]]]:
    """Return an embedding and visits of 40 codes on average, some of them unknown, some blank."""
    codes = np.array([f"DRUG:drug {number} 0.9% flush" for number in range(VOCABULARY)], object)
    embedding = KeyedVectors(DIMENSIONS)
    embedding.add_vectors(
        list(codes), rng.normal(0, 0.3, (VOCABULARY, DIMENSIONS)).astype(np.float32)
    )
    known = np.append(codes, "DRUG:unknown")
    drawn = [(len(known) * rng.random(size) ** 3).astype(int) for size in rng.poisson(40, visits)]
    return embedding, [known[places].tolist() for places in drawn]


def code_by_code(visits: list[list[str]], embedding: KeyedVectors) -> np.ndarray:
    """Average the vectors of known codes, visit by visit."""
    means = []
    for codes in visits:
        known = [embedding[code] for code in codes if code in embedding]
        means.append(np.mean(known, axis=0) if known else np.zeros(embedding.vector_size))
    return np.array(means)


def padded_pass(
    network: VisitNetwork, sequences: VisitSequences, batches: list[np.ndarray]
) -> None:
    """Train on sequences with zeros in front, read from the first zero on."""
    for rows in batches:
        block = torch.zeros(len(rows), LONGEST, sequences.vectors.shape[1])
        for place, row in enumerate(rows):
            start, length = sequences.start[row], sequences.lengths[row]
            block[place, -length:] = torch.from_numpy(sequences.vectors[start : start + length])
        output, _ = network.recurrent(block.transpose(0, 1))
        _step(network, network.head(output[-1]).squeeze(-1))


def packed_pass(
    network: VisitNetwork, sequences: VisitSequences, batches: list[np.ndarray]
) -> None:
    """Train on packed sequences."""
    for rows in batches:
        _step(network, network(sequences.pack(rows)))


def _step(network: VisitNetwork, logits: torch.Tensor) -> None:
    network.zero_grad(set_to_none=True)
    functional.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits)).backward()


def draw_sequences(stays: int, rng: np.random.Generator) -> VisitSequences:
    """Return sequences as long as MIMIC-IV's: a mean of about 4 visits, few of 20."""
    lengths = np.minimum(1 + rng.geometric(0.25, stays), LONGEST)
    start = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    vectors = rng.normal(0, 0.3, (int(lengths.sum()), DIMENSIONS)).astype(np.float32)
    return VisitSequences(np.arange(stays), start, lengths, vectors, "")


def main() -> int:
    """Measure, print, and return 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--visits", type=int, default=20_000)
    parser.add_argument("--stays", type=int, default=6400)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    one_core()
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)

    embedding, visits = draw(options.visits, rng)
    column = pa.array(visits, pa.list_(pa.string()))  # as Parquet gives it
    tasks = [lambda: visit_vectors(column, embedding), lambda: code_by_code(visits, embedding)]
    ours, loop = in_turn(tasks, options.repeats)
    difference = np.abs(visit_vectors(column, embedding) - code_by_code(visits, embedding)).max()
    print(f"vectors of {options.visits} visits of 40 codes")
    show("mimicflow", ours, 1)
    show("code by code", loop, 1, "the same in Python, of lists; ours starts from Arrow's column")

    sequences = draw_sequences(options.stays, rng)
    rows = np.arange(options.stays)
    shuffled = shuffled_batches(rows, 64, 0, 0)
    by_length = length_sorted_batches(rows, sequences.lengths, 64, 0, 0)
    lstm = NetworkConfig(
        cell="lstm", bidirectional=False, hidden=64, dropout=0.3, empty_visits="read"
    )
    network = VisitNetwork(lstm, DIMENSIONS)
    packed, padded = in_turn(
        [
            lambda: packed_pass(network, sequences, by_length),
            lambda: padded_pass(network, sequences, shuffled),
        ],
        options.repeats,
    )
    print(f"a pass over {options.stays} stays, forwards and backwards")
    show("packed", packed, 1)
    show(
        "padded", padded, 1,
        f"reads {LONGEST} places of every stay, of which {sequences.lengths.mean():.1f} are visits "
        "on average; in shuffled batches",
    )  # fmt: skip

    met = [
        _at_least("times faster than code by code", loop.cpu / ours.cpu, BARS["vectors"]),
        _at_least("times faster than padded", padded.cpu / packed.cpu, BARS["packing"]),
    ]
    same = difference <= BARS["difference"]
    print(f"{'largest difference of a value':<44} {difference:10.2e}  bar 1e-6")
    return 0 if all([*met, same]) else 1


def _at_least(what: str, value: float, bar: float) -> bool:
    print(f"{what:<44} {value:10.1f}  bar {bar:g}  {'met' if value >= bar else 'MISSED'}")
    return value >= bar


if __name__ == "__main__":
    raise SystemExit(main())
