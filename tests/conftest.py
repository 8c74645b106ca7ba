"""What all tests share: how long an example takes says nothing about right and wrong."""

from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

settings.register_profile("no clock", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("no clock")


class BrowserApart(LoadScopeScheduling):
    """Gives out whole files: those of the browser to one worker and the others to the rest, until one kind is out.

    So as long as possible only one browser runs, which needs more than one processor, and all end together.
    """

    driver = None

    def _split_scope(self, nodeid):
        return nodeid.partition("::")[0]

    def _assign_work_unit(self, node):
        self.driver = self.driver or node
        fitting = (file for file in self.workqueue if file.startswith("tests/browser/") == (node is self.driver))
        file = next(fitting, None)
        if file:
            self.workqueue.move_to_end(file, last=False)
        super()._assign_work_unit(node)


def pytest_xdist_make_scheduler(config, log):
    return BrowserApart(config, log)
