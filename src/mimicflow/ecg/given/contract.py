"""What an encoder of one's own was trained on: a YAML file beside its weights, checked before use.

Nothing is converted here: where the contract asks for other waveforms than the configuration
makes, it says which keys to set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from mimicflow.ecg.records import LEADS
from mimicflow.errors import ConfigError
from mimicflow.learning.configs import parse
from mimicflow.running.configuration import not_finite, read_yaml

RESNET = "resnet1d"
"""Our network, ``mimicflow.ecg.resnet.ResNet1d``."""
NONE = "none"
UNIT = "mV"
"""Of the waveforms of the store."""
HOW_TO = "docs/how-to/own-encoder.md"
DESCRIBE = "run mimicflow encoder describe on the weights"
OF_STORE = ("sampling_rate", "seconds", "cleaning", "powerline")
"""What the waveforms are made by, as the section ``ecg`` of the configuration calls it."""
OF_RESNET = ("width", "depth")
GOLDEN = ("golden_norm", "golden_first")
"""Both, or `mimicflow encoder describe` makes them."""
MEASURED = frozenset({"sha256", "tolerance", *GOLDEN})
"""What ``mimicflow encoder describe`` adds to the rest."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """What goes into an encoder and what comes out."""

    architecture: str
    """``resnet1d``, or ``FILE.py:CLASS`` of one's own."""
    width: int | None = None
    """Of ``resnet1d``: channels of the stem."""
    depth: tuple[int, ...] | None = None
    """Of ``resnet1d``: residual blocks of the four stages."""
    sampling_rate: float
    """Hz."""
    seconds: float
    """Length of each ECG; shorter ones end in zeros."""
    leads: tuple[str, ...]
    """In their order."""
    unit: str
    """Of the waveforms; the store has mV."""
    cleaning: str
    """The filter: neurokit, notch or none."""
    powerline: float
    """Hz of the mains."""
    normalisation: str
    """Of each ECG before it enters; the store has none."""
    source: str
    """Where the weights are from, and whose ECGs taught them."""
    licence: str
    """Of the weights."""
    sha256: str
    """Of the file of weights."""
    tolerance: float
    """Share by which embeddings of the golden ECGs may differ; see `golden.difference`."""
    golden_norm: dict[str, float]
    """Golden ECG -> Euclidean norm of its embedding."""
    golden_first: dict[str, tuple[float, ...]]
    """Golden ECG -> the first numbers of its embedding."""

    def __post_init__(self) -> None:
        """Refuse numbers that no waveform is made with."""
        for name in ("sampling_rate", "seconds", "powerline", "tolerance"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}", remedy="give one above 0")
        if self.tolerance >= 1:
            raise ConfigError(
                f"tolerance is {self.tolerance}, which any embedding keeps",
                remedy="give one below 1",
            )


def contract_of(weights: str | Path) -> Path:
    """Return where the contract of a file of weights lies: beside it, with the ending ``.yaml``."""
    return Path(weights).with_suffix(".yaml")


def fault_of_file(file: str | Path) -> str:
    """Return what keeps a path from being a file of weights; empty if nothing does."""
    if Path(file).is_dir():
        return "is a folder, not a file"
    return "" if Path(file).is_file() else "is not there"


def name_of(architecture: str) -> str:
    """Return an architecture without the folder that it lies in."""
    return architecture.rpartition("/")[2]


def as_contract(keys: Mapping[str, Any], file: str | Path) -> Contract:
    """Return the contract that these keys make.

    Raises
    ------
    ConfigError
        A key is missing, unknown or of the wrong kind.
    """
    ours = keys.get("architecture", RESNET) == RESNET
    asked = [one.name for one in fields(Contract) if ours or one.name not in OF_RESNET]
    lacking = [name for name in asked if name not in keys]
    if lacking:
        remedy = f"write what it lacks into it, one line each; {HOW_TO}"
        if set(lacking) < set(GOLDEN):
            remedy = f"write both of {' and '.join(GOLDEN)}, or take both out and {DESCRIBE}"
        elif set(lacking) <= MEASURED:
            remedy = f"{DESCRIBE}, which adds it"
        raise ConfigError(f"lacks {', '.join(lacking)}", file=file, remedy=remedy)
    for path, value in not_finite(keys):
        raise ConfigError(
            f"{'.'.join(map(str, path))} is {value}, not a finite number",
            file=file,
            remedy="correct the number",
        )
    try:
        return parse(Contract, keys, "contract")
    except ConfigError as error:
        raise ConfigError(error.message, file=file, remedy=error.remedy) from error


def read_keys(file: str | Path) -> dict[str, Any]:
    """Return the keys of a contract as they are written; some may be missing.

    Raises
    ------
    ConfigError
        It is missing, or no YAML with keys.
    """
    if not Path(file).exists():
        raise ConfigError(
            "the weights have no contract beside them", file=file, remedy=f"{DESCRIBE}; {HOW_TO}"
        )
    content = read_yaml(file, f"see {HOW_TO}")
    if not isinstance(content, Mapping):
        raise ConfigError("is not a mapping of keys to values", file=file, remedy=f"see {HOW_TO}")
    return dict(content)


def disagreements(
    contract: Contract, ecg: Mapping[str, Any], encoder: Mapping[str, Any]
) -> Iterator[str]:
    """Yield a sentence for each line of a contract that the configuration does not keep.

    Parameters
    ----------
    contract : Contract
        Of the weights.
    ecg, encoder : mapping
        Configuration subtrees: how the waveforms are made, and the network.
    """
    for key in OF_STORE:
        if getattr(contract, key) != ecg[key]:
            yield _other(key, getattr(contract, key), f"ecg.{key}", ecg[key])
    yield from _not_of_the_store(contract)
    asked = encoder["architecture"]
    if contract.architecture != name_of(asked):
        yield _other("architecture", contract.architecture, "encoder.architecture", asked)
    elif asked == RESNET:
        for key in OF_RESNET:
            value = getattr(contract, key)
            value = list(value) if isinstance(value, Sequence) else value
            if value != encoder[key]:
                yield _other(key, value, f"encoder.{key}", encoder[key])


def _not_of_the_store(contract: Contract) -> Iterator[str]:
    """Yield what no key of the configuration changes, only a class of one's own."""
    for key, value, stored in (
        ("leads", ", ".join(contract.leads), ", ".join(LEADS)),
        ("unit", contract.unit, UNIT),
        ("normalisation", contract.normalisation, NONE),
    ):
        if value != stored:
            yield (
                f"'{key}' is {value}, but ECGs are stored as {stored}: "
                f"have a class of your own make the one of the other ({HOW_TO})"
            )


def _other(key: str, value: object, path: str, configured: object) -> str:
    shown = int(value) if isinstance(value, float) and value.is_integer() else value
    return (
        f"'{key}' is {shown}, but '{path}' is {configured}: "
        f"set {path} to {shown}, if you want these weights"
    )
