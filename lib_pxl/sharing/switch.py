"""The switch of the WebUI that a data folder lies in, for commands, which run beside it and not inside."""

from __future__ import annotations

import json
from pathlib import Path

from lib_pxl.share.consent import SWITCH

SETTINGS = "config.json"


def switched_off(data: Path) -> str:
    """Why nothing may leave, or nothing; settings that cannot be read may say so too."""
    file = data.absolute().parent / SETTINGS
    if not file.is_file():
        return ""
    try:
        settings = json.loads(file.read_bytes())
    except (OSError, ValueError) as error:
        return f"the settings in {file.name} cannot be read ({error}), and they may say that nothing is shared"
    is_off = isinstance(settings, dict) and settings.get(SWITCH)
    return "sharing is switched off in the WebUI's settings, under pxl" if is_off else ""
