"""What a reader of the admission system gets: every fold pooled, and what drives a prediction.

INPUTS   results/scenarios/{name}: predictions, weights and histories of folds, ablations, defects; fitted models
OUTPUTS  results/admission/{protocol}/{member}/predictions.parquet, the published files of folds,
         results/admission/explanations, results/admission/price_of_defects.csv
STEPS    folds pooled, models fused, published files; importance per fold and over folds, integrated
         gradients, models without a branch, models under each published defect
"""

# Late fusion is the mean of two of the others.
FUSED = {f"late_fusion_{subset}": subset for subset in ("all", "multi")}
EVALUATED["admission"] = {
    "models": {**COMPARED, **FUSED},
    "predictions": "results/admission/{protocol}/{model}/predictions.parquet",
    "cohort": "results/cohort/spine.parquet",
    "row": "stay_id",
    "judged_by": "nested",
    "features": {
        "features": "results/final_ecgs.parquet",
        "vitals": "results/vitals_long_cleaned.parquet",
    },
    "predictors": lambda: len(static_features()),
    "main_model": protocols.EVERYTHING,
    "optimistic": protocols.optimistic(config),
}


wildcard_constraints:
    member="|".join(COMPARED),
    family="|rf_|outputs/gru/",
    fold="[0-9]+",


def prediction_of_scenario(name, model):
    """Where the predictions of a scenario lie: its own, or those of what it does not touch."""
    path = f"admission/{model}/predictions.parquet"
    return f"results/{SCENARIOS.folder(name, path)}{path}"


def predictions_of_folds(wildcards):
    """The predictions of a model in every fold of a protocol."""
    names = protocols.folds(wildcards.protocol, config)
    return [prediction_of_scenario(name, wildcards.member) for name in names]


def published_member(path):
    """An input function: the path for the model behind a folder of published result files."""

    def path_of_member(wildcards):
        folder = wildcards.get("family", wildcards.get("network"))
        member = PUBLISHED_FOLDERS[folder][wildcards.subset]
        return path.format(member=member, **{"fold": wildcards.get("fold")})

    return path_of_member


ABLATIONS = protocols.ablations(config)
# By row and model: the predictions under our rule and under the published one.
PRICED = {
    (row, model): tuple(
        prediction_of_scenario(name, model) for name in protocols.sides(row).values()
    )
    for row in protocols.priced_rows(config)
    for model in protocols.PRICED
}


rule pool_folds:
    """The predictions of all folds of a protocol: each stay out of fold, once."""
    input:
        predictions=predictions_of_folds,
        code=sources("evaluation.pooling"),
    output:
        "results/admission/{protocol}/{member}/predictions.parquet",
    log:
        "results/logs/pool_folds/{protocol}_{member}.log",
    benchmark:
        "results/benchmarks/pool_folds/{protocol}_{member}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    script:
        "../workflow/scripts/pool_folds.py"


rule fuse_models:
    """Late fusion: the mean of the multimodal model's and the random forest's probability."""
    input:
        multimodal=multimodal("results/admission/{protocol}/{model}/predictions.parquet"),
        forest="results/admission/{protocol}/random_forest_{subset}/predictions.parquet",
        code=sources("evaluation.pooling"),
    output:
        "results/admission/{protocol}/late_fusion_{subset}/predictions.parquet",
    log:
        "results/logs/fuse_models/{protocol}_{subset}.log",
    benchmark:
        "results/benchmarks/fuse_models/{protocol}_{subset}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    script:
        "../workflow/scripts/fuse_models.py"


rule write_cross_validation:
    """The pooled files of the published five-fold code, of nested folds."""
    input:
        predictions=published_member("results/admission/nested/{member}/predictions.parquet"),
        code=sources("admission.cross_validation"),
    output:
        summary="results/{family}{subset}_performance/{subset}_stays_cv_summary.csv",
        predictions="results/{family}{subset}_performance/{subset}_stays_val_predictions.csv",
        curves="results/{family}{subset}_performance/{subset}_stays_cv_roc_prc_data.npz",
        roc="results/{family}{subset}_performance/{subset}_stays_cv_roc.png",
        prc="results/{family}{subset}_performance/{subset}_stays_cv_prc.png",
    log:
        "results/logs/write_cross_validation/{family}{subset}.log",
    benchmark:
        "results/benchmarks/write_cross_validation/{family}{subset}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study("admission"),
    script:
        "../workflow/scripts/write_cross_validation.py"


rule write_fold:
    """Weights, passes and loss of one nested fold, under their published names."""
    input:
        checkpoint=published_member("results/scenarios/nested_{fold}/{member}.pth"),
        history=published_member("results/scenarios/nested_{fold}/admission/{member}/history.csv"),
        code=sources("admission.cross_validation"),
    output:
        checkpoint="results/{network}{subset}_performance/{subset}_stays_fold{fold}_best_model.pth",
        metrics="results/{network}{subset}_performance/{subset}_stays_fold{fold}_metrics.csv",
        loss="results/{network}{subset}_performance/{subset}_stays_fold{fold}_loss.png",
    log:
        "results/logs/write_fold/{network}{subset}_{fold}.log",
    benchmark:
        "results/benchmarks/write_fold/{network}{subset}_{fold}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        study=study("admission"),
    script:
        "../workflow/scripts/write_fold.py"


rule explain_baseline:
    """Permutation and SHAP importance of a baseline on the test patients of a fold."""
    input:
        final_ecgs=at("final_ecgs.parquet"),
        spine=at("cohort/spine.parquet"),
        code=sources("admission.explanations.explain_baselines"),
    output:
        "results/{scenario}admission/explanations/{kind}_{subset}.csv",
    log:
        "results/{scenario}logs/explain_baseline/{kind}_{subset}.log",
    benchmark:
        "results/{scenario}benchmarks/explain_baseline/{kind}_{subset}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(3000),
        runtime="4h",
    params:
        options=setting("baselines/{kind}"),
        acuity_median=setting("features/acuity_median"),
        repeats=lookup("explanations/permutation_repeats", within=config),
        shap_rows=lookup("explanations/shap_rows", within=config),
        seed=setting("seed/weights"),
    script:
        "../workflow/scripts/explain_baseline.py"


rule combine_importance:
    """Importance of each feature over the folds, and the leading ones drawn."""
    input:
        **{
            name: collect(
                "results/scenarios/{fold}/admission/explanations/{baseline}.csv",
                baseline=name,
                fold=protocols.folds("nested", config),
            )
            for name in BASELINES
        },
        code=sources("evaluation.importance"),
    output:
        table="results/admission/explanations/importance.csv",
        training=report(
            "results/admission/explanations/importance_training.png",
            caption="../workflow/report/admission/importance.rst",
            category="admission",
            labels={"figure": "feature importance, impurity and gain"},
        ),
        permutation=report(
            "results/admission/explanations/importance_permutation.png",
            caption="../workflow/report/admission/importance.rst",
            category="admission",
            labels={"figure": "feature importance, permutation"},
        ),
        shap=report(
            "results/admission/explanations/importance_shap.png",
            caption="../workflow/report/admission/importance.rst",
            category="admission",
            labels={"figure": "feature importance, SHAP"},
        ),
    log:
        "results/logs/combine_importance.log",
    benchmark:
        "results/benchmarks/combine_importance.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        subsets={name: COMPARED[name] for name in BASELINES},
        study=study("admission"),
    script:
        "../workflow/scripts/combine_importance.py"


# The main model with all that it reads of a stay, and as it was trained.
EXPLAINED = dict(
    weights="results/all_stays_model.pth",
    final_ecgs="results/final_ecgs.parquet",
    gsn_etc="results/features/gsn_etc.parquet",
    vitals="results/vitals_long_cleaned.parquet",
    cohort_ecgs="results/cohort/ecgs.parquet",
    spine="results/cohort/spine.parquet",
    stores=shards("results/ecg/store/{shard}.npy"),
    indices=shards("results/ecg/store/{shard}.parquet"),
    network=network_files,
)
AS_TRAINED = dict(
    preprocessing={
        **options("features", "acuity_median", "outliers"),
        **options("vitals", "imputer_rows", "max_rows"),
        **options("split", "stopping", "multi"),
    },
    architecture=lookup("encoder/architecture", within=config),
    steps=lookup("explanations/attribution_steps", within=config),
    positive_class=lookup("cohort/positive_class", within=config),
    study=study("admission"),
)


rule explain_model:
    """Integrated gradients of the multimodal model: static features, and four ECGs on paper."""
    input:
        **EXPLAINED,
        code=sources("admission.explanations.explain_models", "admission.inputs"),
    output:
        attributions="results/admission/explanations/attributions.csv",
        true_positive="results/admission/explanations/ecg_true_positive.png",
        false_positive="results/admission/explanations/ecg_false_positive.png",
        true_negative="results/admission/explanations/ecg_true_negative.png",
        false_negative="results/admission/explanations/ecg_false_negative.png",
    log:
        "results/logs/explain_model.log",
    benchmark:
        "results/benchmarks/explain_model.tsv"
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="4h",
        gpu=1,
    params:
        **AS_TRAINED,
        rows=lookup("explanations/attribution_rows", within=config),
    script:
        "../workflow/scripts/explain_model.py"


rule explain_stay:
    """What the features and the ECGs of one stay add to its prediction; asked for by its id."""
    input:
        **EXPLAINED,
        code=sources("admission.explanations.explain_stay", "admission.inputs"),
    output:
        table="results/admission/explanations/stays/{stay_id}.csv",
        ecg="results/admission/explanations/stays/{stay_id}.png",
    log:
        "results/logs/explain_stay/{stay_id}.log",
    benchmark:
        "results/benchmarks/explain_stay/{stay_id}.tsv"
    wildcard_constraints:
        stay_id="[0-9]+",
    conda:
        "../envs/gpu.yaml"
    resources:
        mem_mb=memory(4000),
        runtime="1h",
        gpu=1,
    params:
        **AS_TRAINED,
    script:
        "../workflow/scripts/explain_stay.py"


rule ablate_branches:
    """The multimodal model trained anew without ECGs, vital signs or static features."""
    input:
        full="results/admission/all_stays_model/predictions.parquet",
        removed=collect(
            "results/scenarios/{name}/admission/all_stays_model/predictions.parquet",
            name=ABLATIONS.values(),
        ),
        code=sources("admission.ablation"),
    output:
        table="results/admission/explanations/ablation.csv",
        figure=report(
            "results/admission/explanations/ablation.png",
            caption="../workflow/report/admission/ablation.rst",
            category="admission",
            labels={"figure": "branch ablation"},
        ),
    log:
        "results/logs/ablate_branches.log",
    benchmark:
        "results/benchmarks/ablate_branches.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="30m",
    params:
        branches=list(ABLATIONS),
        study=study("admission"),
    script:
        "../workflow/scripts/ablate_branches.py"


rule price_defects:
    """What each known defect of the published pipeline is worth, our rule beside the published."""
    input:
        predictions=[path for pair in PRICED.values() for path in pair],
        code=sources("admission.price"),
    output:
        report(
            "results/admission/price_of_defects.csv",
            caption="../workflow/report/admission/price_of_defects.rst",
            category="admission",
            labels={"table": "price of defects"},
        ),
    log:
        "results/logs/price_defects.log",
    benchmark:
        "results/benchmarks/price_defects.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(1000),
        runtime="1h",
    params:
        predictions=PRICED,
        study=study("admission"),
    script:
        "../workflow/scripts/price_defects.py"
