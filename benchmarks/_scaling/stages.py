"""The stages whose cost is measured, and how much MIMIC-IV has of what drives them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A rule, or a table of the rule that ingests tables."""

    system: str
    name: str
    driver: str
    """What the cost grows with: a table, or a count of ``Counts``."""
    split: str = ""
    """``shards`` or ``groups`` when each job sees such a part of the driver, else empty."""
    outputs: tuple[str, ...] = ()
    """Patterns of its files below ``results``."""
    benchmark: str = ""
    """Pattern of its benchmark files below ``results/benchmarks``."""
    mapped: bool = False
    """Whether it maps files into memory, which the system takes back when it must."""
    log: str = ""
    """Of a training or a search, below ``results/logs``: the times of its epochs or points."""
    unit: str = "epoch"
    """What the log has a line for."""
    repeats: int = 1
    """Jobs per part of the driver: protocols."""
    beyond: float = 0.0
    """Up to this count a job computes otherwise than with more; no law is fitted there."""

    @property
    def rule(self) -> str:
        """The name of the rule."""
        return self.name.split()[0]


def _table(system: str, table: str) -> Stage:
    return Stage(
        system,
        f"ingest_table {table}",
        table,
        outputs=(f"tables/{table}/*",),
        benchmark=f"ingest_table/{table.replace('/', '_')}.tsv",
    )


def _rule(
    system: str, name: str, driver: str, outputs: str = "", split: str = "", **more: object
) -> Stage:
    pattern = f"{name}/*.tsv" if split or "repeats" in more else f"{name}.tsv"
    found = {"benchmark": pattern, **more}
    return Stage(system, name, driver, split, tuple(outputs.split()), **found)  # type: ignore[arg-type]


def _features(concept: str, driver: str) -> Stage:
    return _rule(
        "admission",
        f"extract_concept {concept}",
        driver,
        f"features/{concept}/*.parquet",
        "shards",
        benchmark=f"extract_concept/{concept}_*.tsv",
    )


_ARREST = "groups"
# Fine-tuning keeps what the frozen stages make of an ECG, 64 channels of 63 values in float32 with
# the default encoder, as long as it fits into 1000 MB; beyond, each pass computes it anew.
_CACHED_ECGS = 1000e6 / (64 * 63 * 4)
# With copies of recordings in all folds boosting takes all its rounds.
_UNCOPIED_EPOCHS = 5000
STAGES = (
    *(
        _table("admission", f"hosp/{name}")
        for name in ("patients", "admissions", "labevents", "prescriptions", "diagnoses_icd")
    ),
    *(
        _table("admission", f"ed/{name}")
        for name in ("edstays", "triage", "vitalsign", "pyxis", "medrecon")
    ),
    *(_table("admission", f"ecg/{name}") for name in ("record_list", "machine_measurements")),
    _rule("admission", "build_manifest", "hosp/labevents", "manifest.json"),
    _rule(
        "admission",
        "build_ecg_store",
        "ecg/record_list",
        "ecg/store/* ecg/excluded/*",
        "shards",
    ),
    _rule("admission", "collect_ecg_records", "ecg/record_list", "ecg/*.parquet ecg/excluded.csv"),
    _rule("admission", "build_cohort", "ed/edstays", "cohort/[!s]* cohort/stays.parquet"),
    _rule("admission", "split_patients", "stays", "cohort/spine.parquet"),
    _rule("admission", "build_gsn_etc", "ed/medrecon", "features/gsn_etc.parquet"),
    _features("ed_stay", "stays"),
    _features("prior_stays", "ed/edstays"),
    _features("ed_medications", "ed/pyxis"),
    _features("medication_history", "hosp/prescriptions"),
    _features("diagnosis_history", "hosp/diagnoses_icd"),
    _features("ed_labs", "hosp/labevents"),
    _features("vitalsigns", "ed/vitalsign"),
    _rule("admission", "assemble_static_features", "stays", "final_ecgs.parquet"),
    _rule("admission", "assemble_vitals", "stays", "vitals_long_cleaned.parquet"),
    _rule("admission", "build_pretraining_targets", "ecg/record_list", "pretraining_ecgs.parquet"),
    _rule(
        "admission",
        "pretrain_encoder",
        "ecg/record_list",
        "pretrained_model.pth",
        mapped=True,
        log="pretrain_encoder.log",
    ),
    _rule(
        "admission",
        "train_model",
        "ECGs of stays",
        "all_stays_model.pth admission/all_stays_model/*",
        mapped=True,
        log="train_model/all_stays_model.log",
        beyond=_CACHED_ECGS,
        benchmark="train_model/all_stays_model.tsv",
    ),
    _rule(
        "admission",
        "fit_baseline random_forest",
        "stays",
        "admission/random_forest_all/*",
        benchmark="fit_baseline/random_forest_all.tsv",
    ),
    _rule(
        "admission",
        "fit_lightgbm",
        "stays",
        "admission/lightgbm_all/*",
        benchmark="fit_baseline/lightgbm_all.tsv",
    ),
    *(_table("mortality", f"hosp/{name}") for name in ("procedures_icd",)),
    _table("mortality", "icu/icustays"),
    _rule(
        "mortality",
        "build_manifest mortality",
        "coded rows",
        "mortality/manifest.json",
        benchmark="mortality/build_manifest.tsv",
    ),
    _rule("mortality", "build_icu_cohort", "icu/icustays", "mortality/stays.parquet"),
    _rule("mortality", "split_icu_patients", "index stays", "mortality/spine.parquet"),
    _rule("mortality", "label_deaths", "index stays", "mortality/*/spine.parquet", repeats=2),
    _rule(
        "mortality",
        "extract_visit_codes",
        "coded rows",
        "mortality/*/visits/*",
        "shards",
        repeats=2,
    ),
    _rule("mortality", "fit_embedding", "coded rows", "mortality/*/med2vec.kv*", repeats=2),
    _rule("mortality", "build_sequences", "coded rows", "mortality/*/sequences.npz", repeats=2),
    *(
        _rule(
            "mortality",
            f"train_visit_network {name}",
            "index stays",
            f"mortality/audited/{name}.pth",
            log=f"train_visit_network/audited_{name}.log",
            benchmark=f"train_visit_network/audited_{name}.tsv",
        )
        for name in ("lstm", "gru", "bilstm")
    ),
    *(
        _rule(
            "mortality",
            f"fit_bag_of_codes {name}",
            "index stays",
            f"mortality/audited/{name}.pth",
            benchmark=f"fit_bag_of_codes/audited_{name}.tsv",
        )
        for name in ("logistic_regression", "lightgbm")
    ),
    _rule("arrest", "scan_recordings", "recordings", "arrest/recordings/*", _ARREST),
    _rule("arrest", "build_arrest_cohort", "recordings", "arrest/stays.parquet"),
    _rule("arrest", "split_arrest_patients", "recordings", "arrest/spine.parquet"),
    _rule("arrest", "plan_epochs", "planned epochs", "arrest/epochs.parquet"),
    _rule("arrest", "measure_hrv", "kept epochs", "arrest/hrv_epochs/*", _ARREST),
    _rule("arrest", "measure_vitals", "kept epochs", "arrest/clinical_epochs/*", _ARREST),
    *(
        _rule(
            "arrest",
            f"{rule} {model}",
            "kept epochs",
            f"arrest/{model}/{outputs}",
            benchmark=f"{rule}/{model}.tsv",
            log=log.format(model),
            unit="point",
            beyond=_UNCOPIED_EPOCHS if rule in ("tune_arrest_model", "fit_arrest_model") else 0.0,
        )
        for model in ("hrv", "clinical")
        for rule, outputs, log in (
            ("gather_features", "features.parquet", ""),
            ("select_features", "selected_features.csv", ""),
            ("tune_arrest_model", "best_params.json", "tune_arrest_model/{}.log"),
            ("fit_arrest_model", "[mcp]*", ""),
        )
    ),
)


# What MIMIC-IV has: rows of hosp and icu 3.1, ed 2.2, ecg 1.0. Assumed, since only a run on the
# data can count: stays are the 30,421 published patients times the 2.07 stays that a patient has
# in the department, with 1.6 ECGs; nine in ten of 65,366 ICU patients survive. Of bedside
# recordings MIMIC-IV has released 200 only: those of arrest are as many as the published hospital
# had (6,982 stays, 774,059 kept epochs), with 288 epochs planned for each stay.
MIMIC = {
    "hosp/patients": 364_627,
    "hosp/admissions": 546_028,
    "hosp/labevents": 158_374_764,
    "hosp/prescriptions": 20_292_611,
    "hosp/diagnoses_icd": 6_364_488,
    "hosp/procedures_icd": 859_655,
    "icu/icustays": 94_458,
    "ed/edstays": 425_087,
    "ed/triage": 425_087,
    "ed/vitalsign": 1_564_610,
    "ed/pyxis": 1_586_053,
    "ed/medrecon": 2_987_342,
    "ecg/record_list": 800_035,
    "ecg/machine_measurements": 800_035,
    "coded rows": 27_516_754,
    "stays": 63_000,
    "ECGs of stays": 100_000,
    "index stays": 58_000,
    "recordings": 6_982,
    "planned epochs": 6_982 * 288,
    "kept epochs": 774_059,
}
# Of presets/mimic-iv.yaml: epochs of the networks, how many networks there are of a kind, trees of
# each round of Boruta where 100 were measured, points of the search.
TIMES = {
    "pretrain_encoder, one pass": 10,
    "train_model, without passes": 4,
    "train_model, one pass": 4 * 20,
    "fit_baseline random_forest": 2,
    "fit_lightgbm": 2,
    **{f"train_visit_network {name}, one pass": 6 * 10 for name in ("lstm", "gru", "bilstm")},
    **{f"train_visit_network {name}, without passes": 2 for name in ("lstm", "gru", "bilstm")},
    **{f"fit_bag_of_codes {name}": 2 for name in ("logistic_regression", "lightgbm")},
    **{f"select_features {model}": 5 for model in ("hrv", "clinical")},
    **{f"tune_arrest_model {model}, one point": 53 for model in ("hrv", "clinical")},
}
