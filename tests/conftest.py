"""What all tests share: how long an example takes says nothing about right and wrong."""

from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("no clock", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


class BrowserApart(LoadScopeScheduling):
    """Gives all tests of the browser to one worker, where they share it, and the other files to whoever is free."""

    def _split_scope(self, nodeid):
        return "browser" if nodeid.startswith("tests/browser/") else nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config, log):
    return BrowserApart(config, log)
