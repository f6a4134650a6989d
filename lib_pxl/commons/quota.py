"""How often a rater, or an address, may ask in a day, without anybody being able to say later who asked.

What is counted is a keyed hash of the name. The key is made anew each day and thrown away with the day's counts, so
that what may lie in a backup tells no address, not even to one who tries them all.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import random
import secrets
import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from lib_pxl.commons.bucket import Bucket

FOLDER = "quota/v1/"
TRIES = 8  # against others who count the same name at the same time
PAUSE = 0.02  # seconds, doubled after each


def spend(bucket: Bucket, limits: Mapping[str, int], now: datetime) -> int:
    """Count one more for each name; 0 if all were within their limits, else the seconds after which to ask again."""
    folder = f"{FOLDER}{now:%Y-%m-%d}/"
    key = _key_of_day(bucket, folder)
    for name, limit in limits.items():
        hidden = hmac.new(key, name.encode(), hashlib.sha256).hexdigest()
        if wait := _count(bucket, folder + hidden, limit, now):
            return wait
    return 0


def throw_away(bucket: Bucket, now: datetime) -> None:
    """Delete the counts of former days and the keys without which they mean nothing."""
    today = f"{FOLDER}{now:%Y-%m-%d}/"
    bucket.delete([key for key, _ in bucket.names(FOLDER) if key < today])


def person(address: str) -> str:
    """The part of an address that one household holds: all of an IPv4 address, 64 bits of an IPv6 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, ipaddress.IPv4Address):
        return str(found)
    return str(found.ipv4_mapped or ipaddress.ip_network((found, 64), strict=False))


def _key_of_day(bucket: Bucket, folder: str) -> bytes:
    while not (found := bucket.get(f"{folder}key")):
        bucket.swap(f"{folder}key", secrets.token_bytes(32), None)
    return found.data


def _count(bucket: Bucket, key: str, limit: int, now: datetime) -> int:
    for turn in range(TRIES):
        found = bucket.get(key)
        count = int(found.data) if found else 0
        if count >= limit:
            midnight = now.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=timezone.utc) + timedelta(days=1)
            return 1 + int((midnight - now).total_seconds())
        if bucket.swap(key, b"%d" % (count + 1), found.tag if found else None):
            return 0
        time.sleep(random.uniform(0, PAUSE * 2**turn))
    return 1
