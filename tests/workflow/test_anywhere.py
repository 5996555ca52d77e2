"""The workflow started from elsewhere, imported as a module, and in a project of one's own."""

import pickle

import pytest
import yaml
from checkouts import Checkout, copy_repository
from sandboxes import list_jobs

PATIENTS = "tables/hosp/patients/0.parquet"
HEADER = "subject_id,gender,anchor_age,anchor_year,anchor_year_group,dod\n"
MODULE = """\
module mimicflow:
    snakefile: "{snakefile}"
    config: config
    {moved}

"""


@pytest.fixture(scope="module")
def checkout(repository, tmp_path_factory):
    return copy_repository(repository, tmp_path_factory.mktemp("anywhere") / "mimicflow")


@pytest.fixture
def elsewhere(checkout, tmp_path):
    """A folder with a table of its own and an overlay that names it, from there."""
    (tmp_path / "raw/hosp").mkdir(parents=True)
    rows = "".join(f"{i},F,50,2150,2011 - 2013,\n" for i in range(1, 40))
    (tmp_path / "raw/hosp/patients.csv").write_text(HEADER + rows)
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump({"data": {"hosp": "raw/hosp"}}))
    return Checkout(tmp_path, uses=checkout.folder)


def made(run):
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout + run.stderr


def importing(folder, checkout, moved="", rules="use rule * from mimicflow", more=""):
    """Write a Snakefile that imports the workflow."""
    module = MODULE.format(snakefile=checkout.folder / "Snakefile", moved=moved)
    (folder / "Snakefile").write_text(f"{module}{rules}\n{more}")


def test_from_any_folder_results_lie_below_it_and_a_moved_workflow_reruns_nothing(
    checkout, elsewhere, repository, tmp_path_factory
):
    asked = (f"results/{PATIENTS}", "--configfile", "mine.yaml")

    said = made(elsewhere.snakemake("--snakefile", f"{checkout.folder}/Snakefile", *asked))

    assert "ingest_table" in said and "make_hospital" not in said
    assert (elsewhere.folder / f"results/{PATIENTS}").is_file()
    assert not (checkout.folder / "results").exists()
    another = copy_repository(repository, tmp_path_factory.mktemp("moved") / "other")
    moved = Checkout(elsewhere.folder, uses=another.folder)
    assert moved.planned("--snakefile", f"{another.folder}/Snakefile", *asked) == {}


def test_in_a_directory_that_is_named_results_lie_below_it(checkout, elsewhere):
    checkout_before = sorted(checkout.folder.iterdir())
    asked = ("--directory", str(elsewhere.folder), f"results/{PATIENTS}")
    asked = (*asked, "--configfile", str(elsewhere.folder / "mine.yaml"))

    made(checkout.mimicflow("run", *asked))  # with all cores, as nobody says how many

    assert (elsewhere.folder / f"results/{PATIENTS}").is_file()
    assert sorted(checkout.folder.iterdir()) == checkout_before
    assert checkout.planned(*asked) == {}


def test_an_imported_workflow_makes_all_below_its_prefix(checkout, elsewhere):
    """Its hospital too, which a parameter names; what it looks at before a job is looked at."""
    own = """
rule mine:
    input: "imported/results/tables/hosp/patients/0.parquet"
    output: "mine.txt"
    default_target: True
    shell: "touch {output}"

onstart:
    print("our own start")
"""
    importing(
        elsewhere.folder,
        checkout,
        moved='prefix: "imported"',
        rules="use rule * from mimicflow as mimicflow_*",
        more=own,
    )
    (elsewhere.folder / "mine.yaml").write_text(yaml.safe_dump({"synthetic": {"n_patients": 60}}))

    said = made(elsewhere.snakemake("--configfile", "mine.yaml"))

    assert "mimicflow_make_hospital" in said and "our own start" in said
    assert (elsewhere.folder / f"imported/results/{PATIENTS}").is_file()
    assert not (elsewhere.folder / "results").exists()
    assert len(list((elsewhere.folder / ".snakemake/owners").iterdir())) == 1
    assert elsewhere.planned("--configfile", "mine.yaml") == {}


def test_results_are_moved_as_a_whole_and_raw_folders_stay(checkout, elsewhere):
    importing(elsewhere.folder, checkout, moved='replace_prefix: {"results/": "out/"}')

    made(elsewhere.snakemake(f"out/{PATIENTS}", "--configfile", "mine.yaml"))

    assert (elsewhere.folder / f"out/{PATIENTS}").is_file()
    assert (elsewhere.folder / "out/.raw_content.json").is_file()
    assert not (elsewhere.folder / "results").exists()
    assert elsewhere.planned(f"out/{PATIENTS}", "--configfile", "mine.yaml") == {}


def test_a_part_of_the_results_is_not_moved_alone(checkout, elsewhere):
    importing(elsewhere.folder, checkout, moved='replace_prefix: {"results/cohort/": "who/"}')

    run = elsewhere.snakemake("--dry-run")

    assert run.returncode != 0
    assert "replace results/ as a whole, or give a prefix" in run.stdout + run.stderr


def test_every_file_that_any_job_names_is_moved(checkout, elsewhere):
    importing(elsewhere.folder, checkout, moved='prefix: "imported"')
    tiny = str(checkout.folder / "presets/tiny.yaml")

    jobs = list_jobs(elsewhere, "all", "evaluation", "audit", "--configfile", tiny)

    named = {path for job in jobs for path in strings(pickle.loads(job["given"]))}  # noqa: S301
    assert len(jobs) > 400
    ours = {path for path in named if "results/" in path and str(checkout.folder) not in path}
    assert len(ours) > 1000
    assert [path for path in ours if not path.startswith("imported/results/")] == []


def strings(given):
    """All that stands in what an adapter is given."""
    waiting = [given.input, given.output, given.log, dict(given.params.items())]
    while waiting:
        match waiting.pop():
            case str() as text:
                yield text
            case dict() as mapping:
                waiting += [*mapping.keys(), *mapping.values()]
            case list() | tuple() | set() as values:
                waiting += values


def test_the_catalog_finds_the_workflow_and_its_targets(checkout, elsewhere):
    """In workflow/Snakefile, which imports it under the configuration of the command line."""
    snakefile = str(checkout.folder / "workflow/Snakefile")

    (elsewhere.folder / "mine.yaml").write_text("mortality: {priced_keys: []}\n")
    planned = elsewhere.planned("-s", snakefile, "mortality", "--configfile", "mine.yaml")

    assert planned["mortality"] == 1
    assert planned["train_visit_network"] == 9


def test_a_project_of_ones_own(checkout, tmp_path):
    """Made, planned, run and changed with nothing but its own files."""
    project = Checkout(tmp_path / "project", uses=checkout.folder)
    made(Checkout(tmp_path, uses=checkout.folder).mimicflow("init", "project"))
    lines = [line for line in (project.folder / "Snakefile").read_text().splitlines() if line]
    assert len(lines) <= 6
    config = project.folder / "config.yaml"
    config.write_text(config.read_text().replace("n_patients: 3000", "n_patients: 60"))

    made(project.mimicflow("run", f"results/{PATIENTS}"))

    assert (project.folder / f"results/{PATIENTS}").is_file()
    assert "Nothing to be done" in made(project.mimicflow("run", "-n", f"results/{PATIENTS}"))
    assert project.planned()["all"] == 1

    again = Checkout(tmp_path, uses=checkout.folder).mimicflow("init", "project")
    assert again.returncode == 1 and "Snakefile" in again.stderr and "already" in again.stderr
