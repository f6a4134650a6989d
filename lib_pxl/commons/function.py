"""The two functions that Lambda calls; what they are told comes from the template, by the environment."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any

from lib_pxl.commons import intake
from lib_pxl.commons.bucket import Bucket, open_bucket
from lib_pxl.commons.ticket import Limits, answer


def ticket(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one request to the function URL."""
    limits = Limits(int(os.environ["PXL_TICKETS_RATER"]), int(os.environ["PXL_TICKETS_ADDRESS"]))
    return answer(_bucket(), event, datetime.now(timezone.utc), limits)


def receive(event: dict[str, Any], context: object) -> None:
    """Take in what was uploaded or wished, or sweep."""
    intake.receive(_bucket(), event, datetime.now(timezone.utc))


@lru_cache(maxsize=1)
def _bucket() -> Bucket:
    return open_bucket(os.environ["PXL_BUCKET"])
