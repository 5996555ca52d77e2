"""The commands ``mimicflow encoder``: weights of one's own, before the workflow takes them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mimicflow.running.storage import folder_named

app = typer.Typer(help="An ECG encoder of one's own (encoder.file).", no_args_is_help=True)


@app.command()
def describe(
    weights: Annotated[
        Path, typer.Argument(help="File of weights, .safetensors or .pth.", metavar="WEIGHTS")
    ],
    architecture: Annotated[
        str, typer.Option(help="As encoder.architecture: resnet1d, or FILE.py:CLASS.")
    ] = "resnet1d",
    source: Annotated[str, typer.Option(help="Where they are from, whose ECGs taught them.")] = "",
    licence: Annotated[str, typer.Option(help="Their licence.")] = "",
) -> None:
    """Write the contract of weights beside them, as .yaml, and print the configuration they want.

    Weights that mimicflow has pretrained say of themselves what they were trained on. For others
    write the contract without sha256 and golden numbers first; this adds them and checks the rest.
    """
    import yaml  # noqa: PLC0415

    from mimicflow.ecg.given.contract import contract_of  # noqa: PLC0415
    from mimicflow.ecg.given.describing import describe_encoder  # noqa: PLC0415

    keys = describe_encoder(weights, architecture=architecture, source=source, licence=licence)
    typer.echo(f"# {contract_of(weights)} is complete. In your configuration:")
    typer.echo(yaml.safe_dump(keys, sort_keys=False, default_flow_style=None).rstrip())


@app.command()
def golden(
    folder: Annotated[
        Path, typer.Argument(help="Where to write them.", metavar="[FOLDER]", parser=folder_named)
    ] = Path(),
) -> None:
    """Write the two golden ECGs as CSV: 12 leads in mV at 500 Hz, of no patient.

    Whoever trained the weights runs them through their own preparation and network, and writes the
    norm and the first eight numbers of each embedding into the contract.
    """
    from mimicflow.ecg.given.describing import write_golden  # noqa: PLC0415

    for file in write_golden(folder):
        typer.echo(f"wrote {file}")
