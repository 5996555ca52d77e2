"""What is looked at before all else, and what all chapters share: names, paths, and the parameters of a scenario; no rules."""

from pathlib import Path

from snakemake.io import sourcecache_entry

from mimicflow.admission import protocols
from mimicflow.admission.agreement import disagreements as of_admission
from mimicflow.arrest.agreement import disagreements as of_arrest
from mimicflow.audit.agreement import disagreements as of_audit
from mimicflow.audit import scenarios as audits
from mimicflow.concepts import sql_files, static_features
from mimicflow.mortality import protocols as mortality_protocols
from mimicflow.mortality.agreement import disagreements as of_mortality
from mimicflow.raw.awaited import count_arrivals
from mimicflow.raw.needs import check_raw
from mimicflow.running import origin
from mimicflow.running.agreement import check_agreement
from mimicflow.running.configuration import complete, merged, read_overlay
from mimicflow.running.identity import announce
from mimicflow.running.lock import record_owner
from mimicflow.running.own_scenarios import CONFIGURATION, own_scenarios, require_scenarios
from mimicflow.running.place import Place, announce_package, call_first
from mimicflow.running.privacy import is_private, keep_private
from mimicflow.running.progress import keep_quiet
from mimicflow.running.scenarios import Scenario, Scenarios, words_of_keys
from mimicflow.running.starting.scheduling import sleep_while_jobs_run
from mimicflow.running.sources import PACKAGE, content_of, package_file
from mimicflow.running.sources import sources as sources_of
from mimicflow.running.storage import check_place, check_writable

PLACE = Place(
    workflow.current_basedir.join(".."), workflow.sourcecache, workflow.modifier.path_modifier
)
OWN_RULES = workflow.modifier.rules  # without those of a workflow that imports this one
check_place(str(PLACE))


configfile: PLACE.own("config.yaml")


SCHEMA = PLACE.own("workflow/schemas/config.schema.yaml")
DISAGREEMENTS = [of_admission, of_mortality, of_arrest, of_audit]
if workflow.modifier.skip_configfile:  # a workflow that imports this one gives what is to differ
    config = merged(read_overlay(PLACE.own("config.yaml")), config)
WRITTEN = config  # scenarios change it as it is written
config = complete(config, SCHEMA)
if PLACE.moves:
    config["data"] = origin.absolute(config["data"])  # only what is made here is moved
check_agreement(config, *DISAGREEMENTS)
announce_package()
announce()  # jobs end when this process does, and never write into the run of another
keep_quiet(workflow.output_settings.quiet)

if is_private(config):
    # Jobs inherit the mask; one on a cluster reads this file itself. Snakemake's own folder has its log.
    for folder in (PLACE.results, ".snakemake"):
        keep_private(folder)

if workflow.storage_settings.default_storage_provider:

    # On Kubernetes jobs read from the volume itself, not from a copy (docs/kubernetes.md).
    inputflags:
        access.sequential,


def look_before_first_job(log):
    """What would stop a job in hours is looked at now."""
    check_writable(PLACE.results)
    record_owner(jobs_elsewhere=workflow.non_local_exec)
    jobs = [job for job in workflow.dag.needrun_jobs() if job.rule in OWN_RULES]
    check_raw(config["data"], *raw_needs(jobs))
    sleep_while_jobs_run(workflow.scheduler)


onstart:
    look_before_first_job(log)


if not workflow.modifier.is_main_snakefile():
    call_first(workflow, look_before_first_job)

SHARDS = range(config["ingest"]["shards"])
# GPUs of a training job; Snakemake counts them as a resource, hence another number reruns nothing.
DEVICES = config["computing"]["devices"]
# What of the rest can change a result.
COMPUTING = {
    key: config["computing"][key] for key in ("precision", "tf32", "deterministic", "compile")
}
# Folds, defects brought back, ablations, what the audit asks: the same rules under results/scenarios/{name}/.
RELEASE = read_overlay(PLACE.own("presets/published.yaml"))
BUILT_IN = [*protocols.scenarios(config), *audits.scenarios(config, RELEASE)]
# Those that the configuration names, and repeats.
OWN_SCENARIOS = own_scenarios(
    WRITTEN,
    SCHEMA,
    DISAGREEMENTS,
    taken=[scenario.name for scenario in BUILT_IN],
    can_change=lambda key: Scenarios(config, []).can_change(key)
    or key.startswith(mortality_protocols.CHANGED),
)
SCENARIOS = Scenarios(config, [*BUILT_IN, *OWN_SCENARIOS])
# What is evaluated of each system; a chapter of it says so: its models with their subset of stays, where
# their predictions and all its stays lie and which column names a row, the protocol to judge by, where its features lie, how many predictors the main
# model may choose from, the model that is drawn by subgroup, and the protocols that let reported patients, or what comes after
# the prediction, take part.
EVALUATED = {}


wildcard_constraints:
    module="hosp|icu|ed|ecg",
    table="[a-z_]+",
    shard="[0-9]+",
    scenario="(scenarios/[a-z0-9_]+/)?",


def memory(mb):
    """A resource: this many MB, times the attempt, so that a job that was killed for it gets more."""

    def memory_of_attempt(wildcards, attempt):
        return mb * attempt

    return memory_of_attempt


def sources(*names):
    """The files behind modules or files of the package, with all that they read; as inputs.

    From elsewhere they are known by their names in the package, and not by their times: wherever a
    new version is installed, only what it changes reruns (see `rerun_by_content`).
    """
    if PLACE.is_here:
        return sources_of(*names)
    return [
        ancient(sourcecache_entry(str(PACKAGE / name), f"{PACKAGE.name}/{name}"))
        for name in sources_of(*names, relative_to=PACKAGE)
    ]


def move_results(rules):
    """Have parameters name the results where an importing workflow has moved them."""
    if not workflow.storage_settings.default_storage_provider:  # its paths begin elsewhere
        PLACE.check_moved([path for rule in rules for path in rule.output])
    for moving in rules if PLACE.moves else []:
        named = {name: PLACE.parameter(value) for name, value in moving.params.items()}
        if moving.script:
            named["results"] = PLACE.results  # for whoever asks `results_folder`
        moving.params.clear()
        moving.set_params(**named)


def rerun_by_content(rules):
    """Give each rule its code as a parameter: `touch` changes nothing, an older time hides nothing."""
    for changing in rules:
        if changing.script:
            changing.set_params(code=code_content(changing.script, changing.input.code))


def code_content(script, code):
    """A parameter: one hash of a rule's adapter and of what it names as its code."""
    adapter = PLACE.own(f"workflow/scripts/{script.rpartition('/')[2]}")

    function = (
        getattr(code, "callable", None) or code
    )  # with input flags Snakemake wraps a function

    # A function of the inputs themselves would rerun nothing: Snakemake leaves what follows from them aside.
    def content_of_code(wildcards):
        files = function(wildcards) if callable(function) else code
        return content_of([adapter, *map(package_file, files)])

    return content_of_code


def concept(name):
    """The SQL files of a clinical concept, and what all concepts share."""
    return ["concepts/macros.sql", *sql_files(name)]


def shards(path):
    """The path for every shard, other wildcards untouched."""
    return [path.replace("{shard}", str(shard)) for shard in SHARDS]


def shards_of(tables):
    """The shards of raw tables, such as hosp/admissions, by the name that SQL has for each."""
    return {
        Path(table).name: shards(f"results/tables/{table}/{{shard}}.parquet") for table in tables
    }


def at(paths):
    """An input function: where the rule's scenario finds files, its own or those it shares."""

    def path_of_scenario(wildcards):
        name = scenario_of(wildcards)
        listed = [paths] if isinstance(paths, str) else paths
        found = [f"results/{SCENARIOS.folder(name, path)}{path}" for path in listed]
        found = [path.format(**dict(wildcards.items())) for path in found]
        return found[0] if isinstance(paths, str) else found

    return path_of_scenario


def setting(path):
    """A parameter: this part of the configuration, as the rule's scenario has it."""

    def part_of_scenario(wildcards):
        part = SCENARIOS.config(scenario_of(wildcards))
        for key in path.format(**dict(wildcards.items())).split("/"):
            part = part[key]
        return part

    return part_of_scenario


def chosen(**sections):
    """A parameter: these keys of these sections and no others, so that only they rerun a rule."""

    def keys_of_scenario(wildcards):
        whole = SCENARIOS.config(scenario_of(wildcards))
        return {key: whole[section][key] for section, keys in sections.items() for key in keys}

    return keys_of_scenario


def study(*names):
    """A parameter: the `Study` of a rule, of the raw data of these systems; its own unless named.

    A function of `input` would not do: Snakemake sees no change in what such a function returns.
    """

    def study_of_rule(wildcards):
        return {
            "synthetic": is_synthetic(*names)(wildcards),
            "key": (
                EVALUATED[wildcards.system]["row"] if "system" in wildcards.keys() else "stay_id"
            ),
            "seed": config["seed"]["split"],
        }

    return study_of_rule


def scenario_of(wildcards):
    """The name of the rule's scenario; empty for the configuration itself."""
    return getattr(wildcards, "scenario", "").removeprefix("scenarios/").rstrip("/")


def arrivals(path):
    """A parameter: how often files that the jobs before could not use have come since, by their list."""

    def arrivals_of_job(wildcards):
        return count_arrivals(PLACE.moved(path.format(**dict(wildcards.items()))))

    return arrivals_of_job


def options(section, *keys):
    """These keys of a section of the configuration, and no others, so that only they rerun a rule."""
    return {key: config[section][key] for key in keys}
