"""The WebUI's door to pxl: everything is put together here, and nothing else happens here."""

from lib_pxl.hosts import forge, script, webui
from lib_pxl.hosts.axis import axes
from lib_pxl.hosts.desk import Desk
from lib_pxl.hosts.job import SWITCHES
from lib_pxl.judging.grid import marker
from lib_pxl.rest import router
from lib_pxl.ui import panel, tab

host = forge.ForgeHost() if forge.present() else webui.WebuiHost()
desk = Desk(host.data)

PxlScript = script.register(
    host,
    desk,
    axes(lambda: desk.presets),
    panel=lambda name: panel.build(name, desk.key, SWITCHES),
    tab=lambda: tab.build(desk.key),
    mount=lambda app: app.include_router(router(desk, host)),
    mark=marker(desk),
)
