"""`python -m lib_pxl share`: what the Share tab does but for saying yes, which belongs to the tab."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lib_pxl.store.folders import data_folder
from lib_pxl.taste.command import bar

if TYPE_CHECKING:
    from lib_pxl.sharing.office import Office

HELP = "look at what is shared, send it, take it back"
EXAMPLE = """examples:
  python -m lib_pxl share status
  python -m lib_pxl share preview > what-would-leave.jsonl
  python -m lib_pxl share send
  python -m lib_pxl share erase --wait
A yes is given on the Share tab alone."""
WAYS = {
    "status": "what was agreed to, what waits, and how far an erasure is",
    "preview": "the lines of all batches exactly as they would leave",
    "send": "let all that waits leave now, and stay until it has",
    "log": "what has left, when and to where",
    "withdraw": "share nothing more, and empty the outbox",
    "erase": "withdraw, and have all that was sent erased",
    "key": "write the key to a file for another machine, or take one in",
}
LONGEST = 60.0  # seconds between two tries while a person waits
FAILED = 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    ways = parser.add_subparsers(dest="way", required=True, metavar="WAY")
    for name, told in WAYS.items():
        way = ways.add_parser(name, help=told, description=told)
        if name == "key":
            way.add_argument("act", choices=("export", "import"))
            way.add_argument("file", type=Path, metavar="FILE")
        if name in ("send", "erase"):
            way.add_argument("--tries", type=int, default=3, help="how often to try what fails; default 3")
        if name == "erase":
            way.add_argument("--wait", action="store_true", help="stay until the erasure is confirmed, or tried enough")
        way.add_argument("--profile", default="me", help="whose opinions; default me")
        way.add_argument("--data-dir", type=Path, metavar="DIR", help="the data folder; default the usual one")
        way.add_argument("--json", action="store_true", help="for a program to read")


def run(given: argparse.Namespace) -> int:
    """Do it."""
    from lib_pxl.sharing.office import Office
    from lib_pxl.sharing.switch import switched_off
    from lib_pxl.sharing.tour import Tour

    data = data_folder(given.data_dir)
    office = Office(Tour(data, lambda: switched_off(data)), given.profile)
    acts: dict[str, Callable[[argparse.Namespace, Office], int]] = {
        "status": _status, "preview": _preview, "send": _send, "log": _log, "withdraw": _withdraw, "erase": _erase,
        "key": _key,
    }  # fmt: skip
    return acts[given.way](given, office)


def _status(given: argparse.Namespace, office: Office) -> int:
    state = office.state()
    _say(given, {name: value for name, value in state.items() if name not in ("text", "fields", "place")}, _spoken)
    return 0


def _preview(given: argparse.Namespace, office: Office) -> int:
    state = office.prepare()
    for each in state["batches"]:
        batch = office.batch(each["id"])
        if given.json:
            sys.stdout.write(json.dumps(batch, ensure_ascii=False) + "\n")
        else:
            sys.stdout.write("\n".join([batch["envelope"], *batch["lines"], ""]))
    return 0


def _send(given: argparse.Namespace, office: Office) -> int:
    state = office.prepare()
    ready = [each["id"] for each in state["batches"] if each["state"] == "ready"]
    if ready:
        office.send({"batches": ready})
    else:
        office.hurry()
    return _deliver(given, office)


def _deliver(given: argparse.Namespace, office: Office) -> int:
    """Step until nothing is left to do, or what is left was tried often enough."""
    from lib_pxl.share.net import Http

    own, http, tries = office.sharer, Http(), 1
    whole = max(1, len(own.outbox.batches()))
    progress = bar("sending")
    while (wait := own.step(http)) is not None:
        if wait > 0 and tries >= given.tries:
            break
        if wait > 0:
            tries += 1
            time.sleep(min(wait, LONGEST))
        progress(1 - len(own.outbox.batches()) / whole)
    unsent = [*own.outbox.batches(), *(each for each in own.outbox.log() if each.state == "leaving")]
    unerased = own.erasures.open()
    errors = [each.error for each in unsent if each.error] + [each.error for each in unerased if each.error]
    errors += [each.error for each in own.outbox.log() if each.state == "refused"]
    told = {"unsent": len(unsent), "unerased": len(unerased), "errors": errors}
    counted = f"{len(unsent)} batches are still to be sent, {len(unerased)} erasures to be confirmed\n"
    _say(given, told, lambda data: counted + "".join(f"  {each}\n" for each in errors))
    return FAILED if unsent or errors else 0


def _log(given: argparse.Namespace, office: Office) -> int:
    told = office.log()
    rows = [f"{each['left']}  {each['state']:<8} {each['count']:>4}  {each['target']}\n" for each in told["batches"]]
    _say(given, told, lambda data: "".join(rows) or "nothing has ever left\n")
    return 0


def _withdraw(given: argparse.Namespace, office: Office) -> int:
    state = office.withdraw()
    _say(given, {"answer": state["answer"]}, lambda data: "nothing more leaves, and the outbox is empty\n")
    return 0


def _erase(given: argparse.Namespace, office: Office) -> int:
    state = office.erase()
    if not state["places"]:
        _say(given, {"places": 0}, lambda data: "nothing was ever sent, so there is nothing to erase\n")
        return 0
    if given.wait:
        return _deliver(given, office)
    from lib_pxl.share.net import Http

    office.sharer.step(Http())
    _say(given, {"erasures": office.state()["erasures"]}, _spoken_erasures)
    return 0


def _key(given: argparse.Namespace, office: Office) -> int:
    from lib_pxl.share.identity import write

    if given.act == "import":
        rater = office.sharer.adopt(given.file)
    else:
        text, _ = office.key()
        rater = office.sharer.consents.rater()
        write(given.file, text)
    _say(given, {"rater": rater, "file": str(given.file)}, lambda data: f"{given.act}ed: rater {rater}\n")
    return 0


def _say(given: argparse.Namespace, told: dict[str, Any], spoken: Callable[[dict[str, Any]], str]) -> None:
    sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n" if given.json else spoken(told))


def _spoken(state: dict[str, Any]) -> str:
    answers = {"": "nobody was asked", "no": "no", "withdrawn": "withdrawn", "outdated": "yes, to an older text"}
    agreed = state["agreed"]
    lines = [f"closed: {state['closed']}"] if state["closed"] else []
    if agreed:
        lines += [f"you share {', '.join(agreed['fields'])}", f"to {agreed['name']}", f"as {agreed['rater']}"]
        lines += [f"since {agreed['since']} UTC"]
    else:
        lines += [f"nothing is shared (your answer: {answers[state['answer']]})"]
    counts = state["waiting"], len(state["batches"]), len(state["struck"])
    lines += ["{} records wait, {} batches are ready, {} records are struck out".format(*counts)]
    return "\n".join(lines) + "\n" + _spoken_erasures(state)


def _spoken_erasures(state: dict[str, Any]) -> str:
    return "".join(
        f"erasure at {each['target']}: {each['state']}" + (f" ({each['error']})" if each["error"] else "") + "\n"
        for each in state["erasures"]
    )
