"""The four GRU variants and their baselines, on the same patients, each in a job of its own.

INPUTS   results/final_ecgs.parquet, results/vitals_long_cleaned.parquet, results/ecg/store, results/pretrained_model.pth
OUTPUTS  results/{model}.pth, the published result files, results/admission/comparison.csv
STEPS    train, baselines, result files per model and combined, comparison
"""

BASELINES = [f"{kind}_{subset}" for kind in config["baselines"] for subset in ("all", "multi")]
# Everything that is scored, with the subset of stays that it is scored on.
COMPARED = {
    **{name: model["stays"] for name, model in config["models"].items()},
    **{name: name.rpartition("_")[2] for name in BASELINES},
}
# The folders of published result files, before "{subset}_performance", and whose they are.
PUBLISHED_FOLDERS = {
    **protocols.PUBLISHED_MODELS,
    "rf_": {"all": "random_forest_all", "multi": "random_forest_multi"},
}
# All that the admission system makes.
ADMISSION_FILES = [
    "results/admission/comparison.csv",
    *collect("results/{subset}_performance/{subset}_stays_roc.png", subset=["all", "multi"]),
    *collect(
        "results/outputs/gru/{subset}_performance/{subset}_stays_roc.png", subset=["all", "multi"]
    ),
    *collect("results/{folder}combined_performance/combined_roc.png", folder=["", "outputs/gru/"]),
]


# What there is to see of the main model before any other is fitted.
MAIN = protocols.EVERYTHING
FIRST_FILES = [
    f"results/{MAIN}.pth",
    f"results/admission/{MAIN}/comparison.csv",
    "results/all_performance/all_stays_roc.png",
]


wildcard_constraints:
    kind="|".join(config["baselines"]),
    model="|".join(config["models"]),
    subset="all|multi",
    network="|outputs/gru/",


def multimodal(path):
    """An input function: the path for the multimodal model of the rule's subset."""

    def path_of_subset(wildcards):
        return path.format(model=PUBLISHED_FOLDERS[""][wildcards.subset], **dict(wildcards.items()))

    return path_of_subset


rule train_model:
    """One variant: its branches and stays are in the configuration; validation patients stop it."""
    input:
        final_ecgs=at("final_ecgs.parquet"),
        gsn_etc=at("features/gsn_etc.parquet"),
        vitals=at("vitals_long_cleaned.parquet"),
        cohort_ecgs=at("cohort/ecgs.parquet"),
        spine=at("cohort/spine.parquet"),
        stores=at(shards("ecg/store/{shard}.npy")),
        indices=at(shards("ecg/store/{shard}.parquet")),
        pretrained=at("pretrained_model.pth"),
        network=network_files,
        code=sources("admission.training", "admission.inputs", "evaluation.study"),
    output:
        weights="results/{scenario}{model}.pth",
        predictions="results/{scenario}admission/{model}/predictions.parquet",
        history="results/{scenario}admission/{model}/history.csv",
        confusion="results/{scenario}admission/{model}/confusion.csv",
        config="results/{scenario}admission/{model}/config.yaml",
    log:
        "results/{scenario}logs/train_model/{model}.log",
    benchmark:
        "results/{scenario}benchmarks/train_model/{model}.tsv"
    conda:
        "../envs/gpu.yaml"
    threads: DEVICES
    resources:
        mem_mb=memory(4000),
        runtime="1d",
        gpu=DEVICES,
        save_minutes=config["computing"]["save_minutes"],
    params:
        computing=COMPUTING,
        model=setting("models/{model}"),
        encoder=setting("encoder"),
        preprocessing=chosen(
            features=["acuity_median", "outliers"],
            vitals=["imputer_rows", "max_rows"],
            split=["stopping", "multi"],
        ),
        threshold=setting("evaluation/threshold"),
        seed=setting("seed/weights"),
        study=study("admission"),
    script:
        "../workflow/scripts/train_model.py"


rule fit_baseline:
    """A random forest on the static features of the same patients."""
    input:
        final_ecgs=at("final_ecgs.parquet"),
        spine=at("cohort/spine.parquet"),
        code=sources("admission.baselines"),
    output:
        predictions="results/{scenario}admission/{kind}_{subset}/predictions.parquet",
        importance="results/{scenario}admission/{kind}_{subset}/importance.csv",
        config="results/{scenario}admission/{kind}_{subset}/config.yaml",
    log:
        "results/{scenario}logs/fit_baseline/{kind}_{subset}.log",
    benchmark:
        "results/{scenario}benchmarks/fit_baseline/{kind}_{subset}.tsv"
    wildcard_constraints:
        kind="|".join(kind for kind in config["baselines"] if kind != "lightgbm"),
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        options=setting("baselines/{kind}"),
        acuity_median=setting("features/acuity_median"),
        split=chosen(split=["stopping", "multi"]),
        seed=setting("seed/weights"),
    script:
        "../workflow/scripts/fit_baseline.py"


# LightGBM has a format of text, so that the model is kept too.
use rule fit_baseline as fit_lightgbm with:
    output:
        predictions="results/{scenario}admission/{kind}_{subset}/predictions.parquet",
        importance="results/{scenario}admission/{kind}_{subset}/importance.csv",
        config="results/{scenario}admission/{kind}_{subset}/config.yaml",
        model="results/{scenario}admission/{kind}_{subset}/model.txt",
    wildcard_constraints:
        kind="lightgbm",


rule write_performance:
    """The published result files of the multimodal models: weights, curves, passes, confusion, figures."""
    input:
        checkpoint=multimodal("results/{model}.pth"),
        predictions=multimodal("results/admission/{model}/predictions.parquet"),
        history=multimodal("results/admission/{model}/history.csv"),
        confusion=multimodal("results/admission/{model}/confusion.csv"),
        code=sources("admission.published"),
    output:
        checkpoint="results/{subset}_performance/{subset}_stays_best_model.pth",
        curves="results/{subset}_performance/{subset}_stays_roc_prc_data.npz",
        metrics="results/{subset}_performance/{subset}_stays_metrics.csv",
        confusion="results/{subset}_performance/{subset}_stays_confusion.csv",
        loss="results/{subset}_performance/{subset}_stays_loss.png",
        confusion_figure="results/{subset}_performance/{subset}_stays_confusion.png",
        roc="results/{subset}_performance/{subset}_stays_roc.png",
        prc="results/{subset}_performance/{subset}_stays_prc.png",
    log:
        "results/logs/write_performance/{subset}.log",
    benchmark:
        "results/benchmarks/write_performance/{subset}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        style="multimodal",
        title="Multimodal",
        threshold=lookup("evaluation/threshold", within=config),
        positive_class=lookup("cohort/positive_class", within=config),
        study=study("admission"),
    script:
        "../workflow/scripts/write_performance.py"


use rule write_performance as write_ecg_only_performance with:
    input:
        checkpoint="results/{subset}_stays_ECGonly.pth",
        predictions="results/admission/{subset}_stays_ECGonly/predictions.parquet",
        history="results/admission/{subset}_stays_ECGonly/history.csv",
        confusion="results/admission/{subset}_stays_ECGonly/confusion.csv",
        code=sources("admission.published"),
    output:
        checkpoint="results/outputs/gru/{subset}_performance/{subset}_stays_best.pth",
        curves="results/outputs/gru/{subset}_performance/{subset}_stays_roc_prc.npz",
        final_curves="results/{subset}_stays_ECGonly_ROCPRC.npz",
        metrics="results/outputs/gru/{subset}_performance/{subset}_stays_metrics.csv",
        confusion="results/outputs/gru/{subset}_performance/{subset}_stays_confusion.csv",
        loss="results/outputs/gru/{subset}_performance/{subset}_stays_loss.png",
        confusion_figure="results/outputs/gru/{subset}_performance/{subset}_stays_confusion.png",
        roc="results/outputs/gru/{subset}_performance/{subset}_stays_roc.png",
        prc="results/outputs/gru/{subset}_performance/{subset}_stays_prc.png",
    log:
        "results/logs/write_ecg_only_performance/{subset}.log",
    benchmark:
        "results/benchmarks/write_ecg_only_performance/{subset}.tsv"
    params:
        style="ecg_only",
        title="ECG-only",
        threshold=lookup("evaluation/threshold", within=config),
        positive_class=lookup("cohort/positive_class", within=config),
        study=study("admission"),


rule combine_performance:
    """Both multimodal models in one figure and one file of curves."""
    input:
        all_stays="results/admission/all_stays_model/predictions.parquet",
        multi_stays="results/admission/multiple_ECG_stays_model/predictions.parquet",
        code=sources("admission.published"),
    output:
        curves="results/combined_performance/combined_roc_prc_data.npz",
        final_curves="results/All_features_ROCPRC_data.npz",
        roc=report(
            "results/combined_performance/combined_roc.png",
            caption="../workflow/report/admission/combined.rst",
            category="admission",
            labels={"figure": "ROC curves, multimodal models"},
        ),
        prc=report(
            "results/combined_performance/combined_prc.png",
            caption="../workflow/report/admission/combined.rst",
            category="admission",
            labels={"figure": "precision-recall curves, multimodal models"},
        ),
    log:
        "results/logs/combine_performance.log",
    benchmark:
        "results/benchmarks/combine_performance.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        title="Multimodal models",
        study=study("admission"),
    script:
        "../workflow/scripts/combine_performance.py"


use rule combine_performance as combine_ecg_only_performance with:
    input:
        all_stays="results/admission/all_stays_ECGonly/predictions.parquet",
        multi_stays="results/admission/multi_stays_ECGonly/predictions.parquet",
        code=sources("admission.published"),
    output:
        curves="results/outputs/gru/combined_performance/combined_roc_prc_data.npz",
        roc=report(
            "results/outputs/gru/combined_performance/combined_roc.png",
            caption="../workflow/report/admission/combined.rst",
            category="admission",
            labels={"figure": "ROC curves, ECG-only models"},
        ),
        prc=report(
            "results/outputs/gru/combined_performance/combined_prc.png",
            caption="../workflow/report/admission/combined.rst",
            category="admission",
            labels={"figure": "precision-recall curves, ECG-only models"},
        ),
    log:
        "results/logs/combine_ecg_only_performance.log",
    benchmark:
        "results/benchmarks/combine_ecg_only_performance.tsv"
    params:
        title="ECG-only models",
        study=study("admission"),


rule compare_models:
    """All models and baselines on their test patients, beside the published scores."""
    input:
        predictions=collect("results/admission/{name}/predictions.parquet", name=COMPARED),
        code=sources("evaluation.comparison"),
    output:
        table=report(
            "results/admission/comparison.csv",
            caption="../workflow/report/admission/comparison.rst",
            category="admission",
            labels={"table": "comparison of all models"},
        ),
        figure=report(
            "results/admission/comparison.png",
            caption="../workflow/report/admission/comparison.rst",
            category="admission",
            labels={"figure": "comparison of all models"},
        ),
    log:
        "results/logs/compare_models.log",
    benchmark:
        "results/benchmarks/compare_models.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(2000),
        runtime="30m",
    params:
        subsets=COMPARED,
        threshold=lookup("evaluation/threshold", within=config),
        study=study("admission"),
    script:
        "../workflow/scripts/compare_models.py"


use rule compare_models as compare_main_model with:
    input:
        predictions=[f"results/admission/{MAIN}/predictions.parquet"],
        code=sources("evaluation.comparison"),
    output:
        table=f"results/admission/{MAIN}/comparison.csv",
        figure=f"results/admission/{MAIN}/comparison.png",
    log:
        "results/logs/compare_main_model.log",
    benchmark:
        "results/benchmarks/compare_main_model.tsv"
    params:
        subsets={MAIN: COMPARED[MAIN]},
        threshold=lookup("evaluation/threshold", within=config),
        study=study("admission"),
