"""The training loop on a problem that can be followed by hand."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mimicflow.errors import MimicflowError
from mimicflow.learning.devices import mixed_precision, repeatable
from mimicflow.learning.loop import (
    Training,
    fingerprint,
    fit,
    length_sorted_batches,
    resume_path,
    shuffled_batches,
)


class Recall:
    """Fit one number to 1; the validation score is given beforehand."""

    def __init__(self, scores: list[float], target: float = 1.0) -> None:
        self.model: nn.Module = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.model.weight)
        self.scores, self.target = scores, target
        self.n_validated = 0
        self.seen: list[float] = []

    def batches(self, epoch: int) -> list[np.ndarray]:
        return shuffled_batches(np.arange(5), 2, 0, epoch)

    def losses(self, rows: np.ndarray) -> dict[str, Tensor]:
        loss = (self.model(torch.ones(len(rows), 1)) - self.target).square().mean()
        return {"loss": loss, "other": loss.detach() * 2}

    def validate(self) -> dict[str, float]:
        assert not self.model.training and not torch.is_grad_enabled()
        self.seen.append(self.model.weight.item())
        self.n_validated += 1
        return {"score": self.scores[self.n_validated - 1]}


def train(task: Recall, **settings: object) -> list[dict]:
    optimizer = torch.optim.Adam(task.model.parameters(), 0.1)
    training = Training(**{"epochs": 6, "score": "score", "maximise": True, **settings})
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


def test_learning_rates_decay_by_epoch() -> None:
    task = Recall([0.0] * 3)
    optimizer = torch.optim.Adam(task.model.parameters(), 0.1)
    fit(task, optimizer, Training(epochs=3, score="score", maximise=True, decay=0.5))
    assert optimizer.param_groups[0]["lr"] == pytest.approx(0.0125)


def test_batches_hold_every_row_once_in_an_order_of_their_own() -> None:
    first, second = (shuffled_batches(np.arange(10), 4, 0, epoch) for epoch in (1, 2))
    assert [len(batch) for batch in first] == [4, 4, 2]
    assert sorted(np.concatenate(first)) == list(range(10))
    assert not np.array_equal(np.concatenate(first), np.concatenate(second))
    again = shuffled_batches(np.arange(10), 4, 0, 1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


def test_a_loss_that_is_not_finite() -> None:
    with pytest.raises(MimicflowError, match=r"not finite in epoch 1[\s\S]*learning rates"):
        train(Recall([0.0], target=float("nan")))


def interrupted(state: Path, mark: str) -> None:
    with pytest.raises(IndexError):  # no score for a third epoch
        train(Recall([0.1, 0.2]), resume=state, fingerprint=mark)
    assert state.exists()


def test_an_interrupted_training_goes_on(tmp_path: Path) -> None:
    scores = [0.1, 0.2, 0.3, 0.1, 0.1, 0.1]
    whole = Recall(scores)
    expected = train(whole)
    state = tmp_path / "state.pth"
    interrupted(state, "x")
    task = Recall(scores[2:])
    assert train(task, resume=state, fingerprint="x") == expected
    assert torch.equal(task.model.weight, whole.model.weight)
    assert not state.exists()


@pytest.mark.parametrize("damage", ["fingerprint", "bytes"])
def test_a_state_that_does_not_belong_is_left(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = tmp_path / "state.pth"
    interrupted(state, "x")
    if damage == "bytes":
        state.write_bytes(b"half")
    with caplog.at_level(logging.WARNING):
        history = train(
            Recall([0.1] * 6), resume=state, fingerprint="y" if damage == "fingerprint" else "x"
        )
    assert len(history) == 6 and "starting anew" in caplog.text


def test_fingerprint_of_content(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("a")
    two.write_text("a")
    assert fingerprint([one], {"x": 1}) == fingerprint([two], {"x": 1})
    assert fingerprint([one], {"x": 1}) != fingerprint([one], {"x": 2})
    two.write_text("b")
    assert fingerprint([one], {"x": 1}) != fingerprint([two], {"x": 1})
    assert resume_path("results/a.pth") == Path("results/.a.resume.pth")


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

    batches = length_sorted_batches(rows, lengths, 64, seed=0, epoch=1, pool=5)

    assert sorted(np.concatenate(batches)) == rows.tolist()
    assert max(map(len, batches)) == 64

    def steps(batches):
        return sum(lengths[batch - 1000].max() for batch in batches)

    assert steps(batches) < 0.7 * steps(shuffled_batches(rows, 64, 0, 1))


def test_length_sorted_batches_follow_from_seed_and_epoch_alone():
    rows, lengths = np.arange(100), np.arange(100) % 7

    def drawn(seed, epoch):
        batches = length_sorted_batches(rows, lengths, 16, seed, epoch, pool=2)
        return [batch.tolist() for batch in batches]

    assert drawn(0, 1) == drawn(0, 1)
    assert drawn(0, 1) != drawn(0, 2)
    assert drawn(0, 1) != drawn(1, 1)
