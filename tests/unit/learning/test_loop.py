"""The training loop on a problem that can be followed by hand."""

import logging
import os
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mimicflow.errors import MimicflowError
from mimicflow.learning.devices import mixed_precision, prefetched, repeatable
from mimicflow.learning.loop import (
    Training,
    fit,
    length_sorted_batches,
    shuffled_batches,
)
from mimicflow.learning.resume import StateFile, discard_states, fingerprint, resume_path


class KilledError(Exception):
    """Stands for a signal that cannot be caught."""


class Recall:
    """Fit one number to 1; the validation score is given beforehand."""

    def __init__(self, scores: list[float], target: float = 1.0) -> None:
        self.model: nn.Module = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.scores, self.target = scores, target
        self.n_validated = self.n_losses = 0
        self.dies_at = 0
        self.seen: list[float] = []

    def batches(self, pass_number: int) -> list[np.ndarray]:
        return shuffled_batches(np.arange(5), 2, 0, pass_number)

    def load(self, rows: np.ndarray) -> np.ndarray:
        return rows

    def losses(self, rows: np.ndarray, loaded: np.ndarray) -> dict[str, Tensor]:
        self.n_losses += 1
        if self.n_losses == self.dies_at:
            raise KilledError
        loss = (self.model(torch.ones(len(rows), 1)) - self.target).square().mean()
        return {"loss": loss, "other": loss.detach() * 2}

    def validate(self) -> dict[str, float]:
        assert not self.model.training and not torch.is_grad_enabled()
        self.seen.append(self.model.weight.item())
        self.n_validated += 1
        return {"score": self.scores[self.n_validated - 1]}

    def state(self) -> dict[str, Any]:
        return {"n_validated": self.n_validated}

    def restore(self, state: dict[str, Any]) -> None:
        self.n_validated = state["n_validated"]


def train(task: Recall, **settings: object) -> list[dict]:
    optimizer = torch.optim.Adam(task.model.parameters(), 0.1)
    training = Training(**{"passes": 6, "score": "score", "maximise": True, **settings})
    return fit(task, optimizer, training)


def test_the_best_weights_are_kept_and_patience_ends_it() -> None:
    task = Recall([0.5, 0.7, 0.7, 0.6, 0.9, 0.9])
    history = train(task, patience=2)
    assert [row["epoch"] for row in history] == [1, 2, 3, 4]
    assert [row["is_best"] for row in history] == [True, True, False, False]
    assert task.model.weight.item() == task.seen[1] != task.seen[3]
    assert history[0]["train_other"] == pytest.approx(2 * history[0]["train_loss"])


def test_a_smaller_score_may_be_better() -> None:
    history = train(Recall([3, 2, 4, 1, 5, 5]), maximise=False)
    assert [row["is_best"] for row in history] == [True, True, False, True, False, False]


def test_a_pass_says_how_good_and_how_fast_it_was_and_what_is_left(monkeypatch) -> None:
    said: list[str] = []
    monkeypatch.setattr("mimicflow.learning.loop.say", said.append)
    monkeypatch.setattr(Recall, "validate", lambda self: {"val_loss": 0.25, "val_auc": 0.9})
    trained = {"score": "val_auc", "unit": "stays", "name": "repeat 2"}
    train(Recall([]), passes=3, **trained)
    train(Recall([]), passes=3, patience=1, **trained)

    scores = r"loss \d\.\d{3}, validation loss 0\.250, validation AUROC 0\.900"
    speed = r"[\d,]+ stays/s"
    for number, line in enumerate(said[:3], start=1):
        assert re.fullmatch(rf"repeat 2 pass {number} of 3: {scores}, {speed}, 00:00 left", line), (
            line
        )
    assert said[-1].endswith("stays/s, at most 00:00 left")


def test_learning_rates_decay_by_pass() -> None:
    task = Recall([0.0] * 3)
    optimizer = torch.optim.Adam(task.model.parameters(), 0.1)
    fit(task, optimizer, Training(passes=3, score="score", maximise=True, decay=0.5))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0125)


def test_batches_hold_every_row_once_in_an_order_of_their_own() -> None:
    first, second = (shuffled_batches(np.arange(10), 4, 0, number) for number in (1, 2))
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert sorted(np.concatenate(first)) == list(range(10))
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    again = shuffled_batches(np.arange(10), 4, 0, 1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_loss_that_is_not_finite() -> None:
    with pytest.raises(MimicflowError, match=r"not finite in pass 1[\s\S]*learning rates"):
        train(Recall([0.0], target=float("nan")))


SCORES = [0.1, 0.2, 0.3, 0.1, 0.1, 0.1]


@pytest.mark.parametrize("minutes", [0, 10])
@pytest.mark.parametrize("dies_at", range(1, 19))  # 6 passes of 3 batches
def test_a_training_that_was_killed_at_any_batch_ends_as_if_it_was_not(
    tmp_path: Path, minutes: float, dies_at: int
) -> None:
    whole = Recall(SCORES)
    expected = train(whole)
    state = StateFile(path=tmp_path / "state.pth", fingerprint="x", minutes=minutes)
    killed = Recall(SCORES)
    killed.dies_at = dies_at
    with pytest.raises(KilledError):
        train(killed, state=state)

    task = Recall(SCORES)
    assert train(task, state=state) == expected
    assert torch.equal(task.model.weight, whole.model.weight)
    # Only what came after the last state is done again: with no minutes between states, one batch.
    done = dies_at - 1 if minutes == 0 else (dies_at - 1) // 3 * 3
    assert task.n_losses == 18 - done


def test_the_state_stays_until_the_job_has_written_its_output(tmp_path: Path) -> None:
    state = StateFile(path=tmp_path / "state.pth", fingerprint="x")
    first = train(Recall(SCORES), state=state)
    again = Recall(SCORES)
    assert train(again, state=state) == first and again.n_losses == 0
    discard_states(state)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("damage", ["fingerprint", "bytes"])
def test_a_state_that_does_not_belong_is_left(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.pth"
    train(Recall(SCORES), state=StateFile(path=path, fingerprint="x"))
    if damage == "bytes":
        path.write_bytes(b"half")
    task = Recall(SCORES)
    mark = "y" if damage == "fingerprint" else "x"
    with caplog.at_level(logging.WARNING):
        train(task, state=StateFile(path=path, fingerprint=mark))
    assert task.n_losses == 18 and "starting anew" in caplog.text


def test_a_fingerprint_is_of_content_settings_and_code(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("a")

    def of(files: list[Path], x: int = 1, module: str = "ecg.store", large: int = 0) -> str:
        return fingerprint(files, {"x": x}, module=module, large=files[:large])

    assert of([one]) == of([two])
    assert len({of([one]), of([one], x=2), of([one], module="ecg.clean"), of([one], large=1)}) == 4
    as_it_was = of([one], large=1)
    os.utime(one, ns=(0, 0))
    assert of([one], large=1) != as_it_was, "written again: perhaps other waveforms"
    two.write_text("b")
    assert of([one]) != of([two])


def test_a_state_lies_beside_its_output_or_where_the_environment_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert resume_path("results/a.pth") == Path("results/.a.resume.pth")
    monkeypatch.setenv("MIMICFLOW_STATES", str(tmp_path))
    assert resume_path("results/a.pth") == tmp_path / "results/.a.resume.pth"
    assert (tmp_path / "results").is_dir()


def test_settings_of_torch_are_put_back() -> None:
    before = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    state = torch.get_rng_state()
    with repeatable(3, threads=1):
        first = torch.rand(2)
        assert torch.are_deterministic_algorithms_enabled()
    with repeatable(3, threads=1) as device:
        assert torch.equal(torch.rand(2), first)
        assert isinstance(mixed_precision(device), torch.autocast)
    assert before == (torch.get_num_threads(), torch.are_deterministic_algorithms_enabled())
    assert torch.equal(state, torch.get_rng_state())


def test_length_sorted_batches_hold_every_row_once_and_waste_few_steps():
    rows = np.arange(1000, 1640)
    lengths = np.random.default_rng(0).geometric(0.25, len(rows))

    batches = length_sorted_batches(rows, lengths, 64, seed=0, pass_number=1, pool=5)

    assert sorted(np.concatenate(batches)) == rows.tolist()
    assert max(map(len, batches)) == 64

    def steps(batches):
        return sum(lengths[batch - 1000].max() for batch in batches)

    assert steps(batches) < 0.7 * steps(shuffled_batches(rows, 64, 0, 1))


def test_length_sorted_batches_follow_from_seed_and_pass_alone():
    rows, lengths = np.arange(100), np.arange(100) % 7

    def drawn(seed, number):
        batches = length_sorted_batches(rows, lengths, 16, seed, number, pool=2)
        return [batch.tolist() for batch in batches]

    assert drawn(0, 1) == drawn(0, 1)
    assert drawn(0, 1) != drawn(0, 2)
    assert drawn(0, 1) != drawn(1, 1)


def test_batches_for_a_gpu_are_loaded_ahead_in_their_order() -> None:
    asked: list[int] = []

    def load(key: int) -> int:
        asked.append(key)
        return key * 10

    batches = prefetched(load, range(9), torch.device("cuda"))
    first = next(batches)
    time.sleep(0.2)
    assert first == (0, 0) and 1 < len(asked) < 9, "some are loaded ahead, not all"
    assert list(batches) == [(key, key * 10) for key in range(1, 9)]

    asked.clear()
    batches = prefetched(load, range(9), torch.device("cpu"))
    assert next(batches) == (0, 0) and asked == [0]


def test_a_batch_that_cannot_be_loaded_stops_the_training() -> None:
    def load(key: int) -> int:
        if key == 2:
            raise KilledError
        return key

    with pytest.raises(KilledError):
        list(prefetched(load, range(9), torch.device("cuda")))
