"""The recurrent networks over visits; architecture only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Section ``mortality.networks.<name>`` of the configuration."""

    cell: Literal["lstm", "gru"]
    """Kind of recurrent cell."""
    bidirectional: bool
    """Whether a second cell reads the visits from the last to the first."""
    hidden: int
    """Hidden units, each way."""
    dropout: float
    """Before the last layer."""
    empty_visits: Literal["read", "skipped"]
    """Whether a visit without any vector is a step of zeros, or none, as Keras' Masking(0.0)."""


class VisitNetwork(nn.Module):
    """A recurrent cell over visit vectors, dropout, one linear layer.

    Parameters
    ----------
    config : NetworkConfig
        Of the cell.
    dimensions : int
        Of a visit vector.

    Notes
    -----
    PyTorch's cells have two biases per gate where Keras has one: an LSTM(64) on 100 dimensions
    has 42,496 parameters here and 42,240 there.
    """

    def __init__(self, config: NetworkConfig, dimensions: int) -> None:
        super().__init__()
        cell = {"lstm": nn.LSTM, "gru": nn.GRU}[config.cell]
        self.recurrent = cell(dimensions, config.hidden, bidirectional=config.bidirectional)
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.hidden * (2 if config.bidirectional else 1), 1)
        self.skips = config.empty_visits == "skipped"

    def forward(self, visits: PackedSequence) -> Tensor:
        """Return the logit of each stay, (stays,)."""
        any_visit = None
        if self.skips:
            visits, any_visit = without_empty(visits)
        _, state = self.recurrent(visits)
        hidden = state[0] if isinstance(state, tuple) else state  # an LSTM has a cell state too
        last = torch.cat(list(hidden), dim=-1)  # (directions, stays, hidden) side by side
        if any_visit is not None:
            last = last * any_visit[:, None]
        return self.head(self.dropout(last)).squeeze(-1)


def without_empty(visits: PackedSequence) -> tuple[PackedSequence, Tensor]:
    """Return the visits that have a vector, and whether a stay has any, (stays,).

    A stay without any keeps one empty visit, as a sequence has at least one; its state is to be
    what it is before the first visit, zero.
    """
    padded, _ = pad_packed_sequence(visits)  # (visits, stays, dimensions), empty behind the last
    full = (padded != 0).any(dim=-1)
    order = (~full).int().argsort(dim=0, stable=True)
    closed_up = padded.gather(0, order[..., None].expand_as(padded))
    n_full = full.sum(dim=0)
    kept = pack_padded_sequence(closed_up, n_full.clamp(min=1).cpu(), enforce_sorted=False)
    return kept, n_full > 0


def n_parameters(model: nn.Module) -> int:
    """Return the number of trained parameters, as PyTorch counts them."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
