"""The admission network: serial ECGs, serial vital signs and static data to one logit.

Architecture only. How its inputs are made is in ``admission.inputs``, how it is trained in
``admission.training``.

Shapes, by the suffix of a name:
    B  stays of a batch   N  distinct ECGs of a batch   T  time steps
    E  embedding          F  features of a time step    S  static features
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from mimicflow.ecg.given.contract import NONE, RESNET
from mimicflow.ecg.given.network import WHOLE, Encoder
from mimicflow.ecg.resnet import STAGES
from mimicflow.errors import ConfigError
from mimicflow.learning import processes
from mimicflow.learning.devices import mixed_precision, to_device

Branch = Literal["ecg", "vitals", "static"]
N_VITALS = 17


@dataclass(frozen=True, kw_only=True)
class EncoderConfig:
    """Configuration subtree ``encoder``: which it is, and how it behaves in fine-tuning."""

    file: str = NONE
    """Weights of one's own."""
    architecture: str = RESNET
    """The network: ours, or ``FILE.py:CLASS`` of one's own, which has no stages."""
    width: int
    """Channels of the stem."""
    depth: tuple[int, ...]
    """Residual blocks of the four stages."""
    shortcuts: Literal["pretrained", "random"]
    """``random``: the projections start anew, as if lost on loading."""
    frozen_batchnorm: Literal["eval", "train"]
    """``train``: batch normalisation drifts in layers that are not trained."""
    padding: Literal["packed", "encoded"]
    """``encoded``: absent ECGs, up to the longest stay of the batch, pass the encoder as zeros."""
    stem: Literal["frozen", "trained", "forgotten"]
    """The stem when all layers are trained; ``forgotten``: unfrozen without an optimiser group."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Configuration subtree ``models.<name>``."""

    stays: Literal["all", "multi"]
    """``multi``: stays with at least two ECGs."""
    branches: tuple[Branch, ...]
    """The parts of the network that exist."""
    unfreeze: Literal["all", "layer4", "none"]
    """The part of the encoder that is trained."""
    gru_hidden: int
    static_hidden: int
    dropout: float
    learning_rate: dict[str, float]
    """Of head; with a branch of ECGs, of adapter, layer4 to layer1 and stem, too."""
    learning_rate_decay: float
    """Factor after each pass."""
    weight_decay: float
    pos_weight: Literal["none", "balanced"]
    """``balanced``: admissions weigh n_home / n_admitted."""
    batch_size: int
    epochs: int
    patience: int
    """Passes without a better validation AUROC."""
    calibration: Literal["temperature", "none"]
    """Fitted on the validation stays."""

    def __post_init__(self) -> None:
        """Require a learning rate for every part that this network has and may train."""
        parts = ("head", "adapter", *STAGES) if "ecg" in self.branches else ("head",)
        lacking = [name for name in parts if name not in self.learning_rate]
        if lacking:
            raise ConfigError(f"learning_rate lacks {', '.join(lacking)}", remedy="see config.yaml")


@dataclass(frozen=True)
class Batch:
    """Inputs of some stays; absent branches are None.

    Parameters
    ----------
    ecgs : Tensor
        Distinct ECGs as they enter the first stage that is computed: waveforms in mV,
        (N, 12, samples), or what was cached, (N, channels, 1, samples) or (N, E).
    ecg_index : Tensor
        For each stay and step the row of ``ecgs``, oldest first, (B, T); -1 after the last one.
    hours : Tensor
        Hours from each ECG to the prediction, (B, T).
    vitals : Tensor
        Scaled rows, oldest first, (B, T, 17).
    n_ecgs, n_vitals : Tensor
        How many ECGs and rows of vital signs are real, (B,). They stay on the CPU, where the
        recurrent cells want them: fetching them from a GPU would wait for it at every step.
    static : Tensor
        Scaled static features, (B, S).
    """

    ecgs: Tensor | None = None
    ecg_index: Tensor | None = None
    hours: Tensor | None = None
    n_ecgs: Tensor | None = None
    vitals: Tensor | None = None
    n_vitals: Tensor | None = None
    static: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """Move all tensors but the counts to a device."""
        moved = {
            name: value if value is None or name.startswith("n_") else to_device(value, device)
            for name, value in vars(self).items()
        }
        return Batch(**moved)


class LastState(nn.Module):
    """GRU over sequences of differing length; its state after the last real step.

    Parameters
    ----------
    n_features, hidden : int
        Features per step, and length of the state.
    """

    def __init__(self, n_features: int, hidden: int) -> None:
        super().__init__()
        self.gru = nn.GRU(n_features, hidden, batch_first=True)

    def forward(self, x_BTF: Tensor, n_steps_B: Tensor) -> Tensor:
        """Return states (B, hidden); steps after ``n_steps_B`` (at least 1) are never seen."""
        packed = pack_padded_sequence(x_BTF, n_steps_B, batch_first=True, enforce_sorted=False)
        return self.gru(packed)[1][-1]


class AdmissionModel(nn.Module):
    """One class for the four published networks; ``config.branches`` says which parts it has.

    Parameters
    ----------
    encoder : Encoder
        Pretrained; of the very class that was pretrained.
    settings : EncoderConfig
        How the encoder behaves.
    config : ModelConfig
        The network.
    n_static : int
        Static features S.

    Raises
    ------
    ConfigError
        A part of an encoder is to be trained that has no parts.
    """

    def __init__(
        self, encoder: Encoder, settings: EncoderConfig, config: ModelConfig, n_static: int
    ) -> None:
        super().__init__()
        self.settings, self.config, self.stages = settings, config, encoder.stages
        if "ecg" in config.branches and config.unfreeze not in ("all", "none", *self.stages):
            raise ConfigError(
                f"unfreeze is {config.unfreeze}, which encoder {settings.architecture} has not",
                remedy="set it to all or none: an encoder of your own is trained as a whole",
            )
        joined = 0
        if "ecg" in config.branches:
            self.encoder = encoder
            self.adapter = nn.Linear(encoder.embedding, encoder.embedding)
            if config.branches == ("ecg",):
                nn.init.kaiming_normal_(self.adapter.weight)
            self.ecg_gru = LastState(encoder.embedding + 1, config.gru_hidden)
            joined += config.gru_hidden
        if "vitals" in config.branches:
            self.vitals_gru = LastState(N_VITALS, config.gru_hidden)
            joined += config.gru_hidden
        if "static" in config.branches:
            self.static = nn.Sequential(nn.Linear(n_static, config.static_hidden), nn.ReLU())
            joined += config.static_hidden
        self.head = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(joined, 1))
        if "ecg" in config.branches:
            for stage in self.stages:
                encoder.get_submodule(stage).requires_grad_(stage not in self.frozen_stages)

    @property
    def frozen_stages(self) -> tuple[str, ...]:
        """Stages of the encoder that get no gradients, in order."""
        stages, unfreeze = self.stages, self.config.unfreeze
        if unfreeze == "all":
            with_stem = self.settings.stem != "frozen" or len(stages) == 1
            return () if with_stem else stages[:1]
        return tuple(stage for stage in stages if stage != unfreeze)

    @property
    def first_changing_stage(self) -> str:
        """The first stage whose output for an ECG differs between passes.

        All before it can be computed once per ECG. ``"embedding"`` when no stage changes.
        """
        if self.settings.frozen_batchnorm == "train" or self.settings.padding == "encoded":
            return self.stages[0]
        changing = [stage for stage in self.stages if stage not in self.frozen_stages]
        return changing[0] if changing else "embedding"

    def train(self, mode: bool = True) -> AdmissionModel:
        """Set the mode, except that frozen stages stay in eval mode.

        Otherwise their batch normalisation would drift although their weights do not.
        """
        super().train(mode)
        if "ecg" in self.config.branches and self.settings.frozen_batchnorm == "eval":
            for stage in self.frozen_stages:
                self.encoder.get_submodule(stage).eval()
        return self

    def forward(self, batch: Batch, start: str = "") -> Tensor:
        """Return the logit of admission of each stay, (B,).

        Parameters
        ----------
        batch : Batch
            Inputs.
        start : str
            The stage of the encoder that ``batch.ecgs`` enter; empty: the first.
        """
        parts = []
        if batch.ecgs is not None:
            parts.append(self._ecg_state(batch, start))
        if batch.vitals is not None:
            parts.append(self.vitals_gru(batch.vitals, batch.n_vitals))
        if batch.static is not None:
            parts.append(self.static(batch.static))
        return self.head(torch.cat(parts, dim=1)).squeeze(1)

    def _ecg_state(self, batch: Batch, start: str) -> Tensor:
        """Encode each distinct ECG once, put the embeddings in their places, run the GRU."""
        assert batch.ecgs is not None and batch.ecg_index is not None
        assert batch.hours is not None and batch.n_ecgs is not None
        ecgs, index_BT = batch.ecgs, batch.ecg_index.clamp(min=0)
        if self.settings.padding == "encoded":
            longest = processes.whole_greatest(batch.n_ecgs.max().to(ecgs.device))
            steps_T = torch.arange(index_BT.shape[1], device=ecgs.device)
            empty_BT = (batch.ecg_index < 0) & (steps_T < longest)
            n_empty = int(empty_BT.sum())
            empty = torch.arange(len(ecgs), len(ecgs) + n_empty, device=ecgs.device)
            index_BT = index_BT.masked_scatter(empty_BT, empty)
            ecgs = torch.cat([ecgs, ecgs.new_zeros(n_empty, *ecgs.shape[1:])])
        h_NE = self.adapter(self._encode(ecgs, start))
        # A lookup, not h_NE[index_BT]: its gradient adds up in a fixed order.
        h_BTE = nn.functional.embedding(index_BT, h_NE)
        steps_BTF = torch.cat([h_BTE, batch.hours.unsqueeze(2)], dim=2)
        return self.ecg_gru(steps_BTF, batch.n_ecgs)

    def _encode(self, ecgs: Tensor, start: str) -> Tensor:
        with mixed_precision(ecgs.device):
            whole = start in ("", self.stages[0])
            h_NE = self.encoder(ecgs) if whole else self.encoder.onward(start, ecgs)
        return h_NE.float()

    def parameter_groups(self) -> list[dict[str, Any]]:
        """Return the optimiser's groups: head, adapter, and the trained stages of the encoder."""
        parts: dict[str, list[nn.Module]] = {
            "head": [
                self.get_submodule(name)
                for name in ("ecg_gru", "vitals_gru", "static", "head")
                if hasattr(self, name)
            ]
        }
        if "ecg" in self.config.branches:
            parts["adapter"] = [self.adapter]
            stages = [stage for stage in self.stages if stage not in self.frozen_stages]
            if self.settings.stem == "forgotten" and "stem" in stages:
                stages.remove("stem")
            parts |= {stage: [self.encoder.get_submodule(stage)] for stage in stages}
        # What has no stages learns at the rate of our last one, which is next to the adapter, too.
        rates = {WHOLE: self.config.learning_rate.get(STAGES[-1]), **self.config.learning_rate}
        return [
            {
                "name": name,
                "params": [p for module in modules for p in module.parameters()],
                "lr": rates[name],
            }
            for name, modules in parts.items()
        ]


def reset_shortcuts(encoder: Encoder) -> None:
    """Draw the shortcut projections anew, as when their names differ and loading is not strict."""
    for shortcut in encoder.shortcuts():
        for module in shortcut:
            if isinstance(module, nn.Conv2d | nn.BatchNorm2d):
                module.reset_parameters()
