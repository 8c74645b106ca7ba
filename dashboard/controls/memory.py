"""What a session keeps of what was computed, and the one place that bounds it."""

from dashboard.controls.session import KEPT_KEY, USED_KEY, state
from dashboard.scenario import PAGE_BYTES, SESSION_BYTES
from dashboard.sizes import size_of


def keep_within_bounds() -> None:
    """Forget what other pages have computed once that takes more than is left beside the page's own records.

    They go together, since some are known by the identity of others. A page computes anew what it does not find.
    """
    kept: dict[str, int] = state[KEPT_KEY]
    idle = kept.keys() - state[USED_KEY]
    for name in idle:
        kept[name] = kept[name] or 1 + size_of(state.get(name))
    if sum(kept[name] for name in idle) > SESSION_BYTES - PAGE_BYTES:
        for name in idle:
            del kept[name]
            state.pop(name, None)
