"""`python -m lib_pxl model`: train the small model, examine a model, or export it."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from lib_pxl.small import FOLDER

HELP = "train the small model, judge what a model draws, or export it to a WebUI"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
    train = ways.add_parser("train", help="train it again from nothing; goes on where it was stopped")
    train.add_argument("out", type=Path, help="a folder for checkpoints; the model ends in its folder `model`")
    judge = ways.add_parser("judge", help="draw unseen prompts, and say how often each trait is right")
    judge.add_argument("--count", type=int, default=500, help="how many prompts; default 500")
    judge.add_argument("--json", action="store_true", help="for a program to read")
    export = ways.add_parser("export", help="write it as a checkpoint that A1111 loads")
    export.add_argument("--to", choices=["webui"], required=True, help="what it is for")
    export.add_argument("folder", type=Path, help="the WebUI's models/Stable-diffusion")
    for each in (judge, export):
        each.add_argument("--model", metavar="PATH_OR_HUB_ID", default=str(FOLDER), help="default: the small model")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    return {"train": _train, "judge": _judge, "export": _export}[given.way](given)


def _train(given: argparse.Namespace) -> int:
    import torch

    from lib_pxl.small.train import train

    train(given.out, "cuda" if torch.cuda.is_available() else "cpu")
    return 0


def _judge(given: argparse.Namespace) -> int:
    import tempfile

    from tqdm import tqdm

    from lib_pxl.hosts import checkpoint
    from lib_pxl.hosts.diffusers import DiffusersHost
    from lib_pxl.small import exam

    pipe, name = checkpoint.load(given.model)
    with tempfile.TemporaryDirectory() as folder, tqdm(total=given.count, desc=name) as bar:
        scores = exam.sit(DiffusersHost(pipe, Path(folder), model=name), given.count, bar.update)
    if given.json:
        print(json.dumps({part: {row: asdict(each) for row, each in rows.items()} for part, rows in scores.items()}))
    else:
        for row in exam.rows(scores):
            print("".join(cell.ljust(18) for cell in row).rstrip())
    return 0


def _export(given: argparse.Namespace) -> int:
    from lib_pxl.hosts import checkpoint
    from lib_pxl.small.export import export

    pipe, name = checkpoint.load(given.model)
    print(export(pipe, given.folder, name))
    return 0
