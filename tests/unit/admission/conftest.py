"""A tiny cohort on disk, in which taller ECGs and a faster heart mean admission."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mimicflow.admission.drugs import build_gsn_etc
from mimicflow.admission.inputs import VITALS, InputFiles, InputOptions
from mimicflow.admission.training import OutputFiles, train_model
from mimicflow.concepts import static_features
from mimicflow.ecg.pretraining import MEASUREMENTS, pretrain_encoder
from mimicflow.learning.devices import Machine

SAMPLES = 128
RATES = {"head": 3e-3, "adapter": 3e-3, "layer4": 1e-3, "layer3": 1e-3, "layer2": 1e-3}
RATES |= {"layer1": 1e-3, "stem": 1e-3}
MODEL: dict[str, Any] = {
    "stays": "all",
    "branches": ["ecg", "vitals", "static"],
    "unfreeze": "layer4",
    "gru_hidden": 8,
    "static_hidden": 8,
    "dropout": 0.3,
    "learning_rate": RATES,
    "learning_rate_decay": 0.9,
    "weight_decay": 1e-4,
    "pos_weight": "none",
    "batch_size": 16,
    "epochs": 2,
    "patience": 2,
    "calibration": "temperature",
}
SIZE: dict[str, Any] = {"width": 8, "depth": [1, 1, 1, 1]}
ENCODER: dict[str, Any] = {
    **SIZE,
    "shortcuts": "pretrained",
    "frozen_batchnorm": "eval",
    "padding": "packed",
    "stem": "frozen",
}


@dataclass(frozen=True)
class Hospital:
    """The files of the tiny cohort."""

    files: InputFiles
    store: tuple[list[Path], list[Path]]
    pretrained: Path

    def with_table(self, name: str, frame: pd.DataFrame, folder: Path) -> "Hospital":
        """The same hospital with one table replaced."""
        path = folder / f"{name}.parquet"
        frame.to_parquet(path)
        return replace(self, files=replace(self.files, **{name: path}))

    def train(
        self,
        folder: Path,
        model: dict[str, Any] | None = None,
        encoder: dict[str, Any] | None = None,
        options: InputOptions | None = None,
        **more: Any,
    ) -> OutputFiles:
        """Train with a few settings changed."""
        folder.mkdir(exist_ok=True, parents=True)
        outputs = OutputFiles(
            weights=folder / "model.pth",
            predictions=folder / "predictions.parquet",
            history=folder / "history.csv",
            confusion=folder / "confusion.csv",
            config=folder / "config.yaml",
        )
        train_model(
            "tiny",
            model=MODEL | (model or {}),
            encoder=ENCODER | (encoder or {}),
            options=options or InputOptions(),
            threshold=0.5,
            inputs=self.files,
            pretrained=self.pretrained,
            store=self.store,
            outputs=outputs,
            seed=0,
            **{"machine": Machine(), "smallest": 0, **more},
        )
        return outputs


def _static(stays: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    reference = static_features()
    static = {"stay_id": stays["stay_id"]}
    for name, kind, group in reference[["name", "kind", "group"]].itertuples(index=False):
        if kind == "numeric":
            values = generator.normal(5, 2, len(stays))
            if group == "labs":
                values[generator.random(len(stays)) < 0.5] = np.nan
        else:
            values = generator.integers(0, 2, len(stays))
        static[name] = values
    frame = pd.DataFrame(static)
    frame["acuity"] = generator.integers(1, 6, len(stays)).astype(float)
    frame.loc[frame.index % 7 == 0, "acuity"] = np.nan
    frame["missing_acuity"] = frame["acuity"].isna().astype(int)
    return frame


def _vitals(stays: pd.DataFrame, generator: np.random.Generator) -> pd.DataFrame:
    rows = []
    for stay in stays.itertuples():
        for source in range(1, 2 + stay.stay_id % 4):
            time = pd.NaT if source == 1 else stay.intime + pd.Timedelta(minutes=20 * source)
            row = {"stay_id": stay.stay_id, "source": source, "charttime": time}
            row |= dict(zip(VITALS, generator.normal(90, 9, 6), strict=True))
            row["heartrate"] += 20 * stay.label
            if source % 2 == 0:
                row["sbp"] = np.nan
            rows.append(row | {"pain": 3.0, "sleeping": 0, "uta": 0, "real_pain": 1})
    return pd.DataFrame(rows)


def _dictionary(folder: Path) -> Path:
    """The dictionary of drug classes, and its name in the attributes of the static features."""
    medrecon = pd.DataFrame({"subject_id": [10_000], "gsn": "4321", "etc_rn": 1, "etccode": "263"})
    medrecon.assign(etcdescription="Diuretics").to_parquet(folder / "medrecon.parquet")
    output = folder / "gsn_etc.parquet"
    options = {"drug_dictionary": "training"}
    build_gsn_etc(folder / "medrecon.parquet", folder / "spine.parquet", options, output)
    features = pd.read_parquet(folder / "final_ecgs.parquet")
    features.attrs = pd.read_parquet(output).attrs
    features.to_parquet(folder / "final_ecgs.parquet", index=False)
    return output


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory, write_store: Any) -> Hospital:
    folder = tmp_path_factory.mktemp("hospital")
    generator = np.random.default_rng(1)
    n = 72
    stays = pd.DataFrame({"stay_id": 30_000 + np.arange(n), "subject_id": 10_000 + np.arange(n)})
    stays["label"] = np.arange(n) % 2
    stays["intime"] = pd.Timestamp("2150-01-01")
    stays["prediction_time"] = stays["intime"] + pd.Timedelta(hours=2)
    stays["n_ecg"] = 1 + np.arange(n) // 2 % 3
    stays["split"] = np.repeat(["train", "validation", "test"], [48, 12, 12])

    ecgs = stays.loc[stays.index.repeat(stays["n_ecg"]), ["stay_id", "subject_id", "label"]]
    ecgs["position"] = ecgs.groupby("stay_id").cumcount() + 1
    ecgs["study_id"] = 40_000 + np.arange(len(ecgs))
    ecgs["readable"] = True
    ecgs["hours_before"] = 0.5 * (
        ecgs.groupby("stay_id")["position"].transform("max") - ecgs["position"]
    )
    waveforms = generator.normal(0, 0.2, (len(ecgs), 12, SAMPLES))
    waveforms[:, :, ::16] += 1 + ecgs["label"].to_numpy()[:, None, None]

    targets = ecgs[["study_id", "subject_id"]].copy()
    for name in MEASUREMENTS:
        targets[name] = generator.normal(size=len(ecgs))
    targets["tall"] = ecgs["label"] == 1
    paths = {}
    tables = {"spine": stays, "cohort_ecgs": ecgs, "final_ecgs": _static(stays, generator)}
    for name, table in {**tables, "vitals": _vitals(stays, generator), "targets": targets}.items():
        paths[name] = folder / f"{name}.parquet"
        table.to_parquet(paths[name], index=False)
    paths["gsn_etc"] = _dictionary(folder)
    (folder / "labels.json").write_text(json.dumps(["tall"]))
    store = write_store(folder, ecgs["study_id"].to_numpy(), waveforms)
    pretrain_encoder(
        paths.pop("targets"),
        folder / "labels.json",
        store,
        paths["spine"],
        **SIZE,
        pretraining={
            "patients": "without_test",
            "validation": 0.1,
            "bool_loss_weight": 0.9,
            "epochs": 1,
            "batch_size": 16,
            "learning_rate": 1e-3,
        },
        seed=0,
        machine=Machine(),
        output=folder / "pretrained.pth",
        history=folder / "loss.csv",
    )
    return Hospital(InputFiles(**paths), store, folder / "pretrained.pth")


@pytest.fixture(scope="session")
def fitted(hospital: Hospital, tmp_path_factory: pytest.TempPathFactory) -> OutputFiles:
    """The default model of the tiny cohort."""
    return hospital.train(tmp_path_factory.mktemp("fitted"))
