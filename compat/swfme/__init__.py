"""sWFME's names on Penstock: `penstock.processes`, whose classes in its older dialect answer False instead of raising."""

from penstock_compat import step_back

step_back(__name__)
