"""Every setting of an installation: rows by group, how they are read, how they are shown.

read_settings    from the environment; raises `SettingsError`, which names the variable and the mend
"""

from service.settings.kinds import Clock, SettingsError, read_rate
from service.settings.page import settings_page, table
from service.settings.read import read_settings
from service.settings.table import LOOPBACK, NO_PAGES, Settings

__all__ = [
    "LOOPBACK",
    "NO_PAGES",
    "Clock",
    "Settings",
    "SettingsError",
    "read_rate",
    "read_settings",
    "settings_page",
    "table",
]
