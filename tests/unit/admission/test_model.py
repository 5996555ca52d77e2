"""Shapes and sizes of the admission network."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from mimicflow.admission.model import AdmissionModel, Batch, EncoderConfig, ModelConfig
from mimicflow.ecg.resnet import ResNet1d
from mimicflow.errors import ConfigError
from mimicflow.learning.configs import parse

from .conftest import ENCODER  # type: ignore[import-not-found]

RATES = dict.fromkeys(["head", "adapter", "layer4", "layer3", "layer2", "layer1", "stem"], 1e-3)


def network(
    branches: list[str],
    *,
    gru: int = 8,
    static: int = 8,
    width: int = 8,
    n_static: int = 5,
    **more: Any,
) -> AdmissionModel:
    encoder = ENCODER | {"width": width, "depth": [2, 2, 2, 2]}
    encoder |= {k: v for k, v in more.items() if k in ("stem", "padding", "frozen_batchnorm")}
    model = {
        "stays": "all",
        "branches": branches,
        "unfreeze": more.get("unfreeze", "layer4"),
        "gru_hidden": gru,
        "static_hidden": static,
        "dropout": 0.3,
        "learning_rate": RATES,
        "learning_rate_decay": 0.9,
        "weight_decay": 0.0,
        "pos_weight": "none",
        "batch_size": 2,
        "epochs": 1,
        "patience": 1,
        "calibration": "temperature",
    }
    settings = parse(EncoderConfig, encoder, "encoder")
    config = parse(ModelConfig, model, "model")
    return AdmissionModel(ResNet1d(width), settings, config, n_static)


def n_trained(model: AdmissionModel) -> int:
    return sum(p.numel() for group in model.parameter_groups() for p in group["params"])


def n_all(model: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def random_batch(n_static: int = 5) -> Batch:
    generator = torch.Generator().manual_seed(0)
    return Batch(
        ecgs=torch.randn(3, 12, 100, generator=generator),
        ecg_index=torch.tensor([[0, 1], [2, -1]]),
        hours=torch.tensor([[0.5, 0.0], [0.0, 0.0]]),
        n_ecgs=torch.tensor([2, 1]),
        vitals=torch.randn(2, 4, 17, generator=generator),
        n_vitals=torch.tensor([4, 1]),
        static=torch.randn(2, n_static, generator=generator),
    )


def test_published_sizes_of_the_ecg_model() -> None:
    ecg_only = network(["ecg"], gru=256, width=64)
    assert n_all(ecg_only) == 4_703_873
    assert n_trained(ecg_only) == 3_743_745
    assert n_trained(network(["ecg"], gru=256, width=64, unfreeze="all")) == 4_698_369
    forgotten = network(["ecg"], gru=256, width=64, unfreeze="all", stem="forgotten")
    assert n_trained(forgotten) == 4_698_369
    trained = network(["ecg"], gru=256, width=64, unfreeze="all", stem="trained")
    assert n_trained(trained) == 4_703_873


@pytest.mark.parametrize(
    ("n_static", "total", "trained"), [(354, 4_506_241, 3_546_113), (353, 4_505_985, 3_545_857)]
)
def test_published_sizes_of_the_multimodal_model(n_static: int, total: int, trained: int) -> None:
    model = network(["ecg", "vitals", "static"], gru=128, static=256, width=64, n_static=n_static)
    assert n_all(model) == total
    assert n_trained(model) == trained


def test_one_finite_logit_per_stay() -> None:
    torch.manual_seed(0)
    model = network(["ecg", "vitals", "static"]).eval()
    logits = model(random_batch())
    assert logits.shape == (2,) and torch.isfinite(logits).all()


def test_padding_never_counts() -> None:
    torch.manual_seed(0)
    model = network(["ecg", "vitals", "static"]).eval()
    batch = random_batch()
    assert batch.ecg_index is not None and batch.hours is not None and batch.vitals is not None
    padded = Batch(
        ecgs=batch.ecgs,
        ecg_index=torch.nn.functional.pad(batch.ecg_index, (0, 3), value=-1),
        hours=torch.nn.functional.pad(batch.hours, (0, 3), value=77.0),
        vitals=torch.nn.functional.pad(batch.vitals, (0, 0, 0, 5), value=-9.0),
        n_ecgs=batch.n_ecgs,
        n_vitals=batch.n_vitals,
        static=batch.static,
    )
    with torch.no_grad():
        assert torch.equal(model(batch), model(padded))
    model.train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    assert torch.equal(model(batch), model(padded)), "nor in the statistics of a training batch"


def test_the_order_of_steps_counts() -> None:
    torch.manual_seed(0)
    model = network(["ecg"]).eval()
    batch = random_batch()
    ecgs = Batch(batch.ecgs, batch.ecg_index, batch.hours, batch.n_ecgs)
    swapped = replace(ecgs, ecg_index=torch.tensor([[1, 0], [2, -1]]))
    with torch.no_grad():
        before, after = model(ecgs), model(swapped)
    assert before[0] != after[0] and torch.allclose(before[1], after[1])


def test_row_19_encoded_padding_changes_training_only() -> None:
    whole = random_batch()
    batch = Batch(whole.ecgs, whole.ecg_index, whole.hours, whole.n_ecgs)
    logits = {}
    for padding in ("packed", "encoded"):
        torch.manual_seed(0)
        model = network(["ecg"], padding=padding, frozen_batchnorm="train")
        model.head[0].p = 0.0
        logits[padding] = model.eval()(batch), model.train()(batch)
    torch.testing.assert_close(logits["packed"][0], logits["encoded"][0])
    assert not torch.allclose(logits["packed"][1], logits["encoded"][1])


def test_row_19_padding_reaches_to_the_longest_stay_of_the_batch() -> None:
    """Not to the longest of the data, whose places are there in every batch."""
    batch = random_batch()
    assert batch.ecg_index is not None and batch.hours is not None
    wider = replace(
        batch,
        ecg_index=torch.nn.functional.pad(batch.ecg_index, (0, 4), value=-1),
        hours=torch.nn.functional.pad(batch.hours, (0, 4)),
    )
    encoded: list[int] = []
    logits = []
    for given in (batch, wider):
        torch.manual_seed(0)
        model = network(["ecg"], padding="encoded", frozen_batchnorm="train").train()
        model.head[0].p = 0.0
        model.encoder.register_forward_pre_hook(lambda _, inputs: encoded.append(len(inputs[0])))
        logits.append(model(Batch(given.ecgs, given.ecg_index, given.hours, given.n_ecgs)))
    assert encoded == [4, 4]  # three ECGs, and a single empty place beside the stay of two
    assert torch.equal(*logits)


def test_frozen_stages_stay_in_eval_mode() -> None:
    model = network(["ecg"]).train()
    modes = {
        stage: model.encoder.get_submodule(stage).training for stage in ("stem", "layer3", "layer4")
    }
    assert modes == {"stem": False, "layer3": False, "layer4": True}
    published = network(["ecg"], frozen_batchnorm="train").train()
    assert published.encoder.stem.training


def test_the_adapter_of_the_ecg_model_starts_wider() -> None:
    torch.manual_seed(0)
    kaiming = network(["ecg"], width=16).adapter.weight.std().item()
    default = network(["ecg", "static"], width=16).adapter.weight.std().item()
    assert kaiming == pytest.approx((2 / 128) ** 0.5, rel=0.05)
    assert default == pytest.approx((1 / 3 / 128) ** 0.5, rel=0.05)


def test_an_unknown_branch() -> None:
    with pytest.raises(ConfigError, match="choose one of: ecg, vitals, static"):
        network(["ecg", "labs"])


def test_a_network_without_ecgs_needs_no_learning_rate_of_the_encoder():
    config = network(["vitals", "static"]).config

    assert replace(config, learning_rate={"head": 1.0}).learning_rate == {"head": 1.0}
    with pytest.raises(ConfigError, match="learning_rate lacks adapter, stem, layer1"):
        replace(config, branches=("ecg", "static"), learning_rate={"head": 1.0})
