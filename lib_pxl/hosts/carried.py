"""The nokens that a picture carries in its infotext."""

from __future__ import annotations

from lib_pxl.hosts.job import Job
from lib_pxl.hosts.run import KEY
from lib_pxl.noken.carry import unpack
from lib_pxl.noken.genome import Noken
from lib_pxl.store.infotext import Infotext


def carried(infotext: str) -> list[Noken]:
    """The nokens of an infotext, none where it carries none."""
    told = Infotext.parse(infotext).settings.get(KEY)
    return [unpack(each) for each in Job.awake(told).nokens.vectors]
