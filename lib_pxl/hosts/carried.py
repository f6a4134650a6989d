"""The nokens that a picture carries in its infotext."""

from __future__ import annotations

from lib_pxl.errors import NokenError, Words
from lib_pxl.hosts.infotext import Infotext
from lib_pxl.hosts.job import Job
from lib_pxl.hosts.run import KEY
from lib_pxl.noken.carry import unpack
from lib_pxl.noken.genome import Noken
from lib_pxl.noken.individual import Individual
from lib_pxl.noken.pool import Pool


def carried(infotext: str) -> list[Noken]:
    """The nokens of an infotext, none where it carries none."""
    return [unpack(each) for each in Job.awake(Infotext.parse(infotext).settings.get(KEY)).nokens.vectors]


def take(pool: Pool, infotext: str) -> list[Individual]:
    """Take them into the pool."""
    nokens = carried(infotext)
    if not nokens:
        raise NokenError("picture", got=Words("one that carries no nokens"), wanted='one made with "carry": true')
    return pool.add(nokens)
