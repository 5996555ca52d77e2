"""The recurrent networks over visits; architecture only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Section ``mortality.networks.<name>`` of the configuration."""

    cell: Literal["lstm", "gru"]
    """Kind of recurrent cell."""
    bidirectional: bool = False
    """Whether a second cell reads the visits from the last to the first."""
    hidden: int = 64
    """Hidden units, each way."""
    dropout: float = 0.3
    """Before the last layer."""


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

    def forward(self, visits: PackedSequence) -> Tensor:
        """Return the logit of each stay, (stays,)."""
        _, state = self.recurrent(visits)
        hidden = state[0] if isinstance(state, tuple) else state  # an LSTM has a cell state too
        last = torch.cat(list(hidden), dim=-1)  # (directions, stays, hidden) side by side
        return self.head(self.dropout(last)).squeeze(-1)


def n_parameters(model: nn.Module) -> int:
    """Return the number of trained parameters, as PyTorch counts them."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
